"""The README's code runs and says what the README says."""

from __future__ import annotations

import re
import shlex
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from cast_lens.cli.main import app

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.mark.real
def test_the_ten_lines_run_and_the_vector_beats_its_placebo() -> None:
    code = _blocks("python")[0]
    names: dict[str, object] = {}
    with redirect_stdout(StringIO()) as printed:
        exec(compile(code, "README.md", "exec"), names)
    zero, steered, placebo = (float(n) for n in re.findall(r"\d\.\d*", printed.getvalue()))
    assert steered > zero
    assert steered > placebo
    assert len(code.strip().splitlines()) <= 12


def test_the_diagnosis_of_the_readme_runs_and_prints_three_sentences() -> None:
    with redirect_stdout(StringIO()) as printed:
        exec(compile(_blocks("python")[1], "README.md", "exec"), {})
    assert "random words" in printed.getvalue()


def test_every_command_of_the_readme_exists() -> None:
    from typer.main import get_command

    root = get_command(app)
    for line in re.findall(r"`(cast-lens [^`]+)`", TEXT):
        words = [w for w in shlex.split(line)[1:] if w.islower() and not w.startswith("-")]
        assert words[0] in root.commands, line


def test_every_make_target_of_the_readme_exists() -> None:
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = set(re.findall(r"make ([a-z0-9-]+)", "\n".join(_blocks("sh"))))
    assert named
    assert named <= set(targets)
