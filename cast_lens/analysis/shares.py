"""How much of the variance of states lies between groups, and what permuted groups make of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, Shaped

from cast_lens.records import Record

PERMUTATIONS = 999
LEVEL = 0.95
States = Float[np.ndarray, "example width"]


class Share(Record):
    """How much of the variance of states lies between groups.

    Attributes:
        value: sum of squares between groups over the total, 0 to 1.
        null_high: 95th percentile of it when groups are permuted.
        p: share of permutations with as high a value, the observed one among them.
        groups: how many.
        n: examples.
        permutations: how many were drawn.
    """

    value: float
    null_high: float
    p: float
    groups: int
    n: int
    permutations: int


def share_between(
    states: States,
    groups: Sequence[str] | Shaped[np.ndarray, " example"],
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    *,
    within: Sequence[str] | None = None,
) -> Share:
    """Share of the variance of states that lies between groups, over all their coordinates.

    R squared of Anderson's (2001) permutational analysis of variance for Euclidean distances.

    Args:
        states: one row an example.
        groups: of each row.
        seed: of the permutations.
        permutations: how many are drawn.
        within: strata of the rows, such as their tasks. Then it is the share, of the variance
            within strata, that lies between the groups of each stratum, and groups are permuted
            within strata: what strata differ in is not the groups'.

    Raises:
        ValueError: when there is no group or stratum for each row, or all rows are the same.
    """
    n = len(states)
    strata = np.unique([""] * n if within is None else within, return_inverse=True)[1]
    names, of_rows = np.unique(np.asarray(groups), return_inverse=True)
    if of_rows.shape != (n,) or strata.shape != (n,):
        raise ValueError(f"{n} rows, not all the same, need a group each")
    places = [np.flatnonzero(strata == stratum) for stratum in range(strata.max() + 1)]
    states = np.asarray(states, dtype=float).copy()
    for place in places:
        states[place] -= states[place].mean(axis=0)
    total = float(np.sum(states**2))
    if total == 0:
        raise ValueError(f"{n} rows, not all the same, need a group each")
    member = strata * len(names) + of_rows
    counts = np.maximum(np.bincount(member, minlength=len(places) * len(names)), 1)

    def between(member: Int[np.ndarray, " example"]) -> float:
        sums = np.eye(len(counts))[member].T @ states
        return float(np.sum(sums**2 / counts[:, None]) / total)

    def permuted(generator: np.random.Generator) -> Int[np.ndarray, " example"]:
        drawn = member.copy()
        for place in places:
            drawn[place] = generator.permutation(member[place])
        return drawn

    generator = np.random.default_rng(seed)
    null = np.array([between(permuted(generator)) for _ in range(permutations)])
    value = between(member)
    return Share(
        value=value,
        null_high=float(np.quantile(null, LEVEL)),
        p=share_as_far(null >= value - rounding(value)),
        groups=len(names),
        n=n,
        permutations=permutations,
    )


def rounding(value: float) -> float:
    """What sums in another order may differ by, so that a tie counts as one."""
    return 1e-12 * max(1.0, abs(value))


def share_as_far(as_far: Shaped[np.ndarray, " draw"]) -> float:
    """p: the share of draws as far out as what was seen, which counts as a draw itself."""
    return float((1 + np.sum(as_far)) / (1 + len(as_far)))
