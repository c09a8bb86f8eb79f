"""Two arms on the same items: how much, how sure, whom it helped and whom it harmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from cast_lens.analysis.estimates import Estimate, cluster_sums, paired_difference
from cast_lens.analysis.paired_tests import (
    DECIMALS,
    detectable_share,
    detectable_shift,
    mcnemar,
    mcnemar_mid,
    sign_flips,
    sign_flips_mid,
)
from cast_lens.records import Record


class Comparison(Record):
    """One arm against another on the same items.

    Attributes:
        difference: mean of after - before, with its bootstrap interval.
        p: two-sided, of the test named in `test`; not yet corrected for a family of tests.
        mid_p: the same with half the weight of what was seen: nearer its nominal rate where few
            items change, without a guarantee. Decide which of the two counts before seeing either.
        test: "exact McNemar" for single outcomes of 0 or 1; else "sign flips" of items, or "sign
            flips of clusters".
        helped, harmed: items that are better and worse after.
        n: items.
        smallest_detectable: the difference that the test finds with power 0.8 at 0.05, given n and
            the spread seen; None where no difference between such outcomes could be found, or where
            all change alike and nothing tells the spread.
    """

    difference: Estimate
    p: float
    mid_p: float
    test: str
    helped: int
    harmed: int
    n: int
    smallest_detectable: float | None


def compare_paired(
    after: Float[np.ndarray, " item"],
    before: Float[np.ndarray, " item"],
    *,
    clusters: Shaped[np.ndarray, " item"] | Sequence[str] | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare two arms on the same items, in the same order.

    Args:
        after, before: outcomes of 0 or 1, means of several draws of such, or any other number.
        clusters: which items share a passage; items of one cluster are not counted as independent.
        seed: of the bootstrap and of drawn sign flips.

    Raises:
        ValueError: when lengths differ, there is no item, or a value is not finite.
    """
    difference = paired_difference(after, before, seed, clusters=clusters)
    both = np.array([after, before], dtype=float)
    changes = np.round(both[0] - both[1], DECIMALS)
    found: dict[str, Any] = (
        _of_outcomes(changes)
        if clusters is None and np.isin(both, (0, 1)).all()
        else _of_numbers(changes, clusters, seed, shares=both.min() >= 0 and both.max() <= 1)
    )
    return Comparison(
        difference=difference,
        helped=int((changes > 0).sum()),
        harmed=int((changes < 0).sum()),
        n=changes.size,
        **found,
    )


def _of_outcomes(changes: Float[np.ndarray, " item"]) -> dict[str, Any]:
    counts = np.array([(changes > 0).sum()]), np.array([(changes < 0).sum()])
    return {
        "p": float(mcnemar(*counts)[0]),
        "mid_p": float(mcnemar_mid(*counts)[0]),
        "test": "exact McNemar",
        "smallest_detectable": detectable_share(changes.size, float(np.mean(changes != 0))),
    }


def _of_numbers(
    changes: Float[np.ndarray, " item"],
    clusters: Shaped[np.ndarray, " item"] | Sequence[str] | None,
    seed: int,
    *,
    shares: bool,
) -> dict[str, Any]:
    sums, sizes = cluster_sums(changes, clusters)
    return {
        "p": float(sign_flips(sums[None], seed)[0]),
        "mid_p": float(sign_flips_mid(sums[None], seed)[0]),
        "test": "sign flips" if clusters is None else "sign flips of clusters",
        "smallest_detectable": _detectable(sums, sizes, shares=shares),
    }


def _detectable(
    sums: Float[np.ndarray, " cluster"], sizes: Int[np.ndarray, " cluster"], *, shares: bool
) -> float | None:
    """The smallest shift, in the unit of one item; none if shares cannot differ by so much."""
    if sums.size == 1:
        return None
    # what the size of a cluster does not explain
    rest = (sums - sizes * sums.sum() / sizes.sum()) / sizes.mean()
    shift = detectable_shift(sums.size, round(float(np.std(rest, ddof=1)), DECIMALS))
    return None if shift is None or (shares and shift > 1) else shift
