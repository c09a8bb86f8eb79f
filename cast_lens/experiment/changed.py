"""Which items an arm helped and which it harmed, with their texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cast_lens.errors import RunError, TaskError
from cast_lens.experiment.store import load_items, load_run
from cast_lens.records import Record
from cast_lens.tasks.find import find_tasks


class Changed(Record):
    """An item whose outcome an arm changed, against `zero_shot`.

    Attributes:
        doc_id: of the item; `draw` of the arm's vector.
        helped: wrong before and right after; else the other way round.
        input: the item's text; empty where the tasks are not at hand any more.
        label: the right answer.
        before, after: the chosen label, or the generated text of free answers.
    """

    target: str
    source: str | None
    draw: int
    doc_id: str
    helped: bool
    input: str
    label: str
    before: str
    after: str


def changed_items(folder: Path, arm: str) -> tuple[Changed, ...]:
    """Every item that an arm changed, targets and sources in the run's order.

    Raises:
        RunError: when the folder is no run, or does not hold the arm.
    """
    rows = load_items(folder)
    if arm not in {row["arm"] for row in rows}:
        held = ", ".join(dict.fromkeys(row["arm"] for row in rows))
        raise RunError(f"{folder}: the run holds no arm {arm!r}.", f"It holds {held}.")
    before = {(r["target"], r["doc_id"]): r for r in rows if r["arm"] == "zero_shot"}
    texts = _texts(folder)
    found = []
    for row in rows:
        old = before[row["target"], row["doc_id"]]
        if row["arm"] == arm and row["acc"] != old["acc"]:
            found.append(_changed(row, old, texts.get((row["target"], row["doc_id"]), "")))
    return tuple(found)


def _changed(row: dict[str, Any], old: dict[str, Any], text: str) -> Changed:
    return Changed(
        target=row["target"],
        source=row["source"],
        draw=row["draw"],
        doc_id=row["doc_id"],
        helped=row["acc"],
        input=text,
        label=row["label"],
        before=old["predicted"] or old["generated"],
        after=row["predicted"] or row["generated"],
    )


def _texts(folder: Path) -> dict[tuple[str, str], str]:
    """Inputs by target and id, of tasks that are still what they were in the run."""
    result = load_run(folder)
    try:
        tasks = find_tasks(result.config.tasks, result.config.targets)
    except TaskError:
        return {}
    same = [t for t in tasks if result.identity["tasks"].get(t.name) == t.fingerprint()]
    return {(task.name, e.id): e.input for task in same for e in task.items()}
