"""Records as pandas frames, numpy arrays and small tables, on what the analyses really find."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import BaseModel

from cast_lens import (
    Injection,
    diagnose,
    dose_curve,
    draw_demonstrations,
    few_shot,
    logit_lens,
    made_of,
    map_states,
    mean_readout,
    mean_vector,
    parallel_tasks,
    read_labelled,
    read_residual,
    readout,
    score_answers,
    score_labels,
    select_examples,
    to_frame,
    vector_stability,
    zero_shot,
)
from cast_lens.diagnosis.grids import cka_grid
from cast_lens.diagnosis.probes import read_rows, transfer_rows
from cast_lens.experiment.across import compare_runs
from cast_lens.experiment.blocks import blocks_of
from cast_lens.experiment.changed import changed_items
from cast_lens.experiment.claims import claim_cards
from cast_lens.experiment.config import make_config
from cast_lens.experiment.grid import run_grid
from cast_lens.experiment.store import load_run
from cast_lens.model.planted import Planted
from cast_lens.records import Record, Tabular
from cast_lens.steer.states import ResidualStates, contrast
from cast_lens.steer.vectors import SteeringVector

N = 12


@pytest.fixture(scope="module")
def states(known: Planted) -> tuple[ResidualStates, ResidualStates]:
    asked = known.source.train[:N]
    shown = [draw_demonstrations(known.source.train, e, 4, seed=0) for e in asked]
    few = [few_shot(known.source, e, some) for e, some in zip(asked, shown, strict=True)]
    zero = [zero_shot(known.source, e) for e in asked]
    return read_residual(known.lens, few), read_residual(known.lens, zero)


@pytest.fixture(scope="module")
def vector(known: Planted, states: tuple[ResidualStates, ResidualStates]) -> SteeringVector:
    return mean_vector(*states, layer=known.layer)


@pytest.fixture(scope="module")
def found(
    known: Planted,
    planted_folder: Path,
    states: tuple[ResidualStates, ResidualStates],
    vector: SteeringVector,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Tabular, ...]]:
    """What every analysis finds, by name."""
    lens, source, target = known.lens, known.source, known.target
    settings = {"model": "planted", "tasks": str(planted_folder), "sources": [source.name]}
    settings |= {"targets": [target.name], "selector": "random", "examples": N}
    settings |= {"layers": [1, 2], "strengths": [1.0], "dev_items": 4, "test_items": 6}
    settings |= {"curves": ["layers"], "arms": ["zero_shot", "cast", "random_direction"]}
    config = make_config(settings)
    one_block = {"layers": [known.layer]}
    both = make_config(settings | one_block | {"sources": [source.name, target.name]})
    out = tmp_path_factory.mktemp("runs")
    rows = run_grid_of(known, config, out)
    run = out / "planted" / "seed0"
    labelled = read_labelled(lens, [source, target], queries=N)
    groups = labelled.groups([known.layer])[:2]
    items = [zero_shot(target, e) for e in target.test[:4]]
    right = [e.label for e in target.test[:4]]
    return {
        "run": (load_run(run),),
        "claims": claim_cards(run),
        "blocks": blocks_of(run),
        "changed": changed_items(run, "cast"),
        "grid": rows,
        "compared": (compare_runs(run, run),),
        "diagnosis": (diagnose(lens, make_config(settings | one_block)),),
        "parallel": (parallel := parallel_tasks(lens, both), *parallel.blocks),
        "made of": made_of(lens, source, config),
        "transfer": transfer_rows(read_rows(lens, [source, target], both), "kind", seeds=[0]),
        "dose": (dose_curve(lens, target, vector, [0, 1], items=target.test[:4], placebos=1),),
        "stability": vector_stability(contrast(*states), [2, 4], draws=4),
        "readout": (readout(lens, items[0], right[0], {"plain": None, "v": Injection(vector)}),),
        "mean readout": (mean_readout(lens, items, right),),
        "logit lens": (logit_lens(lens, vector, top=3),),
        "states": (*states, vector, labelled),
        "map": (map_states(labelled, known.layer, "pca"),),
        "cka": (cka_grid(labelled, groups, groups),),
        "selection": (select_examples(states[0].values[0].numpy(), states[0].query_ids, 4),),
        "labels": (score_labels(lens, items, target.labels),),
        "answers": (score_answers(lens, items, [["yes"]] * 4),),
        "task": (source,),
    }


def run_grid_of(known: Planted, config: Any, out: Path) -> tuple[Tabular, ...]:
    """The grid of one planted run, which has no name that can be loaded."""
    from cast_lens.experiment.grid import finish_run

    finish_run(config, out / "planted" / "seed0", lens=known.lens)
    return run_grid(config, ["planted"], [0], out)


def leaves(value: Any) -> Iterator[float]:
    """Every number in a record, however deep."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from leaves(one)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield float(value)


