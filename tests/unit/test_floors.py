"""Laws of the source: imports go down, files stay short, nothing prints."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "cast_lens"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 300


def names_of(files: list[Path]) -> list[str]:
    return [str(path.relative_to(PACKAGE)) for path in files]


def calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_imports_only_go_down_the_floors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))
    # it would silence every logger of this process for the tests after it
    monkeypatch.setattr("importlinter.cli.logging_config.dictConfig", lambda _: None)
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == 0, capsys.readouterr().out


def test_nothing_outside_the_command_line_prints() -> None:
    silent = [path for path in FILES if "cli" not in path.relative_to(PACKAGE).parts]
    assert len(silent) > 20
    assert names_of([path for path in silent if "print" in calls(path)]) == []


def test_every_file_stays_under_300_lines() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert names_of([path for path, lines in lengths.items() if lines >= LONGEST]) == []


def test_one_file_knows_the_model_library() -> None:
    knowing = [path for path in FILES if "transformer_lens" in imported(path)]
    assert names_of(knowing) == ["model/boot.py"]


def test_no_file_opens_pickles() -> None:
    assert names_of([p for p in FILES if {"pickle", "joblib", "dill"} & {*imported(p)}]) == []
    source = "".join(path.read_text(encoding="utf-8") for path in FILES)
    assert "torch.load(" not in source
