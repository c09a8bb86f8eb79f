"""Tasks written as the reader expects them."""

from __future__ import annotations

import json
from pathlib import Path

from cast_lens.tasks.task import SPLITS, Task


def save_task(task: Task, root: Path) -> None:
    """Write a task as the reader's layout."""
    folder = root / task.name
    folder.mkdir(parents=True)
    card = task.model_dump(mode="json", exclude=set(SPLITS))
    (folder / "task.toml").write_text(
        "".join(f"{key} = {json.dumps(value)}\n" for key, value in card.items())
    )
    for split in SPLITS:
        rows = [json.dumps(e.model_dump(exclude={"accept"})) for e in task.split(split)]
        (folder / f"{split}.jsonl").write_text("\n".join(rows) + "\n")
