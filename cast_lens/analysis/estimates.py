"""One number with its interval, and how it was made."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict

LEVEL = 0.95
RESAMPLES = 10_000


class Estimate(BaseModel):
    """A value with a 95 % interval.

    Attributes:
        value, low, high: in the unit of the metric.
        n: items it rests on.
        method: how the interval was made.
    """

    model_config = ConfigDict(frozen=True)

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
    after: Float[np.ndarray, " item"], before: Float[np.ndarray, " item"], seed: int = 0
) -> Estimate:
    """Mean of after - before over the same items, with a paired percentile bootstrap interval.

    Where all items change alike the bootstrap would claim certainty. The interval is then the exact
    (Clopper-Pearson) bound on the share of items that could do otherwise, on either side, which
    holds for outcomes between 0 and 1.

    Raises:
        ValueError: when the two are not of one length or empty.
    """
    after, before = np.asarray(after, dtype=float), np.asarray(before, dtype=float)
    if after.shape != before.shape or after.size == 0:
        raise ValueError(f"paired values need one length, got {after.shape} and {before.shape}")
    differences = after - before
    if np.ptp(differences) == 0:
        alike = float(differences[0])
        bound = 1 - ((1 - LEVEL) / 2) ** (1 / differences.size)
        outcomes = min(after.min(), before.min()) >= 0 and max(after.max(), before.max()) <= 1
        limit = 1.0 if outcomes else math.inf
        return Estimate(
            value=alike,
            low=max(-limit, alike - bound),
            high=min(limit, alike + bound),
            n=differences.size,
            method="exact, all items change alike",
        )
    return _bootstrap(differences, seed, "paired bootstrap")


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
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(
        value=float(values.mean()), low=float(low), high=float(high), n=values.size, method=method
    )
