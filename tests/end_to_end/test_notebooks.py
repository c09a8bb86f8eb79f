"""The notebooks: each runs in a real kernel and finds what its last cell says."""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = (
    "01_first_vector",
    "02_are_they_parallel",
    "03_layer_by_layer",
    "04_choosing_examples",
    "05_full_cast",
    "06_workbench",
    "07_your_own_model_and_task",
)
# the workbench goes on in a thread of its own, so it comes last
IN_TURN = (*(name for name in NAMES if name != "06_workbench"), "06_workbench")
LONGEST = 8  # lines of a function
LIMIT = 600  # seconds for one cell
CLOSE = 0.03  # one item of 40 may fall the other way on another machine; the text has two digits
ROW = re.compile(r"^\| (.+?) \| (-?\d\.\d\d) \[(-?\d\.\d\d), (-?\d\.\d\d)\] \| (\d+) \|$", re.M)
TELL = "print(found[['value', 'low', 'high', 'n']].to_json(orient='index'))"


def source(name: str) -> ast.Module:
    return ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))


def claimed(cell: Any) -> dict[str, tuple[float, ...]]:
    """The closing table: value, ends of the interval and n, by name."""
    return {name: tuple(map(float, numbers)) for name, *numbers in ROW.findall(cell.source)}


def test_all_notebooks_are_there_in_both_forms() -> None:
    for suffix in ("py", "ipynb"):
        assert tuple(sorted(path.stem for path in FOLDER.glob(f"*.{suffix}"))) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_script_and_notebook_agree_and_hold_no_output(name: str) -> None:
    jupytext = pytest.importorskip("jupytext", reason="jupytext is in the dev extra")
    written, kept = (jupytext.read(FOLDER / f"{name}.{suffix}") for suffix in ("py", "ipynb"))
    cells = [[(cell.cell_type, cell.source) for cell in one.cells] for one in (written, kept)]
    assert cells[0] == cells[1]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in kept.cells)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_asks_says_what_no_would_look_like_and_answers(name: str) -> None:
    jupytext = pytest.importorskip("jupytext", reason="jupytext is in the dev extra")
    first, *_, last = jupytext.read(FOLDER / f"{name}.py").cells
    assert "**The question.**" in first.source
    assert "**If the answer were" in first.source
    assert "**What was found.**" in last.source
    assert claimed(last)


@pytest.mark.parametrize("name", NAMES)
def test_no_logic_lives_in_a_notebook(name: str) -> None:
    for node in ast.walk(source(name)):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            assert (node.end_lineno or 0) - node.lineno < LONGEST
        assert not isinstance(node, (ast.ClassDef, ast.AsyncFunctionDef))
        if isinstance(node, ast.ImportFrom):
            parts = [*(node.module or "").split("."), *(one.name for one in node.names)]
            assert not any(part.startswith("_") for part in parts)
        if isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[Any], None]]:
    """Execute notebooks one after the other, in one kernel that has loaded the libraries once."""
    api = pytest.importorskip("nbclient", reason="nbclient is in the dev extra")
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path))
    client.stop_channels()
    try:
        yield lambda notebook: api.NotebookClient(notebook, km=manager, timeout=LIMIT).execute()
    finally:
        manager.shutdown_kernel(now=True)


@pytest.mark.real
def test_every_notebook_runs_and_finds_what_it_says(
    run: Callable[[Any], None], record_property: Callable[[str, object], None]
) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat comes with nbclient")
    code = nbformat.v4.new_code_cell
    for name in IN_TURN:
        notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
        said = claimed(notebook.cells[-1])
        # nothing of the notebook before may be needed
        notebook.cells = [code("%reset -f"), *notebook.cells, code(TELL)]
        start = time.monotonic()
        run(notebook)
        record_property(name, round(time.monotonic() - start, 1))
        found = json.loads(notebook.cells[-1].outputs[-1].text)
        assert found.keys() == said.keys(), name
        for row, numbers in said.items():
            *values, n = found[row].values()
            assert values == pytest.approx(numbers[:3], abs=CLOSE), (name, row)
            assert n == numbers[3], (name, row)
        assert not errors(notebook), name
    assert any("widget-view" in mime for mime in shown(notebook))


def errors(notebook: Any) -> list[str]:
    return [
        output.get("evalue", output.get("text", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error" or "Traceback" in output.get("text", "")
    ]


def shown(notebook: Any) -> list[str]:
    """MIME types of everything that is displayed."""
    return [
        mime
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for mime in output.get("data", {})
    ]
