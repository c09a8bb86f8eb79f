"""Probes of real forward passes: what the planted model knows, where, and its controls."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import pytest
import torch

from cast_lens.diagnosis import probes
from cast_lens.diagnosis.probes import (
    LayerProbe,
    ProbeRows,
    probe_layers,
    probe_rows,
    read_rows,
    transfer_rows,
)
from cast_lens.errors import ConfigError
from cast_lens.experiment.config import CastConfig, make_config
from cast_lens.figures.probing import probe_curve, transfer_map
from cast_lens.model.planted import LAYER, Planted
from cast_lens.model.random_weights import random_weights
from cast_lens.prompts.prompt import Prompt
from cast_lens.tasks.task import Example, Task

QUERIES = 12


def settings(known: Planted, **more: object) -> CastConfig:
    names = [known.source.name]
    base = {"sources": names, "targets": names, "layers": [0, LAYER], "examples": QUERIES}
    return make_config({**base, **more})


@pytest.fixture(scope="module")
def read(known: Planted) -> ProbeRows:
    return read_rows(known.lens, [known.source, known.target], settings(known))


@pytest.fixture(scope="module")
def probed(known: Planted, read: ProbeRows) -> tuple[LayerProbe, ...]:
    untrained = random_weights(known.lens, seed=0)
    control = read_rows(untrained, [known.source, known.target], settings(known))
    return probe_rows(read, "kind", untrained=control, seeds=(0,))


def test_every_query_is_read_once_in_each_kind(read: ProbeRows, known: Planted) -> None:
    for task in (known.source, known.target):
        own = [row for row in read.rows if row.task == task.name]
        assert len(own) == 2 * QUERIES
        assert len({row.query for row in own}) == QUERIES
        for few, zero in zip(own[::2], own[1::2], strict=True):
            assert (few.kind, zero.kind) == ("few-shot", "zero-shot")
            assert few.query == zero.query
    # what the planted direction says of the kind is in the states that were read
    at = read.values[read.layers.index(LAYER)] @ known.direction.numpy()
    few = np.array([row.kind == "few-shot" for row in read.rows])
    assert at[few].min() > at[~few].max()


def test_the_control_has_types_though_all_inputs_begin_alike(known: Planted) -> None:
    reviews = [e.model_copy(update={"input": f"Text: {e.input}"}) for e in known.source.train]
    task = known.source.model_copy(update={"train": tuple(reviews)})
    rows = read_rows(known.lens, [task], settings(known, layers=[0])).rows
    plain = read_rows(known.lens, [known.source], settings(known, layers=[0])).rows
    assert [row.letter for row in rows] == [row.letter for row in plain]
    assert all(row.letter == row.query[0] for row in plain)
    assert len({row.letter for row in rows}) > 2


def test_no_prompt_shows_what_another_one_asks(
    known: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked, shown = probes.few_shot, set(), set()

    def spy(task: Task, query: Example, some: tuple[Example, ...], **more: Any) -> Prompt:
        asked.add(query.id)
        shown.update(one.id for one in some)
        return real(task, query, some, **more)

    monkeypatch.setattr(probes, "few_shot", spy)
    read_rows(known.lens, [known.source], settings(known, layers=[0]))
    assert len(asked) == QUERIES
    assert shown
    assert not asked & shown


def test_the_planted_direction_tells_the_kind(probed: tuple[LayerProbe, ...]) -> None:
    last = probed[-1]
    assert last.layer == LAYER
    assert last.probe.accuracy.value > 0.95
    assert last.probe.selectivity.low > 0.1
    assert last.probe.chance == 0.5
    assert last.untrained is not None
    assert 0 <= last.untrained.value <= 1


def test_reading_and_probing_at_once_is_the_same(read: ProbeRows, known: Planted) -> None:
    both = [known.source, known.target]
    at_once = probe_layers(known.lens, both, settings(known), "task", seeds=(0,))
    assert at_once == probe_rows(read, "task", seeds=(0,))
    assert at_once[0].probe.accuracy.value > at_once[0].probe.chance + 0.1
    assert at_once[0].tasks == (known.source.name, known.target.name)


def test_the_kind_carries_over_to_the_other_task(read: ProbeRows) -> None:
    found = transfer_rows(read, "kind", seeds=(0,))[-1]
    accuracy = [[cell.value for cell in row] for row in found.matrix.accuracy]
    assert min(map(min, accuracy)) > 0.9
    exhibit = transfer_map(found)
    assert [list(trace) for trace in exhibit.figure.data[0].z] == accuracy
    assert len(exhibit.rows) == 4


def test_random_weights_are_fresh_seeded_and_leave_the_callers_random_state(
    known: Planted,
) -> None:
    before = torch.get_rng_state()
    first, again, other = (random_weights(known.lens, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert first.fingerprint == again.fingerprint
    assert len({first.fingerprint, other.fingerprint, known.lens.fingerprint}) == 3
    assert (first.n_layers, first.d_model) == (known.lens.n_layers, known.lens.d_model)
    assert first.tokenizer_fingerprint == known.lens.tokenizer_fingerprint


def test_what_cannot_be_probed_is_refused_with_a_remedy(read: ProbeRows, known: Planted) -> None:
    # every planted item is labelled "yes"
    with pytest.raises(ConfigError, match="two answers"):
        probe_rows(read, "label")
    with pytest.raises(ConfigError, match="differ in their tasks"):
        transfer_rows(read, "task")
    with pytest.raises(ConfigError, match="Lower examples"):
        read_rows(known.lens, [known.source], settings(known, examples=58))


def test_the_curve_draws_probe_control_untrained_and_chance(
    probed: tuple[LayerProbe, ...],
) -> None:
    named = probed[0].model_copy(update={"model": "<b>x</b>"})
    exhibit = probe_curve([named, *probed[1:]])
    assert html.escape("<b>x</b>") in str(exhibit.figure.layout.title)
    lines = {trace.name: trace for trace in exhibit.figure.data if trace.name}
    assert [*lines["probe"].y] == [row["accuracy"] for row in exhibit.rows]
    assert [*lines["random-weights model"].y] == [row["random_weights"] for row in exhibit.rows]
    control = lines["control task (random labels)"]
    assert [*control.y] == [row["control"] for row in exhibit.rows]
    assert "chance (0.50)" in lines
    assert len({trace.line.dash for trace in lines.values() if trace.mode != "markers"}) == 4


def test_the_title_says_when_nothing_is_told_from_chance(probed: tuple[LayerProbe, ...]) -> None:
    last = probed[-1]
    assert "Not told from chance" not in probe_curve([last]).alt
    low = last.probe.accuracy.model_copy(update={"value": 0.55, "low": 0.4, "high": 0.7})
    weak = last.model_copy(update={"probe": last.probe.model_copy(update={"accuracy": low})})
    assert "Not told from chance: 0.55" in probe_curve([weak]).alt
