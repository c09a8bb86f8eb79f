"""Can gains be told from facts known beforehand, on a target that was not looked at?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Shaped

from cast_lens.analysis.estimates import LEVEL, Estimate
from cast_lens.records import Record

RESAMPLES, PERMUTATIONS = 1_000, 999
Items = Float[np.ndarray, " item"]


class Forecast(Record):
    """How well gains on each target were forecast from all other targets.

    Attributes:
        correlation: mean over targets of Spearman's rank correlation between forecast and gain,
            within the target, so that easy and hard targets do not make one (arXiv 2604.02608).
            Interval: bootstrap over the items of each target; n counts pairs.
        p: two-sided, gains permuted among the pairs of each target.
        signs: share of pairs whose sign is right, the other targets' mean gain added.
        commoner: share of pairs with the commoner of the two signs.
    """

    correlation: Estimate
    p: float
    signs: float
    commoner: float


def forecast_gain(
    facts: Float[np.ndarray, "pair fact"],
    gains: Sequence[Items],
    targets: Sequence[str],
    seed: int = 0,
) -> Forecast:
    """Leave one target out, fit the others' gains by least squares, forecast its own.

    Facts and gains are taken relative to the mean of their target.

    Args:
        facts: of every pair of a source and a target.
        gains: of every pair, over the items of its target.
        targets: of every pair.
        seed: of bootstrap and permutations.

    Raises:
        ValueError: when there is only one target, or rows do not match.
    """
    names = np.array(targets)
    if len(facts) != len(gains) or len(gains) != len(names) or len(set(targets)) < 2:
        raise ValueError("a forecast needs facts and gains of the same pairs, of several targets")
    generator = np.random.default_rng(seed)
    means = np.array([gain.mean() for gain in gains])
    own, slopes = _within(facts.T, names).T, _slopes_of(facts, names)
    forecast = _forecast(own, slopes, means[None], names)
    value = float(_correlation(forecast, means[None], names)[0])
    others = [
        _resampled(gains, names, generator),
        _permuted(means, names, generator),
    ]
    drawn, permuted = (
        _correlation(_forecast(own, slopes, some, names), some, names) for some in others
    )
    as_far = int(np.sum(np.abs(permuted) >= abs(value) - 1e-12))
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    up = means > 0
    return Forecast(
        correlation=Estimate(
            value=value,
            low=float(low),
            high=float(high),
            n=len(means),
            method="bootstrap over items",
        ),
        p=(1 + as_far) / (1 + PERMUTATIONS),
        signs=float(np.mean((forecast[0] > 0) == up)),
        commoner=float(max(up.mean(), 1 - up.mean())),
    )


def _within(
    values: Float[np.ndarray, "*draw pair"], names: Shaped[np.ndarray, " pair"]
) -> Float[np.ndarray, "*draw pair"]:
    """Values minus the mean of their target."""
    centred = np.array(values, dtype=float)
    for name in set(names):
        centred[..., names == name] -= centred[..., names == name].mean(axis=-1, keepdims=True)
    return centred


def _slopes_of(
    facts: Float[np.ndarray, "pair fact"], names: Shaped[np.ndarray, " pair"]
) -> dict[str, Float[np.ndarray, "fact pair"]]:
    """For each target, what turns the others' centred gains into slopes."""
    own = _within(facts.T, names).T
    return {str(name): np.linalg.pinv(np.where(names[:, None] == name, 0, own)) for name in names}


def _forecast(
    own: Float[np.ndarray, "pair fact"],
    slopes_of: dict[str, Float[np.ndarray, "fact pair"]],
    means: Float[np.ndarray, "draw pair"],
    names: Shaped[np.ndarray, " pair"],
) -> Float[np.ndarray, "draw pair"]:
    """Every pair's gain from the other targets' pairs: their mean, and what the facts add."""
    centred, forecast = _within(means, names), np.zeros_like(means)
    for name, slopes in slopes_of.items():
        at = names == name
        fitted = np.where(at, 0, centred) @ slopes.T
        forecast[:, at] = fitted @ own[at].T + means[:, ~at].mean(axis=1, keepdims=True)
    return forecast


def _correlation(
    forecast: Float[np.ndarray, "draw pair"],
    means: Float[np.ndarray, "draw pair"],
    names: Shaped[np.ndarray, " pair"],
) -> Float[np.ndarray, " draw"]:
    """Mean over targets of the rank correlation within them; 0 where all are equal."""
    from scipy.stats import rankdata

    found = []
    for name in sorted(set(names)):
        at = names == name
        # rounding must not order forecasts that are equal
        a, b = (
            rankdata(values[:, at].round(12), axis=1) - (at.sum() + 1) / 2
            for values in (forecast, means)
        )
        size = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        found.append((a * b).sum(axis=1) / np.where(size == 0, 1, size))
    return np.asarray(np.mean(found, axis=0))


def _resampled(
    gains: Sequence[Items], names: Shaped[np.ndarray, " pair"], generator: np.random.Generator
) -> Float[np.ndarray, "draw pair"]:
    """Mean gains over items drawn with replacement, the same items for all pairs of a target."""
    means = np.zeros((RESAMPLES, len(gains)))
    for name in sorted(set(names)):
        pairs = np.flatnonzero(names == name)
        items = np.stack([gains[int(pair)] for pair in pairs])
        n = items.shape[1]
        means[:, pairs] = generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n @ items.T
    return means


def _permuted(
    means: Float[np.ndarray, " pair"],
    names: Shaped[np.ndarray, " pair"],
    generator: np.random.Generator,
) -> Float[np.ndarray, "draw pair"]:
    """Gains dealt anew among the pairs of each target."""
    dealt = np.tile(means, (PERMUTATIONS, 1))
    for name in sorted(set(names)):
        at = names == name
        dealt[:, at] = generator.permuted(dealt[:, at], axis=1)
    return dealt
