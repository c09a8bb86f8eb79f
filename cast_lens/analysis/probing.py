"""What a linear probe can read off states, against labels that mean nothing.

A probe is a logistic regression on standardised states. Its states are first rotated into the span
of the training rows, which loses nothing: with a squared penalty the weights lie in that span. The
scaler, the rotation and the penalty see training rows only, and no group (a query with its few-shot
and its zero-shot prompt) is ever on both sides of a split.

The control task (Hewitt and Liang 2019, arXiv 1909.03368) gives every type a random label. A type
should recur in several groups; where none does, the control can only be at chance.

It does not prove that the model uses what a probe finds: decodable does not mean used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from cast_lens.analysis.estimates import Estimate, paired_difference
from cast_lens.records import Record, Rows, as_row

SEEDS = (0, 1, 2)
FOLDS = 4
INNER_FOLDS = 3
PENALTIES = (1e-3, 1e-2, 1e-1)  # scikit-learn's C: smaller is stronger
Table = tuple[tuple[Estimate, ...], ...]
Split = tuple[Int[np.ndarray, " train"], Int[np.ndarray, " test"]]


class Probe(Record):
    """What one probe reads. Every example is tested once a seed, by a probe that never saw it.

    Attributes:
        accuracy: share of right answers, mean over seeds; its interval is over groups, for the
            probes as they were trained.
        control: the same, with random labels for types.
        selectivity: accuracy minus control, paired by group.
        chance: share of the most frequent label.
        by_seed: accuracy of each seed, which decides the splits and the control's labels.
        groups: how many.
    """

    accuracy: Estimate
    control: Estimate
    selectivity: Estimate
    chance: float
    by_seed: tuple[float, ...]
    groups: int


class TransferMatrix(Record):
    """Probes trained on one task and tested on every task.

    Attributes:
        tasks: the order of rows (trained on) and columns (tested on).
        accuracy: share of right answers; on the diagonal of examples left out of training.
        control: the same, with random labels for types, one table for all tasks.
        chance: share of the most frequent label, of each tested task.
    """

    tasks: tuple[str, ...]
    accuracy: Table
    control: Table
    chance: tuple[float, ...]

    def as_rows(self) -> Rows:
        """One row a task trained on and a task tested on."""
        return [
            {"trained_on": one, "tested_on": other, "chance": self.chance[j]}
            | as_row({"accuracy": self.accuracy[i][j], "control": self.control[i][j]})
            for i, one in enumerate(self.tasks)
            for j, other in enumerate(self.tasks)
        ]


class _Rows(NamedTuple):
    """Examples of one task."""

    states: Float[np.ndarray, "example d_model"]
    labels: Shaped[np.ndarray, " example"]
    groups: Shaped[np.ndarray, " example"]
    types: Shaped[np.ndarray, " example"]


def probe(
    states: Float[np.ndarray, "example d_model"],
    labels: Sequence[str],
    groups: Sequence[str],
    *,
    types: Sequence[str] | None = None,
    seeds: Sequence[int] = SEEDS,
) -> Probe:
    """Cross-validated accuracy of a linear probe, and its selectivity.

    Args:
        states: one row an example.
        labels: what is to be read off.
        groups: examples of one group stay on one side of every split.
        types: what the control task labels at random; the groups when None.
        seeds: of splits and control labels.

    Raises:
        ValueError: when lengths differ, there is one label only, or a label or the types occur in
            too few groups.
    """
    rows = _checked(states, labels, groups, types)
    hits = np.array([_hits(rows, _splits(rows, seed)) for seed in seeds])
    random = [_at_random({"": rows}, seed)[""] for seed in seeds]
    told = [_hits(one, _splits(one, seed)) for one, seed in zip(random, seeds, strict=True)]
    own, null = hits.mean(axis=0), np.mean(told, axis=0)
    return Probe(
        accuracy=_share(own, rows.groups),
        control=_share(null, rows.groups),
        selectivity=paired_difference(own, null, clusters=rows.groups),
        chance=_chance(rows.labels),
        by_seed=tuple(hits.mean(axis=1).tolist()),
        groups=len(set(groups)),
    )


def probe_accuracy(
    states: Float[np.ndarray, "example d_model"],
    labels: Sequence[str],
    groups: Sequence[str],
    *,
    seeds: Sequence[int] = SEEDS,
) -> Estimate:
    """`probe`'s accuracy alone, in half the time."""
    rows = _checked(states, labels, groups, None)
    return _share(
        np.mean([_hits(rows, _splits(rows, seed)) for seed in seeds], axis=0), rows.groups
    )


def transfer(
    states: Mapping[str, Float[np.ndarray, "example d_model"]],
    labels: Mapping[str, Sequence[str]],
    groups: Mapping[str, Sequence[str]],
    *,
    types: Mapping[str, Sequence[str]] | None = None,
    seeds: Sequence[int] = SEEDS,
) -> TransferMatrix:
    """Train on each task, test on every task; a group two tasks share is on one side there too.

    Args:
        states, labels, groups, types: of each task, by its name; see `probe`.
        seeds: of splits and control labels.

    Raises:
        ValueError: see `probe`; also when two tasks do not have the same labels.
    """
    by_task = {
        name: _checked(states[name], labels[name], groups[name], types[name] if types else None)
        for name in states
    }
    if len({frozenset(rows.labels.tolist()) for rows in by_task.values()}) != 1:
        raise ValueError("probes transfer between tasks of the same labels only")
    return TransferMatrix(
        tasks=tuple(by_task),
        accuracy=_matrix(by_task, seeds, control=False),
        control=_matrix(by_task, seeds, control=True),
        chance=tuple(_chance(rows.labels) for rows in by_task.values()),
    )


