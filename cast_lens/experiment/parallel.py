"""Cosines between the vectors of sources that have been read, beside what text alone makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from cast_lens.analysis.cosines.measure import FEWEST_EXAMPLES, cosine_matrices
from cast_lens.analysis.cosines.records import CosineMatrices
from cast_lens.experiment.config import Arm
from cast_lens.experiment.sources import Source
from cast_lens.steer.states import ResidualStates, contrast

IRRELEVANT: Arm = "irrelevant_demos"
SHUFFLED: Arm = "shuffled_labels"
NULLS: tuple[Arm, ...] = (IRRELEVANT, SHUFFLED)


def comparable(sources: Sequence[Source]) -> bool:
    """Whether there are sources enough, and examples enough of each, for cosines between them."""
    return len(sources) > 1 and min(len(one.chosen) for one in sources) >= FEWEST_EXAMPLES


def block_of(sources: Sequence[Source], layer: int, seed: int = 0) -> CosineMatrices:
    """The record of one block; nulls are those whose states all the sources hold.

    Random directions have the covariance of all sources' zero-shot states.

    Raises:
        ValueError: where the sources are not `comparable`.
    """

    def differences(
        few: Mapping[str, ResidualStates],
    ) -> dict[str, Float[np.ndarray, "example d_model"]]:
        return {
            source.task.name: contrast(few[source.task.name], source.zero).at(layer).numpy()
            for source in sources
        }

    return cosine_matrices(
        differences({source.task.name: source.few for source in sources}),
        {
            null: differences({source.task.name: source.altered[null] for source in sources})
            for null in NULLS
            if all(null in source.altered for source in sources)
        },
        np.concatenate([source.zero.at(layer).numpy() for source in sources]).astype(float),
        layer,
        seed,
    )
