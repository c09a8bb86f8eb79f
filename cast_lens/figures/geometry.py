"""Maps of states, still or moving through the blocks."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from cast_lens.analysis.projection import Coordinates, Projection
from cast_lens.diagnosis.geometry import FEW, ZERO, LabelledStates, Row
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.map_layout import (
    as_frame,
    furnish,
    moving_axes,
    play_buttons,
    relative,
    slider,
    still_axes,
)
from cast_lens.figures.map_words import (
    HUES,
    OTHER,
    ColourBy,
    about,
    group_values,
    hover,
    how,
    key,
    map_rows,
    quality,
    said_above,
)
from cast_lens.figures.style import FAINT, HEIGHT, INK, plain

# shape and lightness tell groups apart in grey; filled is few-shot, open zero-shot
HALO = "0 0 3px white, 0 0 3px white, 0 0 3px white"
SHAPES = (
    "circle",
    "diamond",
    "square",
    "triangle-up",
    "star",
    "triangle-down",
    "pentagon",
    "hexagon",
)
SHAPES_3D = ("circle", "diamond", "square")


def state_map(
    states: LabelledStates, projection: Projection, layer: int, colour_by: ColourBy = "task"
) -> Exhibit:
    """States after one block on a map of two or three dimensions.

    Args:
        states: what `read_labelled` or `differences` gave.
        projection: of all of them after `layer`; see `map_states`.
        layer: the block.
        colour_by: what colours and shapes tell apart; of labels only the most frequent.

    Raises:
        FigureError: when `correct` is asked and the answers were not scored.
        VectorError: when the block was not read.
        ValueError: when the projection is of another number of states.
    """
    figure = go.Figure(_traces(states, projection, colour_by))
    said = said_above(states, layer, colour_by)
    furnish(figure, said, still_axes(projection))
    figure.update_layout(height=HEIGHT)
    return Exhibit(
        stem=f"map_{projection.method}_{projection.coordinates.shape[1]}d_{colour_by}_block_{layer}",
        figure=figure,
        caption=f"{about(states, f'block {layer}')} {how([projection])} {key(states)}",
        alt=f"{said[0]}; a point for each prompt.",
        rows=map_rows(states, projection, layer),
    )


def moving_map(
    states: LabelledStates, projections: Sequence[Projection], colour_by: ColourBy = "task"
) -> Exhibit:
    """The same states after block upon block, with a slider and a play button.

    Each map is drawn in multiples of its own spread, since states grow with depth.

    Args:
        states: what `read_labelled` or `differences` gave.
        projections: one a block of `states`, in order; see `map_blocks`.
        colour_by: see `state_map`.

    Raises:
        FigureError, ValueError: see `state_map`; also when there is not one projection a block.
    """
    drawn = [relative(projection) for projection in projections]
    axes = moving_axes(np.concatenate([one.coordinates for one in drawn]))
    frames, told = [], []
    for layer, one in zip(states.layers, drawn, strict=True):
        frame = go.Figure(_traces(states, one, colour_by))
        title, null = said_above(states, layer, colour_by)
        furnish(frame, (title, f"{null}; {quality(one)}"), axes)
        frames.append((str(layer), frame))
        told.append(title)
    figure = go.Figure(frames[0][1])
    figure.frames = [as_frame(name, frame) for name, frame in frames]
    figure.update_layout(
        height=HEIGHT + 90,
        margin={"b": 150},
        sliders=[slider([name for name, _ in frames])],
        updatemenus=[play_buttons()],
    )
    blocks = f"blocks {', '.join(map(str, states.layers))}"
    every = zip(states.layers, projections, strict=True)
    return Exhibit(
        stem=f"moving_{projections[0].method}_{projections[0].coordinates.shape[1]}d_{colour_by}",
        figure=figure,
        caption=(
            f"{about(states, blocks)} {how(projections)} Each block's map is rotated or "
            "mirrored, not stretched, towards the one before, and drawn in multiples of the root "
            "mean square distance of its points from their mean, since states grow with depth; "
            f"the saved coordinates are in the states' own unit. {key(states)}"
        ),
        alt=(f"{told[0]}. {told[-1]}. A point for each prompt, moving from block to block."),
        rows=[row for layer, found in every for row in map_rows(states, found, layer)],
    )


def _traces(states: LabelledStates, projection: Projection, colour_by: ColourBy) -> list[Any]:
    rows, at = states.rows, projection.coordinates
    if len(rows) != len(at):
        raise ValueError(f"{len(at)} points on the map, {len(rows)} states")
    values = group_values(rows, colour_by)
    names = list(dict.fromkeys(values))
    traces = []
    for slot, name in enumerate(names):
        named = False
        for kind in dict.fromkeys(row.kind for row in rows):
            some = [i for i, row in enumerate(rows) if (values[i], row.kind) == (name, kind)]
            if some:
                traces.append(_points(at[some], [rows[i] for i in some], slot, name, not named))
                named = True
    if {row.kind for row in rows} == {FEW, ZERO}:
        hues = dict(zip(names, HUES, strict=False)) if colour_by == "task" else {}
        traces += _key_entries(at) if colour_by != "kind" else []
        traces += _arrows(rows, projection, hues)
    return traces


def _trace(at: Coordinates, **more: Any) -> Any:
    make = go.Scatter3d if at.shape[1] == 3 else go.Scatter
    return make(dict(zip("xyz", at.T.tolist(), strict=False)) | {"hoverinfo": "skip"} | more)


def _symbol(slot: int, kind: str, dimensions: int) -> str:
    shapes = SHAPES_3D if dimensions == 3 else SHAPES
    return shapes[slot % len(shapes)] + ("-open" if kind == ZERO else "")


def _points(at: Coordinates, rows: Sequence[Row], slot: int, name: str, named: bool) -> Any:
    flat = at.shape[1] == 2
    marker: dict[str, Any] = {
        "symbol": _symbol(slot, rows[0].kind, at.shape[1]),
        "color": FAINT if name == OTHER else HUES[slot],
        "size": 8 if flat else 4,
        "opacity": 0.6,
    }
    if flat and rows[0].kind == ZERO:
        marker["line"] = {"width": 1.5}
    return _trace(
        at,
        mode="markers",
        name=plain(textwrap.shorten(name, 28, placeholder=" …")),
        legendgroup=name,
        showlegend=named,
        marker=marker,
        text=[hover(row) for row in rows],
        hoverinfo="text",
    )


def _key_entries(at: Coordinates) -> list[Any]:
    """Nothing but two lines of the legend."""
    nowhere = np.full((1, at.shape[1]), np.nan)
    shown = (("few-shot", "circle"), ("zero-shot", "circle-open"))
    return [
        _trace(nowhere, mode="markers", name=name, marker={"symbol": symbol, "color": FAINT})
        for name, symbol in shown
    ]


def _arrows(rows: Sequence[Row], projection: Projection, hues: dict[str, str]) -> list[Any]:
    """From the zero-shot to the few-shot mean of each task, and the same with kinds swapped."""
    generator = np.random.default_rng(projection.seed)
    arrows: list[Any] = []
    stubs: list[Any] = []
    for task in dict.fromkeys(row.task for row in rows):
        few, zero = (
            projection.coordinates[[(r.task, r.kind) == (task, kind) for r in rows]]
            for kind in (FEW, ZERO)
        )
        if not (len(few) and len(zero)):
            continue
        ends = np.stack([zero.mean(axis=0), few.mean(axis=0)])
        arrows.append(_arrow(ends, task, hues.get(task, INK), named=task in hues, first=not arrows))
        if len(few) == len(zero):
            swap = generator.permutation(len(few)) < len(few) // 2
            pair = np.stack(
                [np.where(swap[:, None], one, other) for one, other in ((few, zero), (zero, few))]
            )
            stubs.append(_stub(pair.mean(axis=1), first=not stubs))
    return [*arrows, *stubs]  # stubs are short and lie on their arrows


def _arrow(ends: Coordinates, task: str, hue: str, *, named: bool, first: bool) -> Any:
    """Named by the legend where it has the task's colour, else beside its head."""
    flat = ends.shape[1] == 2
    head: dict[str, Any] = {"symbol": ["circle", "arrow"], "angleref": "previous", "size": [0, 18]}
    head |= {"line": {"width": 1, "color": "white"}, "opacity": 1}
    return _trace(
        ends,
        mode="lines+markers" + ("" if named else "+text"),
        name="zero-shot to few-shot mean",
        legendgroup="arrows",
        showlegend=first,
        line={"color": hue, "width": 3 if flat else 6},
        marker=(head if flat else {"symbol": "diamond", "size": [0, 8]}) | {"color": hue},
        text=["", f"<b>{plain(task)}</b>"],
        textposition="top center",
        textfont={"color": hue, "size": 12} | ({"shadow": HALO} if flat else {}),
    )


def _stub(ends: Coordinates, *, first: bool) -> Any:
    return _trace(
        ends,
        mode="lines",
        name="same, half of kinds swapped",
        legendgroup="stubs",
        showlegend=first,
        line={"color": FAINT, "width": 3 if ends.shape[1] == 2 else 6},
    )
