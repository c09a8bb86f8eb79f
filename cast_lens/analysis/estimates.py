"""One number with its interval, and how it was made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int, Shaped

from cast_lens.records import Record

LEVEL = 0.95
RESAMPLES = 10_000
_TAILS = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
SETS_AT_ONCE = 200  # keeps the table of resampled means small


class Estimate(Record):
    """A value with a 95 % interval.

    Attributes:
        value, low, high: in the unit of the metric.
        n: items it rests on.
        method: how the interval was made.
    """

    aside: ClassVar = frozenset({"method"})

    value: float
    low: float
    high: float
    n: int
    method: str


def proportion(successes: Sequence[bool] | np.ndarray) -> Estimate:
    """A share with its Wilson score interval.

    Raises:
        ValueError: when there is no item.
    """
    from statsmodels.stats.proportion import proportion_confint

    outcomes = np.asarray(successes, dtype=bool)
    if outcomes.size == 0:
        raise ValueError("a share of no items")
    low, high = proportion_confint(
        int(outcomes.sum()), outcomes.size, alpha=1 - LEVEL, method="wilson"
    )
    return Estimate(
        value=float(outcomes.mean()),
        low=float(low),
        high=float(high),
        n=outcomes.size,
        method="Wilson",
    )


def mean(values: Float[np.ndarray, " item"], seed: int = 0) -> Estimate:
    """A mean with its percentile bootstrap interval over items."""
    return _bootstrap(np.asarray(values, dtype=float), seed, "bootstrap")


def paired_difference(
    after: Float[np.ndarray, " item"],
    before: Float[np.ndarray, " item"],
    seed: int = 0,
    *,
    clusters: Shaped[np.ndarray, " item"] | Sequence[str] | None = None,
) -> Estimate:
    """Mean of after - before over the same items, with a paired bootstrap interval.

    Percentiles are plain for items and expanded for clusters, see `cluster_intervals`. Where all
    change alike the bootstrap would claim certainty. The interval is then the exact
    (Clopper-Pearson) bound on the share of items that could do otherwise, on either side, which
    holds for outcomes between 0 and 1.

    Args:
        after, before: values of the same items.
        seed: of the bootstrap.
        clusters: which items belong together (a shared passage): whole clusters are then drawn,
            and are what must change alike.

    Raises:
        ValueError: when they are not of one length or empty.
    """
    after, before = np.asarray(after, dtype=float), np.asarray(before, dtype=float)
    if after.shape != before.shape or after.size == 0:
        raise ValueError(f"paired values need one length, got {after.shape} and {before.shape}")
    differences = after - before
    sums, sizes = cluster_sums(differences, clusters)
    changes = sums / sizes
    if np.ptp(changes) == 0:
        alike = float(changes[0])
        bound = 1 - ((1 - LEVEL) / 2) ** (1 / changes.size)
        outcomes = min(after.min(), before.min()) >= 0 and max(after.max(), before.max()) <= 1
        limit = 1.0 if outcomes else math.inf
        return Estimate(
            value=alike,
            low=max(-limit, alike - bound),
            high=min(limit, alike + bound),
            n=differences.size,
            method=f"exact, all {'items' if clusters is None else 'clusters'} change alike",
        )
    if clusters is None:
        return _bootstrap(differences, seed, "paired bootstrap")
    low, high = cluster_intervals(sums[None], sizes, seed)
    return Estimate(
        value=float(differences.mean()),
        low=float(low[0]),
        high=float(high[0]),
        n=differences.size,
        method=f"paired bootstrap of {sizes.size} clusters",
    )


def cluster_sums(
    values: Float[np.ndarray, " item"],
    clusters: Shaped[np.ndarray, " item"] | Sequence[str] | None,
) -> tuple[Float[np.ndarray, " cluster"], Int[np.ndarray, " cluster"]]:
    """Sum of the values of each cluster and its number of items; None: each item by itself.

    Raises:
        ValueError: when clusters do not name a group for each item.
    """
    if clusters is None:
        return values, np.ones(values.shape, dtype=int)
    names, where = np.unique(np.asarray(clusters), return_inverse=True)
    if where.shape != values.shape:
        raise ValueError(f"{values.size} items need a cluster each, got {where.size}")
    return np.bincount(where, values, len(names)), np.bincount(where, minlength=len(names))


def cluster_intervals(
    sums: Float[np.ndarray, "set cluster"], sizes: Int[np.ndarray, " cluster"], seed: int = 0
) -> tuple[Float[np.ndarray, " set"], Float[np.ndarray, " set"]]:
    """Ends of the bootstrap intervals of means over items, drawing whole clusters.

    Each row of `sums` is one data set; all have clusters of the same sizes. The mean of a draw is
    over the items it holds, which vary in number. Percentiles are expanded for the few clusters
    (Hesterberg 2015, arXiv 1411.5279): plain ones are too narrow, and with 10 clusters missed a
    difference of 0 in 10.6 % of 2,000 planted data sets.

    Raises:
        ValueError: when a value is not finite.
    """
    if not np.isfinite(sums).all():
        raise ValueError("a mean of values that are not finite")
    generator = np.random.default_rng(seed)
    tail = expanded_tail(sizes.size)
    even = np.full(sizes.size, 1 / sizes.size)
    # as floats, because products of whole numbers do not use the fast matrix routines
    drawn = generator.multinomial(sizes.size, even, size=RESAMPLES).astype(float)
    ends = [
        np.quantile(drawn @ some.T / (drawn @ sizes)[:, None], [tail, 1 - tail], axis=0)
        for some in np.split(sums, range(SETS_AT_ONCE, len(sums), SETS_AT_ONCE))
    ]
    low, high = np.concatenate(ends, axis=1)
    return low, high


def expanded_tail(units: int) -> float:
    """Share to cut off at either end: makes up for the spread of so few and for its uncertainty."""
    from scipy.stats import norm, t

    quantile = t.isf((1 - LEVEL) / 2, units - 1)
    return float(norm.sf(math.sqrt(units / (units - 1)) * quantile))


def _bootstrap(values: np.ndarray, seed: int, method: str) -> Estimate:
    if values.size == 0:
        raise ValueError("a mean of no items")
    if not np.isfinite(values).all():
        raise ValueError("a mean of values that are not finite")
    generator = np.random.default_rng(seed)
    # equal values need no resampling, and a draw of counts is the same as a draw of items
    levels, counts = np.unique(values, return_counts=True)
    drawn = generator.multinomial(values.size, counts / values.size, size=RESAMPLES)
    means = drawn @ levels / values.size
    low, high = np.quantile(means, _TAILS)
    return Estimate(
        value=float(values.mean()), low=float(low), high=float(high), n=values.size, method=method
    )
