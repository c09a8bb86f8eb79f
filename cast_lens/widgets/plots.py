"""The workbench's plots: a record in, a small plotly figure out, always with the same traces."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cast_lens.analysis.written import percent
from cast_lens.diagnosis.try_map import FEW, MINE, ZERO
from cast_lens.diagnosis.try_records import (
    Answers,
    BlockCurve,
    BlockTexts,
    DevAccuracy,
    SiteMap,
    StatesMap,
)
from cast_lens.diagnosis.try_setting import Setting
from cast_lens.figures.readout import visible
from cast_lens.figures.style import ACCENT, COLOURS, FAINT, INK, plain

ARMS = ("zero-shot", "few-shot", "steered", "random direction")
COLOUR = dict(zip(ARMS, (FAINT, COLOURS[2], ACCENT, COLOURS[3]), strict=True))
PATTERN = dict(zip(ARMS, ("", "/", "x", "."), strict=True))
DASH = dict(zip(ARMS, ("dot", "dash", "solid", "dashdot"), strict=True))
SYMBOL = dict(zip(ARMS, ("circle-open", "square", "diamond", "x"), strict=True))
HEIGHT = 330  # pixels
NOTE = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "title": {"text": ""}}


def _laid(figure: go.Figure, height: int = HEIGHT) -> go.Figure:
    figure.update_layout(
        font={"family": "Inter, Helvetica, Arial, sans-serif", "size": 12, "color": INK},
        template="plotly_white",
        margin={"l": 62, "r": 16, "t": 44, "b": 48},
        height=height,
        legend=NOTE,
        hoverlabel={"align": "left"},
        autosize=True,
    )
    return figure


def answers_plot(found: Answers) -> go.Figure:
    """Bars: probability of each option, one colour an arm."""
    figure = go.Figure()
    for one in found.arms:
        figure.add_bar(
            x=[_option(option.text, found.followed) for option in one.options],
            y=[option.probability for option in one.options],
            name=one.arm,
            marker={"color": COLOUR[one.arm], "pattern": {"shape": PATTERN[one.arm]}},
            hovertemplate="%{x}<br>%{y:.4f}",
        )
    among = "among the labels" if found.kind == "labels" else "of the whole answer"
    figure.update_yaxes(title=f"probability {among}", range=[0, 1])
    figure.update_xaxes(type="category")
    return _laid(figure)


def _option(text: str, followed: Sequence[str]) -> str:
    return f"<b>{plain(text)}</b>" if text in followed else plain(text)


def curve_plot(found: BlockCurve, setting: Setting) -> go.Figure:
    """Probability against block, the chosen block marked."""
    figure = go.Figure()
    flat = len(found.layers)
    lines = {
        "steered": found.steered,
        "random direction": found.random,
        "zero-shot": (found.zero_shot,) * flat,
        "few-shot": (found.few_shot,) * flat,
    }
    for arm, values in lines.items():
        figure.add_scatter(
            x=found.layers,
            y=values,
            name=arm,
            mode="lines",
            line={"color": COLOUR[arm], "dash": DASH[arm], "width": 2},
            hovertemplate="block %{x}: %{y:.4f}",
        )
    figure.add_scatter(
        x=[setting.layer],
        y=[found.steered[setting.layer]],
        mode="markers",
        marker={"color": ACCENT, "size": 11, "symbol": "diamond"},
        name="chosen",
        showlegend=False,
    )
    figure.update_xaxes(title="block read and written (click one)", range=[-0.5, flat - 0.5])
    figure.update_yaxes(title="probability", range=[-0.03, 1.03])
    return _laid(figure)


def map_plot(found: SiteMap, setting: Setting) -> go.Figure:
    """Strength against block: with the vector, and with a random direction of its norm."""
    figure = make_subplots(
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        subplot_titles=("steered (click a cell)", "random direction"),
    )
    rows = [f"{strength:g}" for strength in found.strengths]
    top = 1.0 if found.measure == "accuracy" else max(0.01, *map(max, found.values))
    for col, values in enumerate((found.values, found.random), start=1):
        figure.add_heatmap(
            z=values,
            x=found.layers,
            y=rows,
            coloraxis="coloraxis",
            hovertemplate="block %{x}, strength %{y}<br>%{z:.4f}<extra></extra>",
            row=1,
            col=col,
        )
    figure.add_scatter(
        x=[setting.layer],
        y=[f"{setting.strength:g}"] if f"{setting.strength:g}" in rows else [None],
        mode="markers",
        marker={"symbol": "square-open", "size": 13, "color": ACCENT, "line": {"width": 3}},
        hoverinfo="skip",
        showlegend=False,
        row=1,
        col=1,
    )
    figure.update_xaxes(title="block")
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=rows)
    figure.update_yaxes(title="strength", row=1, col=1)
    _laid(figure)
    figure.update_layout(
        coloraxis={
            "colorscale": "Cividis",
            "cmin": 0,
            "cmax": top,
            "colorbar": {"title": {"text": found.measure, "side": "right"}, "thickness": 12},
        }
    )
    return figure


def states_plot(found: StatesMap) -> go.Figure:
    """The source's states and this prompt's: zero-shot, few-shot, steered."""
    figure = go.Figure()
    looks = {
        FEW: {"color": COLOURS[2], "symbol": "square", "size": 6, "opacity": 0.6},
        ZERO: {"color": FAINT, "symbol": "circle-open", "size": 6},
        MINE[0]: {"color": INK, "symbol": "circle-open", "size": 15, "line": {"width": 3}},
        MINE[1]: {"color": COLOURS[2], "symbol": "square-open", "size": 14, "line": {"width": 3}},
        MINE[2]: {"color": ACCENT, "symbol": "diamond", "size": 14},
    }
    by_kind = {kind: [p for p in found.points if p.kind == kind] for kind in looks}
    for kind, look in looks.items():
        figure.add_scatter(
            x=[point.x for point in by_kind[kind]],
            y=[point.y for point in by_kind[kind]],
            text=[plain(point.query_id) for point in by_kind[kind]],
            mode="markers",
            name=kind,
            marker=look,
            hovertemplate="%{text}",
        )
    ends = [by_kind[MINE[0]][0], by_kind[MINE[2]][0]]
    figure.add_scatter(
        x=[p.x for p in ends],
        y=[p.y for p in ends],
        mode="lines",
        line={"color": ACCENT, "width": 2, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )
    first, second = found.explained
    figure.update_xaxes(title=f"component 1 ({percent(first)} of the variance)")
    figure.update_yaxes(title=f"component 2 ({percent(second)})")
    _laid(figure, 380)
    figure.update_layout(margin={"t": 70})
    return figure


def readout_plot(found: BlockTexts) -> go.Figure:
    """The likeliest next token after every block, by arm."""
    arms = found.found.blocks
    columns = list(arms.values())
    figure = go.Figure(
        go.Heatmap(
            x=list(arms),
            y=[block.layer for block in columns[0]],
            z=[[b.top[0].value for b in row] for row in zip(*columns, strict=True)],
            text=[[visible(b.top[0].token) for b in row] for row in zip(*columns, strict=True)],
            texttemplate="%{text}",
            textfont={"size": 11},
            customdata=[[b.rank for b in row] for row in zip(*columns, strict=True)],
            hovertemplate="block %{y}: %{z:.3f}; right answer's rank %{customdata}<extra></extra>",
            zmin=0,
            zmax=1,
            colorscale="Cividis",
            xgap=3,
            ygap=1,
            colorbar={"title": {"text": "its probability", "side": "right"}, "thickness": 12},
        )
    )
    figure.update_yaxes(title="block", showgrid=False, dtick=max(1, len(columns[0]) // 6))
    return _laid(figure, 560)


def dev_plot(found: DevAccuracy) -> go.Figure:
    """Dots with intervals, one a row."""
    figure = go.Figure()
    for arm, one in found.arms.items():
        figure.add_scatter(
            x=[one.value],
            y=[arm],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [one.high - one.value],
                "arrayminus": [one.value - one.low],
            },
            mode="markers",
            marker={"color": COLOUR[arm], "size": 11, "symbol": SYMBOL[arm]},
            name=arm,
            showlegend=False,
            hovertemplate="%{x:.3f}",
        )
    n = next(iter(found.arms.values())).n
    figure.update_xaxes(title=f"accuracy on {n} dev items, 95 % Wilson interval", range=[0, 1])
    figure.update_yaxes(autorange="reversed", type="category")
    _laid(figure, 230)
    figure.update_layout(margin={"l": 120, "t": 12})
    return figure
