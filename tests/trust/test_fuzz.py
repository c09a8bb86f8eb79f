"""Fuzzing: tasks, vectors, settings and prompts. `fuzz_many.py` runs the same laws for longer."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from fuzz_laws import (
    FILLED,
    SETTING_FILES,
    SETTINGS,
    SOUND_FILES,
    SOUND_VECTOR,
    VECTOR_BYTES,
    prompts_survive,
    settings_file_survives,
    settings_survive,
    task_files,
    task_reader_survives,
    vector_reader_survives,
)
from hypothesis import given, settings
from hypothesis import strategies as st

FEW = settings(max_examples=100)


@FEW
@given(files=task_files())
def test_the_task_reader_survives_any_bytes(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as place:
        task_reader_survives(files, Path(place))


@FEW
@given(content=VECTOR_BYTES)
def test_the_vector_reader_survives_any_bytes(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        vector_reader_survives(content, Path(place))


@FEW
@given(given_settings=SETTINGS)
def test_settings_survive_any_values(given_settings: dict[str, Any]) -> None:
    settings_survive(given_settings)


@FEW
@given(content=SETTING_FILES)
def test_a_settings_file_survives_any_bytes(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        settings_file_survives(content, Path(place))


@FEW
@given(
    instruction=FILLED,
    texts=st.lists(FILLED, min_size=3, max_size=3, unique=True),
    labels=st.lists(FILLED, min_size=2, max_size=2, unique=True),
)
def test_prompts_and_tokens_keep_any_text(
    instruction: str, texts: list[str], labels: list[str]
) -> None:
    prompts_survive(instruction, texts, labels)


def test_what_is_spoiled_was_sound(tmp_path: Path) -> None:
    assert task_reader_survives(SOUND_FILES, tmp_path) == "valid"
    assert vector_reader_survives(SOUND_VECTOR, tmp_path) == "valid"
    assert settings_survive({"sources": ["a"], "targets": ["b"]}) == "valid"
    assert settings_file_survives(b'sources = ["a"]\ntargets = ["b"]\n', tmp_path) == "valid"
    assert prompts_survive("Say.", ["a", "b", "c"], ["red", "blue"]) == "valid"
