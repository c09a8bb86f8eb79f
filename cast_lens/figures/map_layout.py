"""Axes, titles and controls of maps of states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go

from cast_lens.analysis.projection import Coordinates, Projection
from cast_lens.analysis.written import percent
from cast_lens.figures.style import styled

MARGIN = 0.08  # of the range, on either side
# from where a map in three dimensions is seen: far enough for the names of its axes
EYE, CENTRE = {"x": 1.5, "y": 1.5, "z": 1.0}, {"x": 0, "y": 0, "z": -0.18}
FRAME = 900  # milliseconds
SIDE = {
    "orientation": "v",
    "x": 1.02,
    "xanchor": "left",
    "y": 1,
    "yanchor": "top",
    "yref": "paper",
    "itemsizing": "constant",
}


def furnish(figure: go.Figure, said: tuple[str, str], axes: Sequence[Mapping[str, Any]]) -> None:
    """Give a map its title and subtitle, its axes, and a legend beside it."""
    styled(figure, *said)
    figure.update_layout(legend=SIDE)
    named = {f"{name}axis": dict(axis) for name, axis in zip("xyz", axes, strict=False)}
    if len(axes) == 3:
        scene = {"aspectmode": "cube", "camera": {"eye": EYE, "center": CENTRE}, **named}
        figure.update_layout(scene=scene, margin={"l": 0, "b": 10})
    else:
        named["yaxis"] |= {"scaleanchor": "x"}
        figure.update_layout(named)


def still_axes(projection: Projection) -> list[dict[str, Any]]:
    """Axes of one map, with the share of variance along each."""
    flat = projection.coordinates.shape[1] == 2
    unit = " (residual stream units)" if flat else ""
    if projection.explained is None:
        return _axes(projection.coordinates, "UMAP axis {} (no unit)", [None] * 3)
    shares = [percent(share) for share in projection.explained]
    return _axes(projection.coordinates, "axis {}: {} of variance" + unit, shares)


def moving_axes(at: Coordinates) -> list[dict[str, Any]]:
    """Axes that hold the points of all blocks: plotly draws new ranges of a frame too late."""
    unit = "spreads of the block" if at.shape[1] == 2 else "spreads"
    return _axes(at, f"axis {{}} ({unit})", [None] * 3)


def _axes(at: Coordinates, named: str, shares: Sequence[str | None]) -> list[dict[str, Any]]:
    """One scale for all, so that distances on the map can be compared."""
    middle = (at.max(axis=0) + at.min(axis=0)) / 2
    reach = (0.5 + MARGIN) * np.ptp(at, axis=0)
    if at.shape[1] == 3:
        reach = np.full(3, reach.max())
    ends = np.stack([middle - reach, middle + reach], axis=1).tolist()
    shown = {"zeroline": False, "showticklabels": "no unit" not in named}
    return [
        {"title": {"text": named.format(i + 1, shares[i])}, "range": range_, **shown}
        for i, range_ in enumerate(ends)
    ]


def relative(projection: Projection) -> Projection:
    """The same map in multiples of the root mean square distance of its points from their mean."""
    at = projection.coordinates
    return replace(projection, coordinates=at / np.sqrt(np.mean(np.sum(at**2, axis=1))))


def as_frame(name: str, figure: go.Figure) -> go.Frame:
    """What changes from block to block: places and the title."""
    moved = [
        {"type": trace.type, **{axis: trace[axis] for axis in "xyz" if axis in trace}}
        for trace in figure.data
    ]
    return go.Frame(
        name=name,
        data=moved,
        traces=list(range(len(moved))),
        layout={"title": figure.layout.title},
    )


def slider(blocks: Sequence[str]) -> dict[str, Any]:
    """One step a block."""
    return {
        "currentvalue": {"prefix": "block "},
        "pad": {"t": 60},
        "x": 0.12,
        "len": 0.88,
        "steps": [
            {"label": block, "method": "animate", "args": [[block], _pace(0)]} for block in blocks
        ],
    }


def play_buttons() -> dict[str, Any]:
    """Play through all blocks, and pause."""
    play = {"label": "Play", "method": "animate", "args": [None, _pace(FRAME)]}
    pause = {"label": "Pause", "method": "animate", "args": [[None], _pace(0)]}
    return {
        "type": "buttons",
        "direction": "down",
        "showactive": False,
        "x": 0,
        "xanchor": "left",
        "y": 0,
        "yanchor": "top",
        "pad": {"t": 60},
        "buttons": [play, pause],
    }


def _pace(duration: int) -> dict[str, Any]:
    # titles change only when the whole figure is drawn anew
    return {
        "frame": {"duration": duration, "redraw": True},
        "mode": "immediate",
        "fromcurrent": True,
        "transition": {"duration": 0},
    }
