"""Greedy choice by marginal gain, where a gain is worked out only when it could be the largest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from cast_lens.analysis.selection.graph import settled
from cast_lens.analysis.selection.pool import Choice

Rows = Int[np.ndarray, " row"]


def lazy_greedy(
    gains: Callable[[Rows], Float[np.ndarray, " row"]],
    take: Callable[[int], None],
    examples: int,
    budget: int,
    block: int,
) -> Choice:
    """What plain greedy would choose, for gains that never grow as more is chosen.

    An old gain is then an upper bound: a row whose fresh gain is not below any bound is the best.

    Source: Leskovec et al., KDD 2007 (CELF).

    Args:
        gains: marginal gains of rows over what was taken.
        take: adds a row to what was taken.
        examples: rows in the pool.
        budget: rows to choose.
        block: gains worked out at a time.
    """
    bounds = settled(gains(np.arange(examples)))
    fresh = np.ones(examples, dtype=bool)
    rows, scores = [], []
    for _ in range(budget):
        while not fresh[row := int(bounds.argmax())]:
            old = np.flatnonzero(~fresh)
            old = old[np.argpartition(-bounds[old], min(block, old.size) - 1)[:block]]
            bounds[old] = settled(gains(old))
            fresh[old] = True
        rows.append(row)
        scores.append(bounds[row])
        take(row)
        bounds[row] = -np.inf
        fresh = bounds == -np.inf
    return Choice(np.array(rows), np.array(scores))
