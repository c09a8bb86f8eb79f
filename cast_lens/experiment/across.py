"""Two runs, arm by arm, on the same items."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cast_lens.analysis.comparisons import Comparison, compare_paired
from cast_lens.analysis.families import benjamini_hochberg
from cast_lens.errors import RunError
from cast_lens.experiment.config import Arm, CastConfig
from cast_lens.experiment.record import CastResult
from cast_lens.experiment.store import load_items, load_run
from cast_lens.experiment.summary import clusters_of
from cast_lens.records import Record, Rows, rows_of

Key = tuple[str, Arm, str | None]


class Across(Record):
    """One arm of the second run against the same arm of the first.

    Attributes:
        comparison: of accuracy, over items paired by id.
        adjusted_p: Benjamini-Hochberg's, over all arms the two runs share.
    """

    target: str
    arm: Arm
    source: str | None
    comparison: Comparison
    adjusted_p: float


class RunsCompared(Record):
    """Two runs compared.

    Attributes:
        differing: settings that differ, each as ``name: first, second``.
        arms: all that both runs hold.
    """

    differing: tuple[str, ...]
    arms: tuple[Across, ...]

    def as_rows(self) -> Rows:
        """One row an arm."""
        return rows_of(self.arms)


def compare_runs(first: Path, second: Path) -> RunsCompared:
    """Compare the arms that two run folders share, paired by item.

    Raises:
        RunError: when either is no run folder, they share no arm, or a shared target was another
            task or had other items.
    """
    runs = load_run(first), load_run(second)
    items = _by_item(first), _by_item(second)
    shared = [key for key in items[0] if key in items[1]]
    if not shared:
        raise RunError(
            f"{first} and {second} share no arm of a target.", "Compare runs with a common target."
        )
    _check_tasks({key[0] for key in shared}, *runs)
    passages = {(row["target"], row["doc_id"]): row["passage"] for row in load_items(first)}
    comparisons = {}
    for key in shared:
        before, after = items[0][key], items[1][key]
        if before.keys() != after.keys():
            lone = sorted(before.keys() ^ after.keys())[0]
            raise RunError(
                f"{key[0]}: item {lone} stands in one run only, so items cannot be paired.",
                "Run both with the same test_items and seed.",
            )
        ids = sorted(before)
        comparisons[key] = compare_paired(
            np.array([after[i] for i in ids]),
            np.array([before[i] for i in ids]),
            clusters=clusters_of([passages[key[0], i] for i in ids]),
        )
    adjusted = benjamini_hochberg({str(key): found.p for key, found in comparisons.items()})
    return RunsCompared(
        differing=tuple(_differing(runs[0].config, runs[1].config)),
        arms=tuple(
            Across(
                target=key[0],
                arm=key[1],
                source=key[2],
                comparison=found,
                adjusted_p=corrected.adjusted,
            )
            for (key, found), corrected in zip(comparisons.items(), adjusted, strict=True)
        ),
    )


def _by_item(folder: Path) -> dict[Key, Mapping[str, float]]:
    """Accuracy of each item, a mean over draws, by target, arm and source."""
    seen: dict[Key, dict[str, list[float]]] = {}
    for row in load_items(folder):
        arm = seen.setdefault((row["target"], row["arm"], row["source"]), {})
        arm.setdefault(row["doc_id"], []).append(float(row["acc"]))
    return {
        key: {item: float(np.mean(values)) for item, values in arm.items()}
        for key, arm in seen.items()
    }


def _check_tasks(targets: set[str], first: CastResult, second: CastResult) -> None:
    for target in sorted(targets):
        prints = [run.identity["tasks"][target] for run in (first, second)]
        if prints[0] != prints[1]:
            raise RunError(
                f"{target} is another task in the second run ({prints[0]}, {prints[1]}).",
                "Compare runs on the same task files.",
            )


def _differing(first: CastConfig, second: CastConfig) -> list[str]:
    return [
        f"{name}: {getattr(first, name)}, {getattr(second, name)}"
        for name in CastConfig.model_fields
        if getattr(first, name) != getattr(second, name)
    ]
