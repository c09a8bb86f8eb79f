"""Grids: every cell a run folder, computed once."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_cli import cast_lens

from cast_lens.experiment import grid as grid_module
from cast_lens.experiment.config import CastConfig, make_config
from cast_lens.experiment.grid import run_grid
from cast_lens.experiment.store import load_run
from cast_lens.model.planted import Planted


@pytest.fixture
def config(planted_folder: Path, tiny_folder: Path, known: Planted) -> CastConfig:
    return make_config(
        {
            "model": str(tiny_folder),
            "tasks": str(planted_folder),
            "sources": [known.source.name],
            "targets": [known.target.name],
            "arms": ["zero_shot", "cast"],
            "selector": "random",
            "examples": 8,
            "layers": [0],
            "strengths": [1.0],
            "dev_items": 4,
            "test_items": 6,
        }
    )


def test_a_grid_is_its_runs_and_their_mean(
    config: CastConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = run_grid(config, [config.model], [0, 1], tmp_path)
    (model,) = tmp_path.iterdir()
    found = [load_run(model / f"seed{seed}") for seed in (0, 1)]
    cast = next(row for row in rows if row.arm == "cast")
    accuracies = [run.results[1].metrics["acc,none"].value for run in found]
    assert cast.acc == pytest.approx(sum(accuracies) / 2)
    assert (cast.lowest, cast.highest) == (min(accuracies), max(accuracies))
    assert [run.config.seed for run in found] == [0, 1]

    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(grid_module, "run_cast", never)
    assert run_grid(config, [config.model], [0, 1], tmp_path) == rows
    with pytest.raises(AssertionError, match="computed again"):
        run_grid(config, [config.model], [0, 1, 2], tmp_path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--preset", "tour", "--seeds", "0,x"], "expected numbers"),
        (["--preset", "tour", "--seeds", "1,1"], "different numbers"),
        ([], "--config or from --preset"),
    ],
)
def test_bad_words_to_grid_give_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    done = cast_lens("grid", "--out", str(tmp_path / "g"), *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "g").exists()
