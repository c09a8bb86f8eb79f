"""Laws of the experiment, on a model whose transferable direction is known."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from cast_lens.errors import ConfigError, RunError
from cast_lens.experiment.cells import Cells, unfinished
from cast_lens.experiment.config import ARMS, Arm, CastConfig, make_config
from cast_lens.experiment.reading import readings
from cast_lens.experiment.run import CastRun, run_cast
from cast_lens.experiment.sources import ALTERED, read_source
from cast_lens.experiment.store import check_out, load_run, save_run
from cast_lens.experiment.target import evaluation_items
from cast_lens.model.planted import LAYER, Planted
from cast_lens.prompts.prompt import render_demonstration
from cast_lens.steer.vectors import load_vectors
from cast_lens.tasks.task import Example, Task


def _settings(planted_folder: Path, known: Planted) -> dict[str, Any]:
    return {
        "model": "planted",
        "tasks": str(planted_folder),
        "sources": [known.source.name],
        "targets": [known.source.name, known.target.name],
        "examples": 30,
        "selector": "random",
        "layers": "all",
        "strengths": [0.5, 1.0],
    }


@pytest.fixture(scope="module")
def config(planted_folder: Path, known: Planted) -> CastConfig:
    return make_config(_settings(planted_folder, known))


@pytest.fixture(scope="module")
def run(config: CastConfig, known: Planted) -> CastRun:
    return run_cast(config, known.lens)


def test_the_planted_direction_carries_over_and_its_placebo_does_not(
    run: CastRun, known: Planted
) -> None:
    target, source = known.target.name, known.source.name
    steered = run.result.find(target, "cast", source).metrics["acc,none"]
    placebo = run.result.find(target, "random_direction", source).metrics["acc,none"]
    assert run.result.find(target, "zero_shot").metrics["acc,none"].value == 0
    assert steered.value == 1
    # a searched placebo reaches more than chance, which is why it is searched
    assert placebo.high < steered.low


def test_both_ways_of_scoring_see_the_planted_answer(run: CastRun, known: Planted) -> None:
    metrics = run.result.find(known.target.name, "cast", known.source.name).metrics
    assert metrics["exact_match,none"].value == 1
    assert metrics["valid,none"].value == 1


def test_the_chosen_block_holds_the_planted_direction(run: CastRun, known: Planted) -> None:
    site = run.result.find(known.target.name, "cast", known.source.name).sites[0]
    assert site.layer >= LAYER
    assert site.cells == known.lens.n_layers * 2
    assert site.dose > 0


def test_controls_are_searched_as_widely_as_the_method(run: CastRun) -> None:
    # a task vector takes a state's place, so it has one strength
    searched = [arm for arm in run.result.results if arm.arm != "task_vector"]
    cells = {site.cells for arm in searched for site in arm.sites}
    assert len(cells) == 1
    placebos = [a for a in run.result.results if a.arm == "random_direction"]
    assert all(len(arm.sites) == run.result.config.random_directions for arm in placebos)


def test_every_arm_scores_the_same_test_items_in_the_same_order(run: CastRun) -> None:
    for target in run.result.config.targets:
        ids = {
            tuple(item.doc_id for item in items)
            for arm in run.arms
            if arm.result.target == target
            for items in arm.items
        }
        assert len(ids) == 1
        assert all("-test-" in doc_id for doc_id in next(iter(ids)))


def test_cross_task_demonstrations_of_the_target_itself_are_left_out(
    run: CastRun, known: Planted
) -> None:
    with pytest.raises(KeyError):
        run.result.find(known.source.name, "icl_cross_task", known.source.name)
    assert run.result.find(known.target.name, "icl_cross_task", known.source.name)


def test_the_words_of_a_run_hold_the_effect_against_its_placebo(run: CastRun) -> None:
    sentences = list(readings(run.result))
    assert len(sentences) == 2
    assert all("raises accuracy" in s and "the direction matters" in s for s in sentences)


def test_without_a_placebo_the_words_do_not_claim_a_direction(run: CastRun, known: Planted) -> None:
    kept = tuple(a for a in run.result.results if a.arm != "random_direction")
    sentence = next(readings(run.result.model_copy(update={"results": kept})))
    assert "no placebo was run" in sentence
    assert "the direction matters" not in sentence


def test_the_same_settings_give_the_same_result(
    run: CastRun, config: CastConfig, known: Planted
) -> None:
    assert run_cast(config, known.lens).result == run.result


def test_another_seed_draws_another_vector(
    run: CastRun, config: CastConfig, known: Planted
) -> None:
    other = run_cast(config.model_copy(update={"seed": 1}), known.lens)
    assert other.result != run.result


def test_a_run_folder_holds_what_the_run_found(run: CastRun, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    save_run(run, folder, 1.0)
    assert load_run(folder) == run.result
    rows = pq.read_table(folder / "items.parquet").to_pylist()
    assert len(rows) == sum(len(items) for arm in run.arms for items in arm.items)
    accuracy = [r["acc"] for r in rows if (r["target"], r["arm"]) == ("planted_animals", "cast")]
    assert sum(accuracy) / len(accuracy) == 1
    vectors = load_vectors(folder / "vectors.safetensors")
    assert len(vectors) == sum(len(arm.vectors) for arm in run.arms)
    assert sorted(p.name for p in folder.iterdir()) == [
        "config.toml",
        "items.parquet",
        "ledger.json",
        "manifest.json",
        "results.json",
        "vectors.safetensors",
    ]


def test_a_run_folder_is_never_overwritten(
    run: CastRun, config: CastConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    save_run(run, folder, 1.0)
    with pytest.raises(RunError, match="exists already"):
        save_run(run, folder, 1.0)
    assert check_out(folder, config) == run.result
    with pytest.raises(RunError, match=r"other settings \(seed\)"):
        check_out(folder, config.model_copy(update={"seed": 5}))


def test_a_folder_that_is_no_run_is_refused(config: CastConfig, tmp_path: Path) -> None:
    (tmp_path / "stray.txt").write_text("x")
    with pytest.raises(RunError, match="not a run folder"):
        check_out(tmp_path, config)
    with pytest.raises(RunError, match="not a run folder"):
        load_run(tmp_path)


def test_items_whose_text_stands_in_an_earlier_split_are_not_evaluated(known: Planted) -> None:
    leaked = Example(id="leak", input=known.source.train[0].input, label="yes")
    fields = known.source.model_dump()
    fields["test"] = [*fields["test"], leaked.model_dump()]
    task = Task.model_validate(fields)
    items = evaluation_items(task, "test", None, 0)
    assert "leak" not in {e.id for e in items}
    assert len(items) == len(task.test) - 1


def test_a_limit_keeps_the_same_items_whatever_their_order(known: Planted) -> None:
    fields = known.source.model_dump()
    fields["test"] = list(reversed(fields["test"]))
    turned = Task.model_validate(fields)
    kept = {e.id for e in evaluation_items(known.source, "test", 7, 0)}
    assert len(kept) == 7
    assert kept == {e.id for e in evaluation_items(turned, "test", 7, 0)}


def test_too_many_shots_are_refused_before_any_forward_pass(
    config: CastConfig, known: Planted
) -> None:
    with pytest.raises(ConfigError, match="Lower shots"):
        run_cast(config.model_copy(update={"shots": 30, "examples": 20}), known.lens)


@pytest.fixture(scope="module")
def every_arm(planted_folder: Path, known: Planted) -> CastRun:
    settings = _settings(planted_folder, known) | {
        "sources": [known.source.name, known.target.name],
        "targets": [known.target.name],
        "arms": list(ARMS),
        "random_directions": 1,
        "layers": [LAYER],
    }
    return run_cast(make_config(settings), known.lens)


def test_every_arm_of_the_method_runs_on_the_same_items(every_arm: CastRun, known: Planted) -> None:
    assert {arm.result.arm for arm in every_arm.arms} == set(ARMS)
    ids = {tuple(item.doc_id for item in draw) for arm in every_arm.arms for draw in arm.items}
    assert len(ids) == 1


def test_the_controls_do_not_do_what_the_vector_does(every_arm: CastRun, known: Planted) -> None:
    def acc(arm: str) -> float:
        found = every_arm.result.find(known.target.name, arm, known.source.name)
        return found.metrics["acc,none"].value

    assert acc("cast") == 1
    assert acc("task_vector") == 1
    assert acc("opposite") == 0
    assert acc("irrelevant_demos") < 0.5


def test_the_arms_vectors_are_what_their_names_say(every_arm: CastRun, known: Planted) -> None:
    made = {
        (arm.result.arm, arm.result.source): arm.vectors[0] for arm in every_arm.arms if arm.vectors
    }
    mine, other = known.source.name, known.target.name
    assert torch.equal(made["opposite", mine].direction, -made["cast", mine].direction)
    # two sources: what is left of each is half their difference, one way and the other
    centred = made["mean_centred", mine].direction, made["mean_centred", other].direction
    half = (made["few_only", mine].direction - made["few_only", other].direction) / 2
    assert torch.allclose(centred[0], half, atol=1e-5)
    assert torch.allclose(centred[0], -centred[1], atol=1e-5)


def test_a_mean_over_sources_needs_two(planted_folder: Path, known: Planted) -> None:
    settings = _settings(planted_folder, known) | {"arms": ["mean_centred"], "layers": [LAYER]}
    found = run_cast(make_config(settings), known.lens).result
    assert found.notes[0] == (
        "mean_centred: left out, it needs two sources to have a mean to subtract."
    )


@pytest.mark.parametrize("name", ["irrelevant_demos", "shuffled_labels"])
def test_altered_demonstrations_keep_their_length_or_their_words(
    name: Arm, known: Planted, planted_folder: Path
) -> None:
    config = make_config(_settings(planted_folder, known))
    shown = known.source.train[:20]
    told = ALTERED[name](known.lens, config, known.source, shown)
    count = known.lens.tokenizer
    for example in shown:
        now = told[example.id]
        if name == "shuffled_labels":
            assert now.input == example.input
        else:
            assert now.input != example.input
            before, after = (
                len(count(render_demonstration(known.source, e))["input_ids"])
                for e in (example, now)
            )
            assert after == before
    if name == "shuffled_labels":
        labels = sorted(e.label for e in shown)
        assert sorted(told[e.id].label for e in shown) == labels


def test_a_fixed_demonstration_set_is_apart_from_what_the_vector_is_made_of(
    planted_folder: Path, known: Planted
) -> None:
    settings = _settings(planted_folder, known) | {"demonstrations": "fixed", "layers": [LAYER]}
    config = make_config(settings)
    source = read_source(known.lens, config, known.source, Cells(None, known.lens, config, {}))
    assert len(source.shown) == 4
    assert not {e.id for e in source.shown} & {e.id for e in source.chosen}
    found = run_cast(make_config(settings), known.lens).result
    assert found.find(known.target.name, "cast", known.source.name).metrics["acc,none"].value == 1
    assert found.identity["scoring"] == "packed"


class Killed(BaseException):
    """As if the process had been killed."""


def _bytes_of(run: CastRun) -> bytes:
    items = [draw for arm in run.arms for draw in arm.items]
    return run.result.model_dump_json().encode() + repr(items).encode()


@pytest.mark.parametrize("calls", [1, 3, 5, 7])
def test_a_run_killed_anywhere_goes_on_and_ends_byte_for_byte_the_same(
    run: CastRun,
    config: CastConfig,
    known: Planted,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    calls: int,
) -> None:
    asked: list[str] = []

    def killing(real: Any) -> Any:
        def work(*args: Any, **options: Any) -> Any:
            if len(asked) == calls:
                raise Killed
            asked.append(options["description"])
            return real(*args, **options)

        return work

    with monkeypatch.context() as patched:
        for place in ("search.score_on_dev", "sources.read_residual", "target.evaluate"):
            name = f"cast_lens.experiment.{place}"
            patched.setattr(name, killing(pkgutil.resolve_name(name)))
        with pytest.raises(Killed), unfinished(tmp_path / "run") as pieces:
            run_cast(config, known.lens, pieces=pieces)
    done = set(asked)
    asked.clear()
    with monkeypatch.context() as patched:
        for place in ("search.score_on_dev", "sources.read_residual", "target.evaluate"):
            name = f"cast_lens.experiment.{place}"
            patched.setattr(name, _noting(pkgutil.resolve_name(name), asked))
        with unfinished(tmp_path / "run") as pieces:
            again = run_cast(config, known.lens, pieces=pieces)
    assert not done & set(asked)
    assert _bytes_of(again) == _bytes_of(run)
    assert not (tmp_path / "run.unfinished").exists()


def _noting(real: Any, asked: list[str]) -> Any:
    def work(*args: Any, **options: Any) -> Any:
        asked.append(options["description"])
        return real(*args, **options)

    return work


def test_two_processes_do_not_work_on_one_run(tmp_path: Path) -> None:
    with (
        unfinished(tmp_path / "run"),
        pytest.raises(RunError, match="another process"),
        unfinished(tmp_path / "run"),
    ):
        pass


def test_what_a_killed_process_left_is_swept_and_nothing_else_is_touched(tmp_path: Path) -> None:
    mine = [tmp_path / ".run.local", tmp_path / ".run.abc"]
    for path in mine:
        path.write_text("not ours")
    pieces = tmp_path / "run.unfinished"
    half = pieces / ".run.x1y2z3w4"
    half.mkdir(parents=True)
    (half / "results.json").write_text("{")
    (pieces / ".0123.json.x1y2").write_text("[")
    (pieces / "0123.json").write_text("[]")
    with unfinished(tmp_path / "run"):
        assert sorted(path.name for path in pieces.iterdir()) == ["0123.json", "lock"]
    assert all(path.read_text() == "not ours" for path in mine)


def test_an_error_inside_a_run_keeps_its_name_and_the_pieces(tmp_path: Path) -> None:
    pieces = tmp_path / "run.unfinished"
    pieces.mkdir()
    (pieces / "0123.json").write_text("[]")
    with pytest.raises(FileNotFoundError), unfinished(tmp_path / "run"):
        (tmp_path / "gone").read_text()
    assert (pieces / "0123.json").exists()
    with unfinished(tmp_path / "run"):
        pass
    assert not pieces.exists()


def test_a_cut_off_piece_is_made_again(
    run: CastRun, config: CastConfig, known: Planted, tmp_path: Path
) -> None:
    run_cast(config, known.lens, pieces=tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:40])
    assert _bytes_of(run_cast(config, known.lens, pieces=tmp_path)) == _bytes_of(run)
