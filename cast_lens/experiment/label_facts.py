"""What an arm does with a closed set of labels: is a gain only a shift of their prior?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from cast_lens.analysis.calibration import (
    LabelCount,
    PriorShift,
    calibration_error,
    label_histogram,
    prior_shift,
)
from cast_lens.experiment.evaluate import ItemScore
from cast_lens.experiment.summary import clusters_of
from cast_lens.records import Record
from cast_lens.tasks.task import Task


class LabelFacts(Record):
    """Of one arm's first draw.

    Attributes:
        histogram: how often each label is chosen, and is right.
        ece: expected calibration error of the chosen label's probability.
        prior: accuracies with and without calibration, and the arm against calibrated zero-shot;
            None for `zero_shot` itself.
    """

    histogram: tuple[LabelCount, ...]
    ece: float
    prior: PriorShift | None


def label_facts(
    task: Task, items: Sequence[ItemScore], baseline: Sequence[ItemScore] | None
) -> LabelFacts | None:
    """The facts of one arm; None where answers are free.

    Args:
        task: the target.
        items: of the arm.
        baseline: the same items under `zero_shot`; None for that arm itself.
    """
    if task.free_answers:
        return None
    accepted = {e.id: e.accept for e in task.items()}
    truth = np.array([[la in accepted[item.doc_id] for la in task.labels] for item in items])
    own, bare = _logprobs(items)
    return LabelFacts(
        histogram=label_histogram(own, truth, task.labels),
        ece=calibration_error(own, truth).ece,
        prior=None if baseline is None else _prior(baseline, own, bare, truth),
    )


def _prior(
    baseline: Sequence[ItemScore],
    own: Float[np.ndarray, "item label"],
    bare: Float[np.ndarray, "item label"],
    truth: Bool[np.ndarray, "item label"],
) -> PriorShift:
    zero, zero_bare = _logprobs(baseline)
    clusters = clusters_of([item.passage for item in baseline])
    return prior_shift(zero, own, truth, content_free=(zero_bare, bare), clusters=clusters)


def _logprobs(
    items: Sequence[ItemScore],
) -> tuple[Float[np.ndarray, "item label"], Float[np.ndarray, "item label"]]:
    return (
        np.array([item.label_logprobs for item in items]),
        np.array([item.content_free for item in items]),
    )
