"""How far each example's influence spreads over the neighbour graph."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array
from scipy.stats import rankdata

from cast_lens.analysis.selection.graph import settled


def influences(edges: csr_array, gamma: float, steps: int) -> Float[np.ndarray, " example"]:
    """Inf(i) = sum over t = 1..T of gamma^t * ((P^T)^t 1)_i, to 9 decimals.

    What flows into i when every example starts with 1, hands it to its neighbours by weight at
    each of T steps, and a share gamma of it is kept.

    Source: the paper (arXiv 2507.13236) names gamma; that it weighs diffusion steps is our reading.

    Args:
        edges: P, shape (example, example), i's row its neighbours' weights.
        gamma: share kept at each step.
        steps: T.
    """
    backwards = edges.T.tocsr()
    flow = np.ones(edges.shape[0])
    total = np.zeros_like(flow)
    for _ in range(steps):
        flow = gamma * (backwards @ flow)
        total += flow
    return settled(total)


def ranks(values: Float[np.ndarray, " example"]) -> Float[np.ndarray, " example"]:
    """Ranks from 0 (lowest) to 1 (highest); equal values share their mean rank."""
    scaled: np.ndarray = (rankdata(values) - 1) / max(1, values.size - 1)
    return scaled
