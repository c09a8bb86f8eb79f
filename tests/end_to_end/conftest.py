"""A planted model and its tasks on disk, and a tiny model folder for the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cast_lens.model.planted import Planted, planted
from cast_lens.model.tiny import tiny_model, tiny_tokenizer
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


@pytest.fixture(scope="session")
def known() -> Planted:
    return planted()


@pytest.fixture(scope="session")
def planted_folder(known: Planted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("planted_tasks")
    for task in (known.source, known.target):
        save_task(task, root)
    return root


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_model("llama", 0).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
