"""The lower floors start without the heavy libraries."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "datasets", "transformers", "transformer_lens", "sklearn", "scipy", "statsmodels")


@pytest.mark.parametrize(
    "module",
    [
        "cast_lens.errors",
        "cast_lens.tasks.reader",
        "cast_lens.tasks.check",
        "cast_lens.tasks.hub",
        "cast_lens.prompts.prompt",
    ],
)
def test_reading_tasks_loads_no_heavy_library(module: str) -> None:
    script = f"import sys, {module}; sys.stdout.write(' '.join(sys.modules))"
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert module in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_help_loads_neither_arrays_nor_schemas() -> None:
    script = "import sys, cast_lens.cli.main; sys.stdout.write(' '.join(sys.modules))"
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert [name for name in (*HEAVY, "numpy", "pydantic") if name in loaded] == []
