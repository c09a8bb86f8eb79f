"""A run can be made again from its manifest, and whatever differs is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trust_ground import Done, Ground, cast_lens

from cast_lens.model.tiny import tiny_model
from cast_lens.steer.vectors import load_vectors, save_vectors

SETTINGS = 'curves = ["layers"]\nselector = "influence"\nembeddings = "model"\n'


@pytest.fixture(scope="module")
def finished(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, with curves and chosen examples, made in a place of its own."""
    root = tmp_path_factory.mktemp("finished")
    ground = Ground(root, tiny_folder)
    (root / "mine.toml").write_text(SETTINGS)
    ground.task()
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        patched.setenv("CAST_LENS_CACHE", str(root / "cache"))
        words = ground.run(config="mine.toml", selector=None, examples="3", layers="0,1")
        done = cast_lens(*words)
    assert done.code == 0, done.stderr
    return root / "out"


@pytest.fixture
def run(finished: Path, ground: Ground) -> Path:
    """A copy of the run to spoil, in another working folder than it was made in."""
    return Path(shutil.copytree(finished, ground.root / "run"))


def _found(done: Done) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_run_repeats_to_the_last_bit_wherever_one_stands(run: Path, ground: Ground) -> None:
    done = cast_lens("repeat", "run", "--out", "again")
    assert done.code == 0, done.stderr
    assert "identical in every number" in done.stdout
    assert "not as in the run" not in done.stdout
    ours = json.loads((ground.root / "again" / "results.json").read_text())
    theirs = json.loads((run / "results.json").read_text())
    ours["config"].pop("tasks"), theirs["config"].pop("tasks")
    assert ours == theirs


def test_a_repetition_leaves_nothing_behind_unless_it_is_to_be_kept(
    run: Path, ground: Ground
) -> None:
    before = ground.held()
    assert cast_lens("repeat", "run").code == 0
    assert ground.held() == before


def test_other_batches_are_told_and_stay_within_the_tolerance(run: Path) -> None:
    done = cast_lens("repeat", "run", "--memory", "100kB", "--json")
    found = _found(done)
    assert done.code == 0, found["verdict"]
    assert "batch new_tokens" in {one["name"] for one in found["changed"]}
    compared = {(one["file"], one["measure"]): one["compared"] for one in found["differences"]}
    assert compared["items.parquet", "outcomes of items"] > 0
    assert compared["vectors.safetensors", "directions"] == 1
    assert compared["curves.parquet", "outcomes of items"] > 0


def _in_json(name: str, change: Callable[[Any], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        held = json.loads((folder / name).read_text())
        change(held)
        (folder / name).write_text(json.dumps(held))

    return edit


def _accuracy(held: Any) -> None:
    held["results"][1]["metrics"]["acc,none"]["value"] -= 0.25


def _one_logprob(folder: Path) -> None:
    rows = pq.read_table(folder / "items.parquet").to_pylist()
    rows[5]["logprob"] += 3
    pq.write_table(pa.Table.from_pylist(rows), folder / "items.parquet")


def _one_text(folder: Path) -> None:
    rows = pq.read_table(folder / "items.parquet").to_pylist()
    rows[5]["generated"] += "!"
    pq.write_table(pa.Table.from_pylist(rows), folder / "items.parquet")


def _turned(folder: Path) -> None:
    path = folder / "vectors.safetensors"
    vectors = load_vectors(path)
    save_vectors(path, {k: replace(v, direction=v.direction * 0.5) for k, v in vectors.items()})


@pytest.mark.parametrize(
    ("edit", "file", "measure", "largest", "where"),
    [
        (
            _in_json("results.json", _accuracy),
            "results.json",
            "accuracies and their statistics",
            0.25,
            "results[target colours, arm cast, source colours], metrics, acc,none, value",
        ),
        (_one_logprob, "items.parquet", "log-likelihoods", 3, "doc_id test-1, logprob"),
        (_one_text, "items.parquet", "outcomes of items", 1, "doc_id test-1, generated"),
        (_turned, "vectors.safetensors", "directions", 1, "colours/colours/cast/0/direction."),
        (
            _in_json("manifest.json", lambda held: held["chosen"]["colours"].reverse()),
            "manifest.json",
            "names, counts, words",
            2,
            "chosen, colours[0]",
        ),
        (
            _in_json("results.json", lambda held: held["results"].pop()),
            "results.json",
            "names, counts, words",
            None,
            "results[target colours, arm cast",
        ),
    ],
)
def test_what_was_edited_is_named_with_the_largest_difference(
    run: Path,
    edit: Callable[[Path], None],
    file: str,
    measure: str,
    largest: float | None,
    where: str,
) -> None:
    edit(run)
    done = cast_lens("repeat", "run", "--json")
    found = _found(done)
    assert done.code == 1
    (wrong,) = (d for d in found["differences"] if d["largest"] > d["tolerance"])
    assert (wrong["file"], wrong["measure"]) == (file, measure)
    assert largest is None or wrong["largest"] == pytest.approx(largest)
    assert where in wrong["where"]
    assert found["verdict"].startswith("The repetition is NOT the same")
    assert wrong["where"] in found["verdict"]


def test_another_version_and_another_machine_are_told(run: Path) -> None:
    def older(held: Any) -> None:
        held["versions"]["torch"] = "1.0"
        held["machine"]["threads"] = "96"

    _in_json("manifest.json", older)(run)
    done = cast_lens("repeat", "run")
    assert done.code == 0, done.stderr
    assert "not as in the run: torch" in done.stdout
    assert "was 1.0" in done.stdout
    assert "was 96" in done.stdout


def _refused(*words: str) -> str:
    done = cast_lens("repeat", "run", *words)
    assert (done.code, len(done.lines), done.stdout) == (2, 1, "")
    return done.lines[0]


def test_a_task_that_has_changed_is_refused(run: Path, ground: Ground) -> None:
    card = ground.task() / "task.toml"
    assert cast_lens("repeat", "run", "--tasks", "tasks").code == 0
    card.write_text(card.read_text().replace("Name the", "Say the"))
    assert "task colours is not what it was" in _refused("--tasks", "tasks")


def test_another_model_is_refused(run: Path, ground: Ground) -> None:
    folder = ground.broken_model(lambda place: tiny_model("llama", 1).save_pretrained(place))
    assert "the model of model is not the run's" in _refused("--model", str(folder))


def test_what_cannot_be_repeated_is_refused_in_one_line(run: Path) -> None:
    assert "is the run itself" in _refused("--out", "../" + run.parent.name + "/run")
    assert "no task.toml" in _refused("--tasks", str(run))
    (run / "manifest.json").write_text("{}")
    assert "manifest.json: cannot be read as a run (config: Field required)" in _refused()
    (run / "manifest.json").unlink()
    assert "it holds no manifest.json" in _refused()
