"""A pool as every method sees it, and what a method is asked."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array

from cast_lens.analysis.selection.graph import directions, nearest, neighbour_graph
from cast_lens.analysis.selection.influence import influences, ranks
from cast_lens.errors import SelectionError
from cast_lens.shapes import shaped

NEIGHBOURS = 10


@shaped
class Settings:
    """What a choice is asked.

    Attributes:
        budget: examples to choose, 1 or more.
        alpha: weight of influence against diversity, 0 to 1; `cast` reads it.
        gamma: share of influence that each diffusion step keeps, over 0 and at most 1.
        steps: diffusion steps, 1 or more.
        seed: 0 or more; `ideal`, `k_center` and `random` read it.

    Raises:
        SelectionError: naming the first setting out of its range.
    """

    budget: int
    alpha: float
    gamma: float
    steps: int
    seed: int

    def __post_init__(self) -> None:
        for name, least in (("budget", 1), ("steps", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise SelectionError(
                    f"{name} is {getattr(self, name)}, expected a whole number from {least} up.",
                    f"Give {name}={least} or more.",
                )
        if not 0 <= self.alpha <= 1:
            raise SelectionError(
                f"alpha is {self.alpha}, expected a number from 0 to 1.",
                "Give 1 for influence alone, 0 for diversity alone, or a number between.",
            )
        if not 0 < self.gamma <= 1:
            raise SelectionError(
                f"gamma is {self.gamma}, expected a number above 0 and at most 1.",
                "Give the share of influence that each step keeps, such as 0.8.",
            )


@shaped
class Pool:
    """Examples in order of id; rows are counted in that order.

    Attributes:
        unit: mean-centred embeddings at unit length.
        edges: the neighbour graph, shape (example, example); see `neighbour_graph`.
        influence: Inf of each example; see `influences`.
    """

    unit: Float[np.ndarray, "example width"]
    edges: csr_array
    influence: Float[np.ndarray, " example"]

    @property
    def rank(self) -> Float[np.ndarray, " example"]:
        """Influence as a rank from 0 to 1."""
        return ranks(self.influence)

    def __len__(self) -> int:
        return len(self.unit)


@shaped
class Choice:
    """What a method chose.

    Attributes:
        rows: in order of choice.
        scores: the value by which each was chosen, in the method's own unit.
    """

    rows: Int[np.ndarray, " chosen"]
    scores: Float[np.ndarray, " chosen"]


def pool_of(embeddings: Float[np.ndarray, "example width"], gamma: float, steps: int) -> Pool:
    """The pool of embeddings whose rows are in order of id.

    Raises:
        SelectionError: when all embeddings are alike, so that none has a direction.
    """
    unit = directions(embeddings)
    if len(unit) > 1 and not unit.any():
        raise SelectionError(
            f"All {len(unit)} embeddings are alike, expected at least two different ones.",
            "Check that the encoder was given each example's own text.",
        )
    edges = neighbour_graph(*nearest(unit, NEIGHBOURS))
    return Pool(unit, edges, influences(edges, gamma, steps))
