"""Tests of paired differences, and the smallest difference that each could find.

Both tests ask the same: could the signs of the differences be a matter of chance? McNemar's is the
case where every difference is -1, 0 or 1. They are exact for differences symmetric about 0; what
they do where only the mean is 0 is measured in `validation`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int

ALPHA, POWER = 0.05, 0.8
FEWEST = 6  # the fewest changes that can give p < 0.05: 2 / 2**6
PATTERNS = 20_000  # up to so many different outcomes all are listed
DRAWS = 9_999
AT_ONCE = 1_111  # draws held at a time; divides DRAWS
DECIMALS = 12  # sizes that agree so far are the same number, up to rounding
SLACK = 1e-9  # sums that agree so far are tied

Counts = Int[np.ndarray, " set"]
Chances = Float[np.ndarray, " set"]


def mcnemar(helped: Counts, harmed: Counts) -> Chances:
    """Two-sided p of the exact McNemar test, for each pair of counts.

    It never rejects more often than it says, and with few changed items much less often.
    Source: McNemar 1947 with the binomial distribution in place of chi-square.
    """
    beyond, here = _tails(helped, harmed)
    return np.asarray(np.minimum(beyond + here, 1))  # rounding can pass 1


def mcnemar_mid(helped: Counts, harmed: Counts) -> Chances:
    """The same with half the weight of what was seen: nearer its nominal rate, no guarantee.

    Source: Fagerland, Lydersen and Laake 2013, BMC Medical Research Methodology 13:91.
    """
    beyond, here = _tails(helped, harmed)
    return np.asarray(beyond + here / 2)


def _tails(helped: Counts, harmed: Counts) -> tuple[Chances, Chances]:
    """Chance of a split less even than the one seen, and of one just as even."""
    from scipy.stats import binom

    fewer, changed = np.minimum(helped, harmed), np.add(helped, harmed)
    here = binom.pmf(fewer, changed, 0.5)
    sides = np.where(np.equal(helped, harmed), 1, 2)
    return np.asarray(2 * binom.cdf(fewer - 1, changed, 0.5)), np.asarray(sides * here)


def sign_flips(differences: Float[np.ndarray, "set unit"], seed: int = 0) -> Chances:
    """Two-sided p of the mean of each row, against all ways to flip the signs of its units.

    Exact where units are few or come in few sizes; else from 9,999 drawn flips, the one seen
    counted among them (Phipson and Smyth 2010), so that p is at least 0.0001. The same seed draws
    the same flips for every row.
    """
    beyond, here = _flipped(differences, seed)
    return np.asarray(np.minimum(beyond + here, 1))


def sign_flips_mid(differences: Float[np.ndarray, "set unit"], seed: int = 0) -> Chances:
    """The same with half the weight of sums as far from 0 as the one seen, as `mcnemar_mid`."""
    beyond, here = _flipped(differences, seed)
    return np.asarray(beyond + here / 2)


def _flipped(differences: Float[np.ndarray, "set unit"], seed: int) -> tuple[Chances, Chances]:
    """Chance of a sum further from 0 than the one seen, and of one just as far."""
    scale = np.abs(differences).max(axis=1, keepdims=True)
    scaled = np.round(differences / np.where(scale == 0, 1, scale), DECIMALS)
    tails = np.empty((2, len(scaled)))
    many = []
    for row, values in enumerate(scaled):
        sizes, counts = np.unique(np.abs(values[values != 0]), return_counts=True)
        if np.prod(counts + 1.0) <= PATTERNS:
            tails[:, row] = _listed(sizes, counts, abs(values.sum()))
        else:
            many.append(row)
    if many:
        tails[:, many] = _drawn(scaled[many], seed)
    return tails[0], tails[1]


def _listed(
    sizes: Float[np.ndarray, " size"], counts: Int[np.ndarray, " size"], seen: float
) -> tuple[float, float]:
    """Over all signs; units of one size differ only in how many of them are up."""
    sums, chances = np.zeros(1), np.ones(1)
    for size, count in zip(sizes, counts.tolist(), strict=True):
        sums = np.add.outer(sums, size * (2 * np.arange(count + 1) - count)).ravel()
        chances = np.multiply.outer(chances, _even(count)).ravel()
    further = np.abs(sums) - seen
    beyond = chances[further > SLACK].sum()
    return float(beyond), float(chances[further >= -SLACK].sum() - beyond)


@lru_cache(maxsize=1024)
def _even(count: int) -> Float[np.ndarray, " heads"]:
    """Chance of each number of heads among so many even coins."""
    from scipy.stats import binom

    return np.asarray(binom.pmf(np.arange(count + 1), count, 0.5))


def _drawn(scaled: Float[np.ndarray, "set unit"], seed: int) -> Float[np.ndarray, "tail set"]:
    generator = np.random.default_rng(seed)
    seen = np.abs(scaled.sum(axis=1))
    beyond, here = np.zeros(len(scaled)), np.ones(len(scaled))
    for _ in range(DRAWS // AT_ONCE):
        signs = generator.choice([-1.0, 1.0], size=(AT_ONCE, scaled.shape[1]))
        further = np.abs(signs @ scaled.T) - seen
        past = (further > SLACK).sum(axis=0)
        beyond += past
        here += (further >= -SLACK).sum(axis=0) - past
    return np.stack([beyond, here]) / (DRAWS + 1)


def detectable_share(n: int, discordance: float) -> float | None:
    """Smallest difference of two shares that exact McNemar finds with power 0.8 at 0.05.

    The power is summed over every possible outcome (Duffy 1984, Biometrics 40:1005): the number of
    changed items is binomial with the given discordance, the helped ones among them binomial with
    share (discordance + difference) / (2 discordance). A difference larger than the discordance
    cannot be; the discordance is then taken to equal it.

    Args:
        n: items.
        discordance: share of items whose outcome changes.

    Returns:
        None where no difference could be found.
    """
    from scipy.optimize import brentq
    from scipy.stats import binom

    if n < FEWEST:
        return None
    changed: Any = np.arange(n + 1)
    least = binom.isf(ALPHA / 2, changed, 0.5) + 1  # fewest helped that are significant

    def lacking(difference: float) -> float:
        share = max(discordance, difference)
        upward = (share + difference) / (2 * share)
        found = binom.sf(least - 1, changed, upward) + binom.cdf(changed - least, changed, upward)
        return POWER - float(binom.pmf(changed, n, share) @ found)

    return float(brentq(lacking, 1e-9, 1.0))


def detectable_shift(units: int, spread: float) -> float | None:
    """Smallest mean difference that sign flips find with power 0.8 at 0.05.

    Normal approximation, as in the power analysis of Miller 2024 (arXiv 2411.00640): spread
    (a / sqrt(units - a^2) + b / sqrt(units)), where a and b are the normal quantiles of 0.975 and
    0.8. The first part is where flips reject: they leave a mean m the variance (spread^2 + m^2) /
    units, and m = a times its root gives m = a spread / sqrt(units - a^2).

    Args:
        units: items, or clusters of them.
        spread: standard deviation of their differences.

    Returns:
        None where no difference could be found, or where nothing tells the spread (it is 0).
    """
    from scipy.stats import norm

    if units < FEWEST or spread == 0:
        return None
    a, b = float(norm.isf(ALPHA / 2)), float(norm.ppf(POWER))
    return spread * (a / math.sqrt(units - a**2) + b / math.sqrt(units))
