"""The command line: what a person types, what it prints, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest

from cast_lens.benchmark.peers import json_of
from cast_lens.cli.main import main
from cast_lens.errors import RunError
from cast_lens.tasks.reader import BUNDLED


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def cast_lens(*words: str) -> Done:
    """The command in this process: starting one takes seconds."""
    out, err = StringIO(), StringIO()
    code = 0
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        patch.object(sys, "argv", ["cast-lens", *words]),
        patch.dict(os.environ, {"HF_HUB_OFFLINE": "1", "COLUMNS": "160"}),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


def test_the_installed_command_starts_in_a_process_of_its_own() -> None:
    words = [sys.executable, "-m", "cast_lens", "show", "nowhere"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("cast-lens: nowhere: not a run folder")
    assert done.stdout == ""


@pytest.fixture(scope="module")
def finished(
    planted_folder: Path, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("runs") / "first"
    done = cast_lens(*_run_words(planted_folder, tiny_folder, out))
    assert done.returncode == 0, done.stderr
    assert "no detectable change" in done.stdout or "the vector" in done.stdout
    return out


def _run_words(tasks: Path, model: Path, out: Path) -> list[str]:
    words = ["run", "--model", str(model), "--tasks", str(tasks), "--out", str(out)]
    words += ["--sources", "planted_fruit", "--targets", "planted_animals", "--examples", "12"]
    words += ["--selector", "random"]
    return [*words, "--dev-items", "6", "--test-items", "8", "--layers", "0,2"]


def test_a_run_prints_its_table_and_show_prints_it_again(finished: Path) -> None:
    shown = cast_lens("show", str(finished))
    assert shown.returncode == 0
    for arm in ("zero_shot", "icl_in_task", "icl_cross_task", "cast", "random_direction"):
        assert arm in shown.stdout
    assert "Traceback" not in shown.stderr


def test_json_is_the_whole_result(finished: Path) -> None:
    shown = cast_lens("show", str(finished), "--json")
    result = json.loads(shown.stdout)
    assert result == json.loads((finished / "results.json").read_text())
    assert {r["arm"] for r in result["results"]} >= {"zero_shot", "cast"}


def test_the_same_command_again_computes_nothing(
    finished: Path, planted_folder: Path, tiny_folder: Path
) -> None:
    again = cast_lens(*_run_words(planted_folder, tiny_folder, finished))
    assert again.returncode == 0
    assert "nothing was computed" in again.stderr


def test_another_run_is_not_written_over_it(
    finished: Path, planted_folder: Path, tiny_folder: Path
) -> None:
    other = cast_lens(*_run_words(planted_folder, tiny_folder, finished), "--seed", "3")
    assert other.returncode == 2
    assert "other settings (seed)" in other.stderr


def test_the_saved_settings_repeat_the_run(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    done = cast_lens("run", "--config", str(finished / "config.toml"), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert (out / "results.json").read_bytes() == (finished / "results.json").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "nowhere"], "not a run folder"),
        (["models", "show", "gpt9"], "Known names"),
        (["models", "fetch", "gpt9"], "Known names"),
        (["prompts", "en_frr"], "Did you mean en_fr"),
        (["prompts", "en_fr", "--item", "zzz", "--model", "nowhere/x"], "no item 'zzz'"),
        (["prompts", "en_fr", "--model", "./nowhere"], "./nowhere"),
        (["prompts", "en_fr", "--kind", "cross"], "needs a source"),
        (["tasks", "list", "nowhere"], "no such folder"),
        (["run", "--out", "x", "--sources", "en_fr"], "targets is not set"),
        (["run", "--out", "x", "--config", "nowhere.toml"], "no such file"),
        (
            ["run", "--out", "x", "--sources", "en_fr", "--targets", "en_es", "--layers", "a"],
            "numbers",
        ),
    ],
)
def test_bad_input_gets_one_line_and_exit_status_2(words: list[str], said: str) -> None:
    done = cast_lens(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_prompts_marks_where_the_vector_is_read_and_written(tiny_folder: Path) -> None:
    words = ["prompts", "present_past", "--kind", "few", "--model", str(tiny_folder)]
    shown = cast_lens(*words, "--json")
    facts = json.loads(shown.stdout)
    assert facts["read_and_write_at"] == len(facts["ids"]) - 1
    assert "".join(facts["tokens"]).endswith(facts["text"][-20:])
    assert len(facts["demonstration_ids"]) == 4
    assert "prompt_last writes there" in cast_lens(*words).stdout


def test_tasks_list_and_check_know_the_bundled_suite() -> None:
    listed = json.loads(cast_lens("tasks", "list", "--json").stdout)
    assert {"en_fr", "sentiment_de", "science"} <= {task["name"] for task in listed}
    checked = cast_lens("tasks", "check", str(BUNDLED / "sentences"))
    assert checked.returncode == 0
    assert "bag of words" in checked.stdout


def test_tasks_check_fails_on_a_task_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "task.toml").write_text("name = 1\n")
    checked = cast_lens("tasks", "check", str(tmp_path))
    assert checked.returncode == 2
    assert "task.toml" in checked.stdout
    assert "Traceback" not in checked.stderr


def test_help_names_examples_and_models_can_be_listed() -> None:
    assert "Examples" in cast_lens("run", "--help").stdout
    assert json.loads(cast_lens("models", "list", "--json").stdout)[0]["name"] == "smollm2-135m"


def test_a_process_of_the_benchmark_that_fails_is_told_in_one_line() -> None:
    with pytest.raises(RunError, match=r"memory did not run \(KeyError: 'gone'\)\.$"):
        json_of([sys.executable, "-c", "{}['gone']"], "memory")
    assert json_of([sys.executable, "-c", "print(input())"], "echo", "[1]") == [1]


def test_the_benchmark_measures_every_work_and_says_what_it_left_out(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cast_lens.benchmark.bench.QUERIES", 8)
    monkeypatch.setattr("cast_lens.benchmark.bench.MANY", 12)
    monkeypatch.setattr("cast_lens.benchmark.bench.STARTS", 1)
    done = cast_lens("bench", "--model", str(tiny_folder), "--repeats", "1", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rows = {row["work"]: row for row in found["rows"]}
    for name, row in rows.items():
        if row["needed"] is not None and name != "extraction, demonstrations drawn":
            # what passed the blocks is never below the floor's count
            assert row["tokens"] >= row["needed"] * 0.99, name
    extraction = rows["extraction, one demonstration set"]
    assert extraction["ratio"] > 1
    assert rows["Hugging Face, batched"]["ratio"] > 0
    assert {curve["of"] for curve in found["curves"]} >= {"prompts", "blocks of a sweep"}
    assert found["not_run"] == ["steering-vectors: needs the Python of an environment of its own"]


def test_a_run_is_compared_with_itself(finished: Path) -> None:
    done = cast_lens("compare", str(finished), str(finished))
    assert done.returncode == 0, done.stderr
    assert "+0.00" in done.stdout
    assert cast_lens("compare", str(finished), "nowhere").returncode == 2


def test_every_statistical_test_is_tried_on_planted_data() -> None:
    done = cast_lens("validate", "--repeats", "20", "--json")
    assert done.returncode == 0, done.stderr
    assert {row["test"] for row in json.loads(done.stdout)} >= {"exact McNemar", "Holm"}
