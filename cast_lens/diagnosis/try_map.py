"""Where one prompt's states lie among those of the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float

from cast_lens.diagnosis.try_records import MapPoint, StatesMap
from cast_lens.experiment.sources import Source
from cast_lens.steer.states import ResidualStates
from cast_lens.steer.vectors import SteeringVector

FEW, ZERO = "source, few-shot", "source, zero-shot"
MINE = ("this prompt, zero-shot", "this prompt, few-shot", "this prompt, steered")
Coordinates = Float[np.ndarray, "prompt 2"]


def states_map(
    source: Source, mine: ResidualStates, vector: SteeringVector, strength: float
) -> StatesMap:
    """Lay a prompt's states on the first two principal components of the source's.

    Args:
        source: its few-shot and zero-shot states make the axes.
        mine: states of the prompt, zero-shot then few-shot.
        vector: its block is shown.
        strength: the steered state is the zero-shot one plus so many times the vector.
    """
    from sklearn.decomposition import PCA

    layer = vector.layer
    theirs = torch.cat([source.few.at(layer), source.zero.at(layer)]).double().numpy()
    zero, few = mine.at(layer).double()
    steered = zero + strength * vector.direction.double()
    axes = PCA(2, svd_solver="full").fit(theirs)
    turn = np.sign(axes.components_[np.arange(2), np.abs(axes.components_).argmax(axis=1)])
    laid = axes.transform(theirs) * turn
    item = axes.transform(torch.stack([zero, few, steered]).numpy()) * turn
    n = len(source.few.query_ids)
    ids = (mine.query_ids[0],) * 3
    return StatesMap(
        layer=layer,
        explained=(
            float(axes.explained_variance_ratio_[0]),
            float(axes.explained_variance_ratio_[1]),
        ),
        points=(
            *_points([FEW] * n, source.few.query_ids, laid[:n]),
            *_points([ZERO] * n, source.zero.query_ids, laid[n:]),
            *_points(MINE, ids, item),
        ),
    )


def _points(kinds: Sequence[str], ids: Sequence[str], laid: Coordinates) -> Iterator[MapPoint]:
    for kind, query_id, (x, y) in zip(kinds, ids, laid, strict=True):
        yield MapPoint(kind=kind, query_id=query_id, x=float(x), y=float(y))
