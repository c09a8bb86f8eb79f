"""States read from a model whose geometry is known, laid on maps, compared and drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import false_discovery_control

from cast_lens.analysis.similarity import debiased_cka, principal_angles
from cast_lens.diagnosis.geometry import (
    DIFFERENCE,
    FEW,
    ZERO,
    Group,
    LabelledStates,
    differences,
    map_blocks,
    map_states,
    read_labelled,
)
from cast_lens.diagnosis.grids import cka_grid, overlap_grid
from cast_lens.errors import FigureError, TaskError, VectorError
from cast_lens.figures.geometry import ColourBy, moving_map, state_map
from cast_lens.figures.grids import similarity_map
from cast_lens.figures.map_words import HOVER, LINE, hover
from cast_lens.model.planted import LAYER, Planted

QUERIES = 12


@pytest.fixture(scope="module")
def states(known: Planted) -> LabelledStates:
    tasks = [known.source, known.target]
    return read_labelled(known.lens, tasks, queries=QUERIES, answers=True)


def groups(states: LabelledStates, layer: int, kind: str) -> list[Group]:
    return [g for g in states.groups([layer]) if g.kind == kind]


def test_every_query_is_read_with_and_without_demonstrations(states: LabelledStates) -> None:
    assert states.values.shape[:2] == (4, 4 * QUERIES)
    for i in range(0, 4 * QUERIES, 2 * QUERIES):
        few, zero = states.rows[i : i + QUERIES], states.rows[i + QUERIES : i + 2 * QUERIES]
        assert [r.query_id for r in few] == [r.query_id for r in zero]
        for long, short in zip(few, zero, strict=True):
            assert (long.kind, short.kind) == (FEW, ZERO)
            assert long.text.endswith(short.query)
            assert long.text.count(" yes\n") == 4
            assert short.text.count(" yes\n") == 0


def test_a_state_is_the_one_the_model_itself_has_there(
    states: LabelledStates, known: Planted
) -> None:
    for i in (0, 2 * QUERIES - 1):
        ids = torch.tensor([known.lens.tokenizer(states.rows[i].text)["input_ids"]])
        name = known.lens.hook_name(2)
        _, cache = known.lens.model.run_with_cache(ids, names_filter=lambda n, at=name: n == at)
        assert states.at(2)[i] == pytest.approx(cache[name][0, -1].numpy(), abs=1e-4)


def test_answers_are_right_where_demonstrations_were_seen(states: LabelledStates) -> None:
    assert all(row.correct == (row.kind == FEW) for row in states.rows)


def test_differences_are_the_planted_direction_from_its_block_on(
    states: LabelledStates, known: Planted
) -> None:
    found = differences(states)
    assert {row.kind for row in found.rows} == {DIFFERENCE}
    u = known.direction.numpy()
    for layer, near in ((LAYER - 1, False), (LAYER, True), (LAYER + 1, True)):
        mean = found.at(layer).mean(axis=0)
        cosine = abs(mean @ u) / np.linalg.norm(mean)
        assert (cosine > 0.9) == near
    rows = states.where(Group(known.target.name, FEW, LAYER))
    twins = states.where(Group(known.target.name, ZERO, LAYER))
    expected = states.at(LAYER)[rows] - states.at(LAYER)[twins]
    assert (found.at(LAYER)[QUERIES:] == expected).all()


def test_differences_without_a_zero_shot_twin_are_refused(states: LabelledStates) -> None:
    lone = replace(states, values=states.values[:, :QUERIES], rows=states.rows[:QUERIES])
    with pytest.raises(TaskError, match="zero-shot state of each query"):
        differences(lone)


def test_what_was_not_read_is_refused(states: LabelledStates, known: Planted) -> None:
    with pytest.raises(VectorError, match="Layer 9"):
        states.at(9)
    with pytest.raises(TaskError, match="'nothing'"):
        states.where(Group("nothing", FEW, 0))
    with pytest.raises(VectorError, match="do not fit"):
        replace(states, rows=states.rows[1:])
    with pytest.raises(TaskError, match="same name"):
        read_labelled(known.lens, [known.source, known.source])


def test_an_arrow_runs_from_the_zero_shot_to_the_few_shot_mean(states: LabelledStates) -> None:
    projection = map_states(states, LAYER, "pca")
    figure = state_map(states, projection, LAYER).figure
    arrows = [t for t in figure.data if t.legendgroup == "arrows"]
    assert len(arrows) == 2
    for arrow, task in zip(arrows, dict.fromkeys(r.task for r in states.rows), strict=True):
        for end, kind in enumerate((ZERO, FEW)):
            mean = projection.coordinates[states.where(Group(task, kind, LAYER))].mean(axis=0)
            assert (arrow.x[end], arrow.y[end]) == pytest.approx(tuple(mean))
    stubs = [t for t in figure.data if t.legendgroup == "stubs"]
    length = [np.hypot(np.ptp(t.x), np.ptp(t.y)) for t in (*arrows, *stubs)]
    assert max(length[2:]) < 0.6 * min(length[:2])
    drawn = differences(states)
    alone = state_map(drawn, map_states(drawn, LAYER, "pca"), LAYER).figure
    assert "arrows" not in [t.legendgroup for t in alone.data]


@pytest.mark.parametrize("colour_by", ["task", "kind", "label", "correct"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_every_prompt_is_drawn_once_under_its_own_name(
    states: LabelledStates, colour_by: ColourBy, dimensions: int
) -> None:
    projection = map_states(states, LAYER, "pca", dimensions)
    exhibit = state_map(states, projection, LAYER, colour_by)
    points = [t for t in exhibit.figure.data if t.hoverinfo == "text"]
    assert sorted(x for t in points for x in t.x) == sorted(projection.coordinates[:, 0])
    told = {x: text for t in points for x, text in zip(t.x, t.text, strict=True)}
    assert all(
        told[x] == hover(row)
        for x, row in zip(projection.coordinates[:, 0], states.rows, strict=True)
    )
    assert [row["x"] for row in exhibit.rows] == projection.coordinates[:, 0].tolist()
    assert ("z" in exhibit.rows[0]) == (dimensions == 3)
    held = sum(projection.explained or ())
    assert f"{100 * held:.0f} %" in exhibit.caption
    opened = {t.marker.symbol.endswith("-open") for t in points}
    assert opened == {True, False}


def test_the_same_states_give_the_same_bytes(states: LabelledStates) -> None:
    def drawn() -> str:
        return str(moving_map(states, map_blocks(states, "pca", 3)).figure.to_json())

    assert drawn() == drawn()


def test_a_moving_map_has_each_block_in_its_own_spread(states: LabelledStates) -> None:
    projections = map_blocks(states, "pca")
    exhibit = moving_map(states, projections)
    frames = exhibit.figure.frames
    assert [f.name for f in frames] == [str(layer) for layer in states.layers]
    assert [s.label for s in exhibit.figure.layout.sliders[0].steps] == [f.name for f in frames]
    points = sum(t.hoverinfo == "text" for t in exhibit.figure.data)
    low, high = exhibit.figure.layout.xaxis.range
    for frame, projection, layer in zip(frames, projections, states.layers, strict=True):
        assert len(frame.data) == len(exhibit.figure.data)
        at = np.array([[x for t in frame.data[:points] for x in t[axis]] for axis in "xy"])
        assert np.mean(np.sum(at**2, axis=0)) == pytest.approx(1)
        assert low < at[0].min() < at[0].max() < high
        saved = [row["x"] for row in exhibit.rows if row["block"] == layer]
        assert saved == projection.coordinates[:, 0].tolist()
        assert f"block {layer}" in frame.layout.title.text


def test_the_title_tells_what_states_differ_by_and_its_null(states: LabelledStates) -> None:
    shown = state_map(states, map_states(states, LAYER, "pca"), LAYER, "kind").figure.layout.title
    rows = states.at(LAYER).astype(float)
    rows -= rows.mean(axis=0)
    few = np.array([row.kind == FEW for row in states.rows])
    between = sum(mask.sum() * np.sum(rows[mask].mean(axis=0) ** 2) for mask in (few, ~few))
    share = between / np.sum(rows**2)
    assert f"Prompt kind accounts for {100 * share:.0f}\u00a0%" in shown.text
    assert "with permuted names" in shown.subtitle.text


def test_the_users_text_is_shown_and_not_obeyed(states: LabelledStates) -> None:
    evil = "<b>bold</b>\n" + "long words " * 200 + "the end"
    rows = [replace(r, text=evil, label="<i>x</i>") for r in states.rows]
    told = hover(rows[0])
    assert "<b>bold" not in told
    assert "&lt;b&gt;bold" in told
    assert told.endswith("the end")
    lines = told.partition("<br><br>")[2].split("<br>")
    assert max(map(len, lines)) <= LINE + 20
    assert sum(map(len, lines)) <= HOVER + 20
    drawn = state_map(replace(states, rows=tuple(rows)), map_states(states, 0, "pca"), 0, "label")
    assert "<i>x" not in json.dumps([t.name for t in drawn.figure.data])


def test_colours_that_tell_nothing_are_refused(states: LabelledStates) -> None:
    projection = map_states(states, 0, "pca")
    blind = replace(states, rows=tuple(replace(r, correct=None) for r in states.rows))
    with pytest.raises(FigureError, match="answers=True"):
        state_map(blind, projection, 0, "correct")
    many = tuple(replace(r, label=r.query_id) for r in states.rows)
    with pytest.raises(FigureError, match="24 different labels"):
        state_map(replace(states, rows=many), projection, 0, "label")
    rare = tuple(replace(r, label=str(max(i, 20))) for i, r in enumerate(states.rows))
    drawn = state_map(replace(states, rows=rare), projection, 0, "label").figure
    assert "all other" in [t.name for t in drawn.data]


def test_a_map_of_other_states_is_refused(states: LabelledStates) -> None:
    with pytest.raises(ValueError, match="states"):
        state_map(differences(states), map_states(states, 0, "pca"), 0)


def _pairs(grid: Any) -> list[tuple[int, int]]:
    n = len(grid.rows)
    return [(i, j) for i in range(n) for j in range(i + 1, n)]


def test_a_grid_of_cka_is_each_pairs_own_adjusted_together(states: LabelledStates) -> None:
    noise = np.random.default_rng(0).normal(size=states.values.shape).astype("float32")
    noise[LAYER] += noise[0]  # so that some pairs are told apart and others are not
    states = replace(states, values=noise)
    task = states.rows[0].task
    chosen = [g for g in states.groups() if g.task == task and g.layer in (0, LAYER)]
    grid = cka_grid(states, chosen, chosen)
    found = {
        (i, j): debiased_cka(*(states.at(chosen[k].layer)[states.where(chosen[k])] for k in (i, j)))
        for i, j in _pairs(grid)
    }
    adjusted = false_discovery_control([one.p for one in found.values()])
    for (i, j), p in zip(found, adjusted, strict=True):
        for a, b in ((i, j), (j, i)):
            assert grid.values[a][b] == pytest.approx(found[i, j].value)
            assert grid.null[a][b] == pytest.approx(found[i, j].null_high)
            assert grid.adjusted[a][b] == pytest.approx(p)
    assert grid.n == QUERIES


def shuffled(states: LabelledStates, order: Sequence[int]) -> LabelledStates:
    return replace(
        states, values=states.values[:, order], rows=tuple(states.rows[i] for i in order)
    )


def test_rows_are_paired_by_query_and_not_by_order(states: LabelledStates) -> None:
    order = np.random.default_rng(0).permutation(len(states.rows)).tolist()
    task = states.rows[0].task
    few, zero = Group(task, FEW, 2), Group(task, ZERO, 2)
    one, other = (cka_grid(s, [few], [zero]) for s in (states, shuffled(states, order)))
    assert other.values == pytest.approx(np.array(one.values))


def test_tasks_of_other_queries_are_compared_by_subspace_only(states: LabelledStates) -> None:
    chosen = groups(states, LAYER, FEW)
    with pytest.raises(TaskError, match="share 0 queries"):
        cka_grid(states, chosen, chosen)
    grid = overlap_grid(states, chosen, chosen, rank=2)
    one, other = (states.at(LAYER)[states.where(g)] for g in chosen)
    expected = principal_angles(one, other, 2)
    assert grid.values[0][1] == pytest.approx(expected.overlap)
    assert grid.null[0][1] == pytest.approx(expected.null_mean)
    assert grid.chance == 2 / one.shape[1]


def test_tasks_that_ask_the_same_words_are_paired_by_them(states: LabelledStates) -> None:
    half = 2 * QUERIES
    rows = tuple(
        replace(r, query=states.rows[i % half].query, query_id=f"{r.task}-{i % half}")
        for i, r in enumerate(states.rows)
    )
    chosen = groups(states, LAYER, ZERO)
    grid = cka_grid(replace(states, rows=rows), chosen, chosen)
    one, other = (states.at(LAYER)[states.where(g)] for g in chosen)
    assert grid.values[0][1] == pytest.approx(debiased_cka(one, other).value)


def test_a_heat_map_shows_values_beside_their_null_and_crosses_what_is_not_told(
    states: LabelledStates,
) -> None:
    task = states.rows[0].task
    chosen = [g for g in states.groups() if g.task == task and g.layer in (0, 2)]
    noise = np.random.default_rng(4).normal(size=states.values.shape).astype("float32")
    noise[2] = noise[0]
    planted = replace(states, values=noise)
    grid = cka_grid(planted, chosen, chosen)
    exhibit = similarity_map(grid)
    measured, null = exhibit.figure.data
    assert measured.z[0][1] == grid.values[0][1]
    assert null.z[0][1] == grid.null[0][1]
    assert measured.z[0][0] is None
    crossed = [[text.endswith("×") for text in line] for line in measured.text]
    told = [[i == j or chosen[i].kind == chosen[j].kind for j in range(4)] for i in range(4)]
    assert crossed == (~np.array(told)).tolist()
    assert not any("×" in text for line in null.text for text in line)
    assert exhibit.figure.layout.title.text.startswith("<b>2 of 6 pairs")
    assert len(exhibit.rows) == 16
    assert similarity_map(grid).figure.to_json() == exhibit.figure.to_json()


def test_a_figure_of_a_grid_names_only_what_differs(states: LabelledStates, tmp_path: Path) -> None:
    chosen = groups(states, LAYER, FEW)
    figure = similarity_map(overlap_grid(states, chosen, chosen, rank=2)).figure
    assert list(figure.data[0].x) == [g.task for g in chosen]
    assert f"few-shot, block {LAYER}" in figure.layout.title.subtitle.text
