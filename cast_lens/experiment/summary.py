"""From item scores to estimates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cast_lens.analysis.estimates import Estimate, mean, paired_difference, proportion
from cast_lens.experiment.evaluate import ItemScore
from cast_lens.tasks.task import Task

SHARES = {"acc": "acc,none", "exact_match": "exact_match,none", "valid": "valid,none"}
LABEL_SHARES = {"acc_bytes": "acc_bytes,none", "acc_calibrated": "acc_calibrated,none"}


def fields_of(task: Task) -> dict[str, str]:
    """Item fields to average, and the key each is reported under."""
    if task.free_answers:
        return SHARES | {"logprob": "loglikelihood,none"}
    return SHARES | LABEL_SHARES


def values_of(draws: Sequence[Sequence[ItemScore]], field: str) -> np.ndarray:
    """A field of every item, as a mean over draws."""
    table = [[float(getattr(item, field)) for item in items] for items in draws]
    return np.asarray(np.mean(table, axis=0))


def summarise(task: Task, draws: Sequence[Sequence[ItemScore]]) -> dict[str, Estimate]:
    """Metrics of an arm: Wilson where every item is a yes or a no, else bootstrap over items.

    Items that share a passage are drawn together, whatever they are.
    """
    summary = {}
    clusters = clusters_of([item.passage for item in draws[0]])
    for field, key in fields_of(task).items():
        values = values_of(draws, field)
        binary = bool(np.isin(values, (0, 1)).all())
        if clusters is not None:
            summary[key] = paired_difference(values, np.zeros_like(values), clusters=clusters)
        else:
            summary[key] = proportion(values.astype(bool)) if binary else mean(values)
    return summary


def clusters_of(passages: Sequence[str]) -> list[str] | None:
    """Which items belong together; None where no two share a passage."""
    return list(passages) if len(set(passages)) < len(passages) else None


def compare(
    task: Task, draws: Sequence[Sequence[ItemScore]], baseline: Sequence[ItemScore]
) -> dict[str, Estimate]:
    """Differences to the baseline over the same items, those of one passage kept together."""
    ids = [item.doc_id for item in baseline]
    assert all([item.doc_id for item in items] == ids for items in draws)
    clusters = clusters_of([item.passage for item in baseline])
    return {
        key: paired_difference(
            values_of(draws, field), values_of([baseline], field), clusters=clusters
        )
        for field, key in fields_of(task).items()
    }
