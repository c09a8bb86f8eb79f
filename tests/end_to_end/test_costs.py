"""What every arm costs: counted alike in every run, measured beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cast_lens.cli.run_table import print_run
from cast_lens.experiment.cells import Cells, unfinished
from cast_lens.experiment.config import ARMS, CastConfig, make_config
from cast_lens.experiment.estimate import estimate
from cast_lens.experiment.flops import read_flops
from cast_lens.experiment.ledger import READS
from cast_lens.experiment.record import ArmCost
from cast_lens.experiment.run import CastRun, run_cast
from cast_lens.experiment.sources import FEW, ZERO
from cast_lens.experiment.store import save_run
from cast_lens.model.planted import LAYER, Planted
from cast_lens.model.size import size_of
from cast_lens.prompts.demonstrations import draw_demonstrations
from cast_lens.prompts.prompt import render_demonstration


@pytest.fixture(scope="module")
def config(planted_folder: Path, known: Planted) -> CastConfig:
    return make_config(
        {
            "model": "planted",
            "tasks": str(planted_folder),
            "sources": [known.source.name, known.target.name],
            "targets": [known.target.name],
            "arms": list(ARMS),
            "examples": 30,
            "selector": "random",
            "random_directions": 2,
            "layers": [LAYER, LAYER + 1],
            "strengths": [0.5, 1.0],
        }
    )


@pytest.fixture(scope="module")
def run(config: CastConfig, known: Planted, tmp_path_factory: pytest.TempPathFactory) -> CastRun:
    return run_cast(config, known.lens, pieces=tmp_path_factory.mktemp("pieces"))


def _cost(run: CastRun, arm: str, source: str | None = None) -> ArmCost:
    (found,) = [c for c in run.result.costs if (c.arm, c.source) == (arm, source)]
    return found


def _count(known: Planted, texts: list[str]) -> float:
    """Mean tokens of texts, each with the one that starts every text."""
    sizes = [len(known.lens.tokenizer(text)["input_ids"]) for text in texts]
    return sum(sizes) / len(sizes)


def test_prompt_tokens_are_what_the_tokenizer_makes_of_each_arms_prompts(
    run: CastRun, config: CastConfig, known: Planted
) -> None:
    task, source = known.target, known.source
    asked = [f"Definition: {task.instruction}\n{e.input}" for e in task.test]
    alone = _count(known, asked)
    for arm in ("cast", "few_only", "random_direction", "task_vector"):
        assert _cost(run, arm, source.name).prompt_tokens == alone
    assert _cost(run, "zero_shot").prompt_tokens == alone
    shown = [draw_demonstrations(task.train, e, config.shots, config.seed) for e in task.test]
    told = ["".join(render_demonstration(task, d) for d in some) for some in shown]
    few = [
        f"Definition: {task.instruction}\n{some}{e.input}"
        for e, some in zip(task.test, told, strict=True)
    ]
    assert _cost(run, "icl_in_task").prompt_tokens == _count(known, few)
    assert _cost(run, "icl_cross_task", source.name).prompt_tokens > alone


def test_every_arm_has_its_costs_in_the_order_of_the_results(run: CastRun) -> None:
    keys = [(c.target, c.arm, c.source) for c in run.result.costs]
    assert keys == [(r.target, r.arm, r.source) for r in run.result.results]
    for cost in run.result.costs:
        assert (cost.once_flops > 0) == (cost.arm in READS)
        assert bool(cost.breaks_even) == (cost.arm == "cast")


def test_operations_of_a_query_follow_from_its_tokens(run: CastRun, known: Planted) -> None:
    size = size_of(known.lens)
    (reading,) = [a.reading for a in run.arms if a.reading.arm == "icl_in_task"]
    expected = sum(read_flops(size, n) for n in reading.tokens) / len(reading.tokens)
    assert _cost(run, "icl_in_task").flops == pytest.approx(expected)


def test_an_arm_pays_for_the_states_and_the_search_it_needs(run: CastRun, known: Planted) -> None:
    def once(arm: str) -> float:
        return _cost(run, arm, known.source.name).once_flops

    assert READS["cast"] == (FEW, ZERO)
    assert once("opposite") == once("cast") > once("few_only") > once("task_vector")
    assert once("random_direction") > once("cast")  # two draws are searched
    # a centred mean needs the few-shot states of both sources
    assert once("mean_centred") > once("few_only")


def test_the_vector_pays_where_its_once_is_made_up_for(run: CastRun, known: Planted) -> None:
    cast = _cost(run, "cast", known.source.name)
    others = {
        "icl_in_task": _cost(run, "icl_in_task"),
        "icl_cross_task": _cost(run, "icl_cross_task", known.source.name),
    }
    assert cast.breaks_even.keys() == others.keys()
    for arm, queries in cast.breaks_even.items():
        assert queries is not None
        other = others[arm].flops
        assert cast.once_flops + queries * cast.flops < queries * other
        assert cast.once_flops + (queries - 1) * cast.flops >= (queries - 1) * other


def test_a_targets_own_vector_is_held_against_its_own_demonstrations_only(
    run: CastRun, known: Planted
) -> None:
    assert _cost(run, "cast", known.target.name).breaks_even.keys() == {"icl_in_task"}


class Killed(BaseException):
    """As if the process had been killed."""


def test_a_resumed_run_has_the_same_results_and_a_ledger_of_all_its_pieces(
    run: CastRun, config: CastConfig, known: Planted, tmp_path: Path, monkeypatch: Any
) -> None:
    save_run(run, tmp_path / "whole", 1.0)
    real, asked = Cells.values, []

    def values(self: Cells, name: str, *args: Any) -> Any:
        asked.append(name)
        if len(asked) == 3:
            raise Killed
        return real(self, name, *args)

    with monkeypatch.context() as patched:
        patched.setattr(Cells, "values", values)
        with pytest.raises(Killed), unfinished(tmp_path / "run") as pieces:
            run_cast(config, known.lens, pieces=pieces)
    with unfinished(tmp_path / "run") as pieces:
        before = {path.name: path.read_text() for path in pieces.glob("*.spent")}
        again = run_cast(config, known.lens, pieces=pieces)
        save_run(again, tmp_path / "run", 1.0, within=pieces)
    assert len(before) > 2
    folders = [tmp_path / "whole", tmp_path / "run"]
    results = [(folder / "results.json").read_bytes() for folder in folders]
    assert results[0] == results[1]
    ledgers = [json.loads((folder / "ledger.json").read_text()) for folder in folders]
    names = [{piece["piece"] for piece in ledger["pieces"]} for ledger in ledgers]
    assert names[0] == names[1]
    assert {f"{known.source.name}: {name}" for name in (FEW, ZERO)} <= names[0]
    # what was computed before the kill keeps the cost it had then
    kept = [json.loads(text) for text in before.values()]
    assert all(piece in ledgers[1]["pieces"] for piece in kept)
    arms = [(arm["target"], arm["arm"], arm["source"]) for arm in ledgers[1]["arms"]]
    assert arms == [(r.target, r.arm, r.source) for r in run.result.results]


def test_pieces_of_a_run_say_what_they_took(run: CastRun) -> None:
    assert all(one.seconds >= 0 and one.peak_memory_mb > 10 for one in run.spent)
    assert len({one.piece for one in run.spent}) == len(run.spent)


def test_the_table_shows_prompt_tokens_and_when_the_vector_pays(
    run: CastRun, known: Planted, capsys: pytest.CaptureFixture[str]
) -> None:
    cast = _cost(run, "cast", known.source.name)
    costs = [c if c is not cast else _never(c) for c in run.result.costs]
    print_run(run.result.model_copy(update={"costs": tuple(costs)}))
    lines = capsys.readouterr().out.splitlines()
    for arm in ("zero_shot", "icl_in_task"):
        row = next(line for line in lines if line.startswith(arm))
        assert row.split()[-1] == f"{_cost(run, arm).prompt_tokens:.0f}"
        assert len(row) <= 160
    own = _cost(run, "cast", known.target.name).breaks_even["icl_in_task"]
    assert (
        f"cast of {known.target.name}: cheaper than icl_in_task from {own:,} queries on." in lines
    )
    assert f"cast of {known.source.name}: never cheaper than icl_in_task." in lines


def _never(cost: ArmCost) -> ArmCost:
    return cost.model_copy(update={"breaks_even": {"icl_in_task": None}})


def test_an_estimate_foresees_what_is_read_of_the_sources(
    run: CastRun, config: CastConfig, known: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "cast_lens.experiment.estimate.size_by_name", lambda _: (size_of(known.lens), "in hand")
    )
    monkeypatch.setattr(
        "cast_lens.experiment.lengths.load_tokenizer", lambda _: known.lens.tokenizer
    )
    found = estimate(config)
    stages = {stage.name: stage for stage in found.stages}
    assert list(stages) == ["reading sources", "search on dev", "scoring on test"]
    # two sources of 30 examples: plain, permuted, irrelevant and zero-shot, one dummy query
    assert found.tokens == sum(stage.tokens for stage in found.stages)
    one = _cost(run, "icl_in_task").prompt_tokens
    zero = _cost(run, "zero_shot").prompt_tokens
    expected = 2 * (30 * (3 * one + zero) + one)
    assert stages["reading sources"].tokens == pytest.approx(expected, rel=0.1)
    assert found.rate_measured
    assert found.rate > 0
