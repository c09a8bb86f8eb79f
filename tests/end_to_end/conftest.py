"""A planted model and its tasks on disk, and a tiny model folder for the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from tasks_on_disk import save_task

from cast_lens.model.planted import Planted, planted
from cast_lens.model.tiny import tiny_model, tiny_tokenizer


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
