"""Accuracies of single items out of a run folder, paired across arms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from cast_lens.analysis.comparisons import Comparison, compare_paired
from cast_lens.analysis.cosines.records import CosineMatrices
from cast_lens.experiment.config import CurveKind
from cast_lens.experiment.curves import CurvePoint
from cast_lens.experiment.record import CastResult
from cast_lens.experiment.store import load_curves, load_items, load_run
from cast_lens.experiment.summary import clusters_of

Scope = Literal["another task's vector", "the task's own vector"]
SCOPES: tuple[Scope, ...] = ("another task's vector", "the task's own vector")
Items = Float[np.ndarray, " item"]
Pair = tuple[str, str]
WINDOW = (0.5, 0.65)  # the relative depth the paper finds best


@dataclass(frozen=True)
class Outcomes:
    """A run and what each arm made of each item.

    Attributes:
        result: the run.
        curves: its curve points.
        accuracy: by target, arm and source: of each item, a mean over draws.
        passages: by target, of each item.
    """

    result: CastResult
    curves: tuple[CurvePoint, ...]
    accuracy: Mapping[tuple[str, str, str | None], Items]
    passages: Mapping[str, Sequence[str]]

    @cached_property
    def pairs(self) -> list[Pair]:
        """Target and source of every `cast` arm."""
        return [
            (target, source)
            for target, arm, source in self.accuracy
            if arm == "cast" and source is not None
        ]

    @property
    def depths(self) -> dict[int, float]:
        """Relative depth of every block of the model."""
        layers = int(self.result.identity["n_layers"])
        return {layer: layer / max(1, layers - 1) for layer in range(layers)}

    @property
    def middle_parallelism(self) -> CosineMatrices | None:
        """At the searched block nearest the middle of the paper's window; None without any."""
        depth, middle = self.depths, sum(WINDOW) / 2
        records = self.result.parallelism
        return min(records, key=lambda one: abs(depth[one.layer] - middle)) if records else None

    def within(self, scope: Scope) -> list[Pair]:
        """Pairs of one scope."""
        own = scope == "the task's own vector"
        return [pair for pair in self.pairs if (pair[0] == pair[1]) == own]

    def arm(self, name: str, pair: Pair) -> Items | None:
        """Accuracies of an arm; of one without a source, the target's."""
        target, source = pair
        found = self.accuracy.get((target, name, source))
        return self.accuracy.get((target, name, None)) if found is None else found

    def points(
        self, kind: CurveKind, pair: Pair, keep: Callable[[CurvePoint], bool]
    ) -> Items | None:
        """Mean accuracy of each item over the points of a curve that are kept."""
        target, source = pair
        hits = [
            point.hits
            for point in self.curves
            if point.kind == kind
            and point.target == target
            and point.source in {source, None}
            and keep(point)
        ]
        return np.mean(np.array(hits, dtype=float), axis=0) if hits else None

    def compared(self, after: str, before: str, pairs: Iterable[Pair]) -> Comparison | None:
        """Two arms over the items of all pairs that have both; see `paired`."""
        return self.paired(pairs, lambda p: self.arm(after, p), lambda p: self.arm(before, p))

    def against_zero_shot(self, pair: Pair, after: Items) -> Comparison:
        """Outcomes on one pair's items against zero-shot."""
        found = self.paired([pair], lambda _: after, lambda p: self.arm("zero_shot", p))
        assert found is not None  # every run holds that arm
        return found

    def paired(
        self,
        pairs: Iterable[Pair],
        after: Callable[[Pair], Items | None],
        before: Callable[[Pair], Items | None],
    ) -> Comparison | None:
        """Two ways compared item by item, an item's accuracy being its mean over sources.

        Sources share the target's items, so that an item counts once however many sources there
        are. Items of one passage are kept together.
        """
        by_target: dict[str, list[tuple[Items, Items]]] = {}
        for pair in pairs:
            first, second = after(pair), before(pair)
            if first is not None and second is not None:
                by_target.setdefault(pair[0], []).append((first, second))
        if not by_target:
            return None
        means = [np.mean(np.array(found), axis=0) for found in by_target.values()]
        both = np.concatenate(means, axis=1)
        passages = [f"{target}/{one}" for target in by_target for one in self.passages[target]]
        return compare_paired(both[0], both[1], clusters=clusters_of(passages))


def outcomes_of(folder: Path) -> Outcomes:
    """Read a run folder.

    Raises:
        RunError: when it is none, or cannot be read.
    """
    draws: dict[tuple[str, str, str | None], dict[int, list[float]]] = {}
    passages: dict[str, dict[str, str]] = {}
    for row in load_items(folder):
        passages.setdefault(row["target"], {})[row["doc_id"]] = row["passage"]
        arm = draws.setdefault((row["target"], row["arm"], row["source"]), {})
        arm.setdefault(row["draw"], []).append(float(row["acc"]))
    accuracy = {key: np.mean(np.array(list(arm.values())), axis=0) for key, arm in draws.items()}
    return Outcomes(
        load_run(folder),
        tuple(load_curves(folder)),
        accuracy,
        {target: tuple(of.values()) for target, of in passages.items()},
    )
