"""The comparisons planned before a run: the method against what it must beat, Holm-corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cast_lens.analysis.comparisons import compare_paired
from cast_lens.analysis.families import holm
from cast_lens.experiment.config import Arm
from cast_lens.experiment.record import Planned

AGAINST: tuple[Arm, ...] = (
    "zero_shot",
    "icl_cross_task",
    "few_only",
    "random_direction",
    "irrelevant_demos",
)
Key = tuple[str, Arm, str | None]


def planned_comparisons(
    outcomes: Mapping[Key, np.ndarray], clusters: Mapping[str, Sequence[str] | None]
) -> tuple[Planned, ...]:
    """`cast` against the other arms, one family for each pair of target and source.

    Args:
        outcomes: by target, arm and source: accuracy of each item, a mean over draws.
        clusters: by target: the passage of each item; None where no two share one.
    """
    found: list[Planned] = []
    for target, arm, source in outcomes:
        if arm == "cast" and source is not None:
            found += _family(outcomes, target, source, clusters[target])
    return tuple(found)


def _family(
    outcomes: Mapping[Key, np.ndarray],
    target: str,
    source: str,
    clusters: Sequence[str] | None,
) -> Sequence[Planned]:
    cast = outcomes[target, "cast", source]
    others = {arm: (target, arm, None if arm == "zero_shot" else source) for arm in AGAINST}
    comparisons = {
        arm: compare_paired(cast, outcomes[key], clusters=clusters)
        for arm, key in others.items()
        if key in outcomes
    }
    adjusted = holm({arm: comparison.p for arm, comparison in comparisons.items()})
    return [
        Planned(
            target=target,
            source=source,
            against=arm,
            comparison=comparisons[arm],
            adjusted_p=corrected.adjusted,
        )
        for arm, corrected in zip(comparisons, adjusted, strict=True)
    ]
