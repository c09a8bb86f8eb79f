"""Paired outcomes whose truth is planted, many data sets at a time, to try tests on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

DRAWS = 3  # of a placebo
LOWEST, HIGHEST = 0.1, 0.6  # chances to be right of items under a placebo
SHARED = 0.7  # chance that an item does what its cluster does
SIZES = 8  # clusters have 1 to 8 items


class Clustered(NamedTuple):
    """Changes (-1, 0 or 1) of items that stand cluster by cluster."""

    changes: Float[np.ndarray, "set item"]
    sizes: Int[np.ndarray, " cluster"]

    @property
    def sums(self) -> Float[np.ndarray, "set cluster"]:
        """Change of each cluster, summed over its items."""
        starts = np.cumsum(self.sizes) - self.sizes
        return np.asarray(np.add.reduceat(self.changes, starts, axis=1))

    @property
    def counts(self) -> Int[np.ndarray, "set way"]:
        """Items helped and items harmed."""
        return np.stack([(self.changes > 0).sum(axis=1), (self.changes < 0).sum(axis=1)], axis=1)


def _fates(discordance: float, difference: float) -> Float[np.ndarray, " fate"]:
    """Chances to be helped, harmed and left alone."""
    share = max(discordance, difference)
    return np.array([(share + difference) / 2, (share - difference) / 2, 1 - share])


def outcome_counts(
    generator: np.random.Generator, sets: int, n: int, discordance: float, difference: float
) -> Int[np.ndarray, "set way"]:
    """Items helped and harmed of n items, each a yes or a no under either arm."""
    return generator.multinomial(n, _fates(discordance, difference), size=sets)[:, :2]


def outcomes(helped: int, harmed: int, n: int) -> Float[np.ndarray, "arm item"]:
    """The 0/1 outcomes, after and before, of which so many are helped and harmed."""
    arms = np.zeros((2, n))
    arms[0, :helped] = 1
    arms[1, helped : helped + harmed] = 1
    return arms


def against_placebo(
    generator: np.random.Generator, sets: int, n: int, difference: float
) -> Float[np.ndarray, "set item"]:
    """Outcome of one arm less the mean of 3 placebo draws; items differ in how easy they are.

    Even at a difference of 0 these changes are not symmetric, as most items are hard.
    """
    chance = generator.uniform(LOWEST, HIGHEST, size=(sets, n))
    after = generator.random((sets, n)) < np.clip(chance + difference, 0, 1)
    return np.asarray(after - generator.binomial(DRAWS, chance) / DRAWS)


def clustered(
    generator: np.random.Generator, sets: int, clusters: int, discordance: float, difference: float
) -> Clustered:
    """Items of clusters of 1 to 8: each does what its cluster does with chance 0.7, else its own.

    Each item alone has the chances that `outcome_counts` has.
    """
    sizes = np.arange(clusters) % SIZES + 1
    chances = np.cumsum(_fates(discordance, difference))[:2]

    def drawn(number: int) -> np.ndarray:
        fate = np.searchsorted(chances, generator.random((sets, number)), side="right")
        return np.array([1.0, -1.0, 0.0])[fate]

    shared = generator.random((sets, sizes.sum())) < SHARED
    changes = np.where(shared, np.repeat(drawn(clusters), sizes, axis=1), drawn(sizes.sum()))
    return Clustered(changes, sizes)


def p_values(
    generator: np.random.Generator, sets: int, tests: int, real: int, effect: float
) -> Float[np.ndarray, "set test"]:
    """Two-sided p of independent normal statistics, the first `real` of them moved by `effect`."""
    from scipy.stats import norm

    statistics = generator.normal(size=(sets, tests))
    statistics[:, :real] += effect
    return np.asarray(2 * norm.sf(np.abs(statistics)))
