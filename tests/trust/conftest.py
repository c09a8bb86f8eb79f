"""A fresh place for every test, and one tiny model for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from trust_ground import Ground

from cast_lens.model.tiny import tiny_model, tiny_tokenizer

settings.register_profile("trust", deadline=None)  # first calls import heavy libraries
settings.load_profile("trust")


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_model("llama", 0).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def ground(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return Ground(tmp_path, tiny_folder)