def _checked(
    states: np.ndarray,
    labels: Sequence[str],
    groups: Sequence[str],
    types: Sequence[str] | None,
) -> _Rows:
    told = groups if types is None else types
    rows = _Rows(*map(np.asarray, (states, labels, groups, told)))
    if len({len(column) for column in rows}) != 1:
        raise ValueError(f"columns of different lengths: {[len(column) for column in rows]}")
    found = {label: len(set(rows.groups[rows.labels == label])) for label in set(labels)}
    if len(found) < 2 or min(found.values()) < FOLDS:
        raise ValueError(f"a probe needs two labels in {FOLDS} groups each, got {found}")
    if len(set(rows.types)) < 2:
        raise ValueError("a control task needs two types")
    return rows


def _splits(rows: _Rows, seed: int) -> list[Split]:
    from sklearn.model_selection import StratifiedGroupKFold

    # unless every side has all labels alike, what cannot be learnt scores below chance: training
    # rows then hold more of the labels that the tested ones lack
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    return list(folds.split(rows.states, rows.labels, rows.groups))


def _fitted(rows: _Rows) -> Any:
    """Scaler, rotation and logistic regression; its penalty from splits within these rows."""
    from sklearn.decomposition import PCA
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    inner = [
        (train, test)
        for train, test in GroupKFold(INNER_FOLDS).split(rows.states, groups=rows.groups)
        if len(set(rows.labels[train])) > 1
    ]
    # random labels may leave a side with one label only
    regression = (
        GridSearchCV(LogisticRegression(max_iter=1000, tol=1e-3), {"C": PENALTIES}, cv=inner)
        if inner
        else DummyClassifier()
    )
    chain = make_pipeline(StandardScaler(), PCA(svd_solver="full"), regression)
    return chain.fit(rows.states, rows.labels)


def _only(rows: _Rows, where: np.ndarray) -> _Rows:
    return _Rows(*(column[where] for column in rows))


def _hits(rows: _Rows, splits: Sequence[Split]) -> Float[np.ndarray, " example"]:
    """1 where the probe that did not see an example is right about it."""
    hits = np.zeros(len(rows.labels))
    for train, test in splits:
        told = _fitted(_only(rows, train)).predict(rows.states[test])
        hits[test] = told == rows.labels[test]
    return hits


def _at_random(by_task: Mapping[str, _Rows], seed: int) -> dict[str, _Rows]:
    """The same rows with a random label for each type, about as often as labels are in each task.

    Common types choose first, each the label that its tasks lack most.
    """
    generator = np.random.default_rng(seed)
    types = generator.permutation(np.unique(np.concatenate([r.types for r in by_task.values()])))
    labels = generator.permutation(np.unique(np.concatenate([r.labels for r in by_task.values()])))
    lacking = np.array([[(r.labels == one).sum() for one in labels] for r in by_task.values()])
    rows = np.array([[(r.types == one).sum() for r in by_task.values()] for one in types])
    drawn = {}
    for i in np.argsort(-rows.sum(axis=1), kind="stable"):
        chosen = int(np.argmax(rows[i] @ lacking))
        lacking[:, chosen] -= rows[i]
        drawn[types[i]] = labels[chosen]
    return {
        name: r._replace(labels=np.array([drawn[one] for one in r.types]))
        for name, r in by_task.items()
    }


def _matrix(by_task: Mapping[str, _Rows], seeds: Sequence[int], *, control: bool) -> Table:
    """Each task's row: probes trained on it, tested on all."""
    told: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in by_task}
    for seed in seeds:
        answered = _at_random(by_task, seed) if control else by_task
        for name, rows in answered.items():
            told[name].append(_carried(answered, name, _splits(rows, seed)))
    return tuple(
        tuple(
            _share(np.mean([one[tested] for one in told[trained]], axis=0), rows.groups)
            for tested, rows in by_task.items()
        )
        for trained in by_task
    )


def _carried(
    by_task: Mapping[str, _Rows], trained: str, splits: Sequence[Split]
) -> dict[str, Float[np.ndarray, " example"]]:
    """By tested task: share of the splits' probes right about an example they may be asked."""
    right = {name: np.zeros(len(rows.labels)) for name, rows in by_task.items()}
    asked = {name: np.zeros(len(rows.labels)) for name, rows in by_task.items()}
    for train, _ in splits:
        learnt = _only(by_task[trained], train)
        model = _fitted(learnt)
        for name, rows in by_task.items():
            free = ~np.isin(rows.groups, learnt.groups)
            if free.any():
                right[name][free] += model.predict(rows.states[free]) == rows.labels[free]
                asked[name] += free
    return {name: right[name] / asked[name] for name in by_task}


def _share(hits: Float[np.ndarray, " example"], groups: np.ndarray) -> Estimate:
    return paired_difference(hits, np.zeros_like(hits), clusters=groups)


def _chance(labels: Shaped[np.ndarray, " example"]) -> float:
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))
