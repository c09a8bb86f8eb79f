"""Estimates as dots with their intervals, one above the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from cast_lens.analysis.estimates import Estimate
from cast_lens.figures.exhibit import Value


def add_dots(
    figure: go.Figure,
    estimates: Sequence[Estimate],
    heights: Sequence[float | str],
    name: str,
    look: tuple[str, str],
    **more: Any,
) -> None:
    """Add one trace of dots with horizontal intervals.

    Args:
        figure: changed in place.
        estimates: along the x axis.
        heights: of each on the y axis.
        name: in the legend.
        look: plotly symbol and colour.
        more: further settings of the trace, or `row` and `col` of a subplot.
    """
    symbol, colour = look
    figure.add_scatter(
        x=[one.value for one in estimates],
        y=list(heights),
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [one.high - one.value for one in estimates],
            "arrayminus": [one.value - one.low for one in estimates],
            "color": colour,
            "thickness": 1.5,
            "width": 3,
        },
        mode="markers",
        marker={
            "symbol": symbol,
            "size": 10,
            "color": colour,
            "line": {"width": 1.5, "color": colour},
        },
        name=name,
        **more,
    )


def sizes(estimates: Iterable[Estimate]) -> str:
    """How many items they rest on, as ``n = 40`` or ``n = 20 to 40``."""
    n = sorted({one.n for one in estimates})
    return f"n = {n[0]}" if len(n) == 1 else f"n = {n[0]} to {n[-1]}"


def numbers(estimate: Estimate | None) -> dict[str, Value]:
    """An estimate as columns of a table, empty where there is none."""
    fields = ("value", "low", "high", "n", "method")
    return {name: getattr(estimate, name) if estimate else None for name in fields}
