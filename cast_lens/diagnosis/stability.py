"""How stable a steering vector is, block by block."""

from __future__ import annotations

from collections.abc import Sequence

from cast_lens.analysis.stability import DRAWS, Stability, stability
from cast_lens.steer.states import ResidualStates


def vector_stability(
    differences: ResidualStates, sizes: Sequence[int], *, draws: int = DRAWS, seed: int = 0
) -> tuple[Stability, ...]:
    """Agreement of the mean over N examples with that over N others, one record a block.

    Args:
        differences: of a pool of examples, as `contrast` gives them.
        sizes: the N; see `stability`.
        draws: pairs of disjoint sets drawn for each N.
        seed: of the draws; every block has the same ones.

    Raises:
        ValueError: when the sizes do not fit the number of examples.
    """
    return tuple(
        stability(differences.at(layer).numpy(), sizes, layer, draws=draws, seed=seed)
        for layer in differences.layers
    )