def test_every_row_of_every_finding_stands_in_its_frame(
    found: dict[str, tuple[Tabular, ...]],
) -> None:
    for name, records in found.items():
        frame = to_frame(records)
        assert len(frame) == sum(len(one.to_frame()) for one in records) > 0, name
        assert frame.columns.is_unique, name
        for column in frame:
            assert not any(isinstance(v, (dict, list, BaseModel)) for v in frame[column]), column


def test_every_number_of_a_frame_stands_in_the_record(
    found: dict[str, tuple[Tabular, ...]],
) -> None:
    seen = 0
    for name, records in found.items():
        for record in records:
            if isinstance(record, Record):
                known = set(leaves(record))
                numbers = record.to_frame().select_dtypes("number").to_numpy(float).ravel()
                told = {float(x) for x in numbers if not math.isnan(x)}
                assert told <= known, (name, told - known)
                seen += len(told)
    assert seen > 300


def test_the_frame_of_a_run_has_its_arms_their_sites_and_intervals(
    found: dict[str, tuple[Tabular, ...]],
) -> None:
    (run,) = found["run"]
    frame = run.to_frame().set_index("arm")
    assert list(frame.index) == [one.arm for one in run.results]  # type: ignore[attr-defined]
    cast = next(one for one in run.results if one.arm == "cast")  # type: ignore[attr-defined]
    row = frame.loc["cast"]
    accuracy = cast.metrics["acc,none"]
    assert (row["acc"], row["acc_low"], row["acc_high"]) == (
        accuracy.value,
        accuracy.low,
        accuracy.high,
    )
    assert (row["acc_n"], row["layer"]) == (6, cast.sites[0].layer)
    assert row["gain"] == cast.differences["acc,none"].value
    assert "acc_method" not in frame


def test_nested_values_are_named_by_their_place(found: dict[str, tuple[Tabular, ...]]) -> None:
    (diagnosis,) = found["diagnosis"]
    frame = diagnosis.to_frame()
    assert len(frame) == 1
    assert {"gain", "gain_low", "gain_high", "gain_n", "probe_accuracy_low"} <= set(frame)
    both = found["transfer"][0].to_frame()
    assert list(both["trained_on"]) == sorted(both["trained_on"], reverse=True)
    assert len(both) == 4


def test_a_table_in_a_notebook_is_small_and_shows_text_as_text(
    known: Planted, found: dict[str, tuple[Tabular, ...]]
) -> None:
    for records in found.values():
        page = records[0]._repr_html_()
        assert page.count("<tr") < 60
        assert "tensor(" not in page
    bold = known.source.train[0].model_copy(update={"input": "<b>a</b> $x$"})
    task = known.source.model_copy(update={"train": (bold, *known.source.train[1:])})
    page = task._repr_html_()
    assert "&lt;b&gt;a&lt;/b&gt; $x$" in page
    assert "mathjax_ignore" in page


def test_states_and_vectors_are_arrays_that_cannot_be_written_to(
    states: tuple[ResidualStates, ResidualStates], vector: SteeringVector
) -> None:
    few, zero = (np.asarray(one) for one in states)
    assert few.shape == (4, N, few.shape[2])
    np.testing.assert_allclose(
        np.asarray(vector), (few - zero)[vector.layer].mean(axis=0), atol=1e-5
    )
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(vector)[0] = 1
    np.array(vector)[0] = 1
    assert np.asarray(vector, dtype=np.float64).dtype == np.float64
    assert torch.equal(torch.tensor(np.array(vector)), vector.direction)


def test_the_repr_of_what_holds_arrays_tells_their_shapes(
    found: dict[str, tuple[Tabular, ...]],
) -> None:
    for name in ("map", "selection", "labels", "answers", "states"):
        for one in found[name]:
            assert len(repr(one)) < 400
            assert "array(" not in repr(one)
    assert "float64 (48, 2)" in repr(found["map"][0])
