"""Read task folders: `task.toml` beside `train.jsonl`, `dev.jsonl`, `test.jsonl`.

Every fault is collected with its file and line; `read_task` raises on the first one, `check`
lists them all.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cast_lens.errors import TaskError
from cast_lens.tasks.task import SPLITS, Example, Split, Task, TaskCard

BUNDLED = Path(__file__).parent.parent / "data"


@dataclass(frozen=True)
class Finding:
    """One thing found in a task folder.

    Attributes:
        fatal: the task cannot be used until this is mended.
    """

    path: Path
    line: int
    kind: str
    message: str
    fatal: bool = True

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{where}: {self.kind}: {self.message}"


@dataclass(frozen=True)
class Located:
    """An example and where it was read."""

    example: Example
    path: Path
    line: int
    split: Split


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "string_pattern_mismatch":
        message = "must hold visible text" if where != "name" else "must be a plain file name"
    return f"{where}: {message}" if where else message


def _read_text(path: Path) -> tuple[str, list[Finding]]:
    if not path.is_file():
        return "", [Finding(path, 0, "missing", "no such file")]
    try:
        return path.read_bytes().decode("utf-8"), []
    except UnicodeDecodeError as error:
        return "", [Finding(path, 0, "not UTF-8", f"byte {error.start} cannot be read as UTF-8")]


def _read_example(line: str) -> Example:
    data = _parse_json(line)
    if not isinstance(data, dict):
        raise ValueError(f"expected an object with id, input and label, got {type(data).__name__}")
    try:
        return Example.model_validate(data)
    except ValidationError as error:
        raise ValueError(_first_fault(error)) from None


def _parse_json(line: str) -> Any:
    import json

    try:
        return json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON ({error})") from None


def _read_split(folder: Path, split: Split) -> tuple[list[Located], list[Finding]]:
    path = folder / f"{split}.jsonl"
    text, findings = _read_text(path)
    items: list[Located] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            items.append(Located(_read_example(line), path, number, split))
        except ValueError as error:
            findings.append(Finding(path, number, "unreadable item", str(error)))
    if not items and not findings:
        findings.append(Finding(path, 0, "empty", "holds no item"))
    return items, findings


def _read_card(folder: Path) -> tuple[TaskCard | None, list[Finding]]:
    path = folder / "task.toml"
    text, findings = _read_text(path)
    if findings:
        return None, findings
    try:
        return TaskCard.model_validate(tomllib.loads(text)), []
    except ValidationError as error:
        return None, [Finding(path, 0, "bad header", _first_fault(error))]
    except (ValueError, RecursionError) as error:  # tomllib lets more than its own error through
        return None, [Finding(path, 0, "not TOML", str(error))]


def _item_faults(card: TaskCard, items: list[Located]) -> list[Finding]:
    findings: list[Finding] = []
    by_id: dict[str, Located] = {}
    by_input: dict[str, Located] = {}
    for item in items:
        example = item.example
        first = by_id.setdefault(example.id, item)
        if first is not item:
            message = f"id {example.id!r} was used at {first.path.name}:{first.line}"
            findings.append(Finding(item.path, item.line, "duplicate id", message))
        for answer in example.accept if card.labels else ():
            if answer not in card.labels:
                message = f"{answer!r} is not one of {', '.join(card.labels)}"
                findings.append(Finding(item.path, item.line, "unknown label", message))
        twin = by_input.setdefault(example.input, item)
        if twin is not item:
            leak = twin.split != item.split
            kind = "overlap between splits" if leak else "duplicate input"
            message = f"same input as {twin.path.name}:{twin.line}"
            findings.append(Finding(item.path, item.line, kind, message, fatal=False))
    return findings


@dataclass(frozen=True)
class Scan:
    """What a task folder holds: its card and items where readable, and all findings."""

    folder: Path
    card: TaskCard | None
    items: tuple[Located, ...]
    findings: tuple[Finding, ...]


def scan_task(folder: Path) -> Scan:
    """Read one task folder and collect every fault instead of stopping at the first."""
    card, findings = _read_card(folder)
    items: list[Located] = []
    for split in SPLITS:
        located, faults = _read_split(folder, split)
        items += located
        findings += faults
    if card is not None:
        findings += _item_faults(card, items)
    return Scan(folder, card, tuple(items), tuple(findings))


def task_of(scan: Scan) -> Task:
    """The task of a scan.

    Raises:
        TaskError: naming file and line of the first fatal finding and how many there are.
    """
    fatal = [finding for finding in scan.findings if finding.fatal]
    if fatal:
        more = f" (and {len(fatal) - 1} more)" if len(fatal) > 1 else ""
        raise TaskError(f"{fatal[0]}{more}.", f"List all with: cast-lens tasks check {scan.folder}")
    assert scan.card is not None
    splits = {s: tuple(i.example for i in scan.items if i.split == s) for s in SPLITS}
    return Task(**scan.card.model_dump(), **splits)


def read_task(folder: Path) -> Task:
    """Read one task folder.

    Raises:
        TaskError: when a file is missing or an item is unusable, naming file and line.
    """
    if not folder.is_dir():
        raise TaskError(f"{folder}: no such task folder.")
    return task_of(scan_task(folder))


def task_folders(root: Path) -> dict[str, Path]:
    """Task folders below `root` by name: `root` itself, its children, or one level deeper.

    Raises:
        TaskError: when there is none, or two share a name.
    """
    if not root.is_dir():
        raise TaskError(
            f"{root}: no such folder.", "Give a folder of tasks, each with a task.toml."
        )
    cards = [p for pattern in ("", "*/", "*/*/") for p in root.glob(f"{pattern}task.toml")]
    if not cards:
        raise TaskError(f"{root}: no task.toml in it or in its folders.")
    folders: dict[str, Path] = {}
    for card in sorted(cards):
        if card.parent.name in folders:
            raise TaskError(f"{root}: two tasks are named {card.parent.name!r}.")
        folders[card.parent.resolve().name] = card.parent
    return folders


def read_tasks(root: Path, names: list[str]) -> list[Task]:
    """Read the named tasks below `root`, in the order given.

    Raises:
        TaskError: when a name is not there (the nearest names are shown) or a task is unusable.
    """
    folders = task_folders(root)
    return [read_task(_find(folders, name, root)) for name in names]


def _find(folders: dict[str, Path], name: str, root: Path) -> Path:
    import difflib

    if name in folders:
        return folders[name]
    near = difflib.get_close_matches(name, folders, n=3, cutoff=0.4) or sorted(folders)[:8]
    raise TaskError(f"No task {name!r} in {root}.", f"Did you mean {', '.join(near)}?")
