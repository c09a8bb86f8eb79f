"""A curve with its interval, in a figure of several panels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from cast_lens.analysis.estimates import Estimate
from cast_lens.figures.style import plain

PANEL = 26  # pixels that titles of panels need above the plot


@dataclass(frozen=True)
class Line:
    """How a curve looks: told apart by more than its colour."""

    name: str
    colour: str
    dash: str
    symbol: str


@dataclass(frozen=True)
class Place:
    """A panel, and whether its curves are named in the legend."""

    row: int = 1
    col: int = 1
    named: bool = True


def add_band(
    figure: go.Figure,
    xs: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    line: Line,
    place: Place,
    *,
    named: bool = False,
) -> None:
    """Fill between two curves; a band without a curve of its own is named in the legend."""
    figure.add_scatter(
        x=[*xs, *xs[::-1]],
        y=[*high, *low[::-1]],
        mode="lines",
        fill="toself",
        fillcolor=line.colour,
        opacity=0.15,
        line={"width": 0},
        hoverinfo="skip",
        name=plain(line.name) if named else None,
        showlegend=named,
        row=place.row,
        col=place.col,
    )


def add_line(
    figure: go.Figure, xs: Sequence[float], ys: Sequence[float | str], line: Line, place: Place
) -> None:
    """Draw one curve."""
    figure.add_scatter(
        x=xs,
        y=ys,
        name=plain(line.name),
        legendgroup=line.name,
        showlegend=place.named,
        mode="lines+markers",
        line={"color": line.colour, "dash": line.dash},
        marker={"symbol": line.symbol, "size": 7},
        cliponaxis=False,
        row=place.row,
        col=place.col,
    )


def add_estimates(
    figure: go.Figure, xs: Sequence[float], estimates: Sequence[Estimate], line: Line, place: Place
) -> None:
    """Draw values and, behind them, their intervals."""
    lows, highs = [e.low for e in estimates], [e.high for e in estimates]
    add_band(figure, xs, lows, highs, line, place)
    add_line(figure, xs, [e.value for e in estimates], line, place)


def room_for_panels(figure: go.Figure) -> None:
    """Make room above a styled figure for the titles of its panels."""
    figure.update_layout(margin_t=figure.layout.margin.t + PANEL)


def stem_of(*parts: str) -> str:
    """A file stem out of names."""
    return "_".join(re.sub(r"[^a-z0-9]+", "_", part.lower()).strip("_") for part in parts if part)
