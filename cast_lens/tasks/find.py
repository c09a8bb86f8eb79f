"""Where tasks come from: the bundled suite, the Hugging Face hub or a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cast_lens.tasks.reader import BUNDLED, read_tasks
from cast_lens.tasks.task import Task

HUB = "hub:"


def find_tasks(tasks: str, names: Sequence[str]) -> list[Task]:
    """The named tasks, in the order given.

    Args:
        tasks: `bundled`, `hub:cross_domain`, `hub:cross_lingual`, or a folder of task folders.
        names: as they are called there.

    Raises:
        TaskError: when a task is not there (the nearest names are shown) or is unusable.
    """
    if tasks.startswith(HUB):
        from cast_lens.tasks.hub import hub_tasks

        return hub_tasks(tasks.removeprefix(HUB), names)
    root = BUNDLED if tasks == "bundled" else Path(tasks).expanduser()
    return read_tasks(root, list(names))
