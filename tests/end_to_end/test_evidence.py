"""Comparisons of arms and of runs, on the planted model; the oracles are scipy and statsmodels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests
from tasks_on_disk import save_task

from cast_lens.errors import RunError
from cast_lens.experiment.across import compare_runs
from cast_lens.experiment.config import Arm, make_config
from cast_lens.experiment.planned import AGAINST, Key, planned_comparisons
from cast_lens.experiment.run import CastRun, run_cast
from cast_lens.experiment.store import save_run
from cast_lens.model.planted import LAYER, Planted
from cast_lens.tasks.task import Task


@pytest.fixture(scope="module")
def run(planted_folder: Path, known: Planted) -> CastRun:
    settings = {
        "model": "planted",
        "tasks": str(planted_folder),
        "sources": [known.source.name],
        "targets": [known.target.name],
        "examples": 20,
        "selector": "random",
        "layers": [LAYER],
        "strengths": [1.0],
        "random_directions": 1,
        "arms": ["zero_shot", "icl_cross_task", "cast", "few_only", "random_direction"],
    }
    return run_cast(make_config(settings), known.lens)


def test_the_planned_comparisons_are_mcnemars_and_holms(run: CastRun) -> None:
    found = run.result.planned
    assert [one.against for one in found] == [a for a in AGAINST if a != "irrelevant_demos"]
    exact = [
        binomtest(one.comparison.helped, one.comparison.helped + one.comparison.harmed).pvalue
        if one.comparison.helped + one.comparison.harmed
        else 1.0
        for one in found
    ]
    assert [one.comparison.p for one in found] == pytest.approx(exact)
    holm = multipletests(exact, method="holm")[1]
    assert [one.adjusted_p for one in found] == pytest.approx(list(holm))
    beats_placebo = next(one for one in found if one.against == "random_direction")
    assert beats_placebo.adjusted_p < 0.001


def test_each_pair_of_target_and_source_is_a_family_of_its_own() -> None:
    same = np.zeros(20)
    values: dict[Arm, np.ndarray] = {
        "cast": np.ones(20),
        "few_only": same,
        "random_direction": same,
    }
    outcomes: dict[Key, np.ndarray] = {
        (target, arm, source): gained
        for target, source in (("t", "a"), ("t", "b"), ("u", "a"))
        for arm, gained in values.items()
    }
    alone = dict.fromkeys(target for target, _, _ in outcomes)
    found = planned_comparisons(outcomes, alone)
    assert len(found) == 6
    assert {one.adjusted_p for one in found} == {2 * found[0].comparison.p}


def test_a_run_equals_itself(run: CastRun, tmp_path: Path) -> None:
    save_run(run, tmp_path / "one", 0.0)
    found = compare_runs(tmp_path / "one", tmp_path / "one")
    assert found.differing == ()
    assert len(found.arms) == 5
    for arm in found.arms:
        assert arm.comparison.difference.value == 0
        assert arm.comparison.p == arm.adjusted_p == 1


def test_runs_are_paired_by_item_not_by_row(run: CastRun, tmp_path: Path) -> None:
    turned = replace(
        run,
        arms=tuple(replace(a, items=tuple(draw[::-1] for draw in a.items)) for a in run.arms),
    )
    save_run(run, tmp_path / "one", 0.0)
    save_run(turned, tmp_path / "two", 0.0)
    found = compare_runs(tmp_path / "one", tmp_path / "two")
    assert all(arm.comparison.helped == arm.comparison.harmed == 0 for arm in found.arms)


def test_runs_with_other_items_or_tasks_are_refused(run: CastRun, tmp_path: Path) -> None:
    fewer = replace(
        run, arms=tuple(replace(a, items=tuple(draw[1:] for draw in a.items)) for a in run.arms)
    )
    identity = run.result.identity
    other = {**identity, "tasks": dict.fromkeys(identity["tasks"], "0" * 16)}
    elsewhere = replace(run, result=run.result.model_copy(update={"identity": other}))
    for name, one in (("one", run), ("fewer", fewer), ("elsewhere", elsewhere)):
        save_run(one, tmp_path / name, 0.0)
    gone = run.arms[0].items[0][0].doc_id
    with pytest.raises(RunError, match=f"item {gone} stands in one run only"):
        compare_runs(tmp_path / "one", tmp_path / "fewer")
    with pytest.raises(RunError, match="another task in the second run"):
        compare_runs(tmp_path / "one", tmp_path / "elsewhere")
    with pytest.raises(RunError, match="not a run folder"):
        compare_runs(tmp_path / "one", tmp_path)


def test_settings_that_differ_are_named(run: CastRun, tmp_path: Path) -> None:
    config = run.result.config.model_copy(update={"seed": 5})
    other = replace(run, result=run.result.model_copy(update={"config": config}))
    save_run(run, tmp_path / "one", 0.0)
    save_run(other, tmp_path / "two", 0.0)
    assert compare_runs(tmp_path / "one", tmp_path / "two").differing == ("seed: 0, 5",)


def test_items_of_one_passage_are_not_counted_as_independent(
    run: CastRun, known: Planted, tmp_path: Path
) -> None:
    fields = known.target.model_dump()
    fields["test"] = [
        {**item, "passage": f"passage {i // 4}"} for i, item in enumerate(fields["test"])
    ]
    for task in (known.source, Task.model_validate(fields)):
        save_task(task, tmp_path)
    config = run.result.config.model_copy(update={"tasks": str(tmp_path)})
    shared = run_cast(config, known.lens).result
    for alone, together in zip(run.result.planned, shared.planned, strict=True):
        assert together.comparison.test == "sign flips of clusters"
        assert together.comparison.n == alone.comparison.n
        # five passages cannot give p < 0.05 however clear the twenty items are
        assert together.comparison.p > 0.05
    steered = shared.find(known.target.name, "cast", known.source.name)
    assert "cluster" in steered.differences["acc,none"].method
    alone = run.result.find(known.target.name, "cast", known.source.name)
    # all twenty are right: five passages say less than twenty items
    assert steered.metrics["acc,none"].low < alone.metrics["acc,none"].low
