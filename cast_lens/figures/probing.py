"""What a linear probe reads, block by block, beside what it reads where nothing is to be read."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cast_lens.analysis.estimates import Estimate
from cast_lens.analysis.probing import Table
from cast_lens.diagnosis.probes import LayerProbe, LayerTransfer, Question
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.style import ACCENT, COLOURS, FAINT, INK, styled

ASKED: dict[Question, str] = {
    "kind": "Few-shot or zero-shot?",
    "task": "Which task?",
    "label": "Which label?",
}
CELL = 46  # pixels
WARNING = "Decodable does not mean used."


class _Line(NamedTuple):
    name: str
    colour: str
    dash: str
    symbol: str
    estimates: Sequence[Estimate]


def probe_curve(probes: Sequence[LayerProbe]) -> Exhibit:
    """Accuracy of one question's probes against the block, with bands over queries.

    Args:
        probes: of one model, question and set of tasks, one a block.
    """
    first = probes[0]
    lines = _lines(probes)
    figure = go.Figure()
    for line in lines:
        _draw(figure, [one.layer for one in probes], line)
    _draw_seeds(figure, probes)
    figure.add_scatter(
        x=[probes[0].layer, probes[-1].layer],
        y=[first.probe.chance] * 2,
        name=f"chance ({first.probe.chance:.2f})",
        mode="lines",
        line={"color": INK, "width": 1, "dash": "dot"},
    )
    figure.update_xaxes(title="block whose output is probed")
    figure.update_yaxes(title="share of held-out states told right", range=[0, 1.04])
    tasks = html.escape(", ".join(first.tasks))
    styled(figure, _finding(probes), f"{html.escape(first.model)}; {tasks}")
    return Exhibit(
        stem=f"probe_{first.question}",
        figure=figure,
        caption=_caption(probes),
        alt=f"Line chart over {len(probes)} blocks. {_finding(probes)}",
        rows=[_row(one) for one in probes],
    )


def transfer_map(found: LayerTransfer) -> Exhibit:
    """Heat maps: trained on the row's task, tested on the column's; beside it the control."""
    matrix = found.matrix
    figure = make_subplots(
        cols=2, subplot_titles=("true labels", "control: random labels"), shared_yaxes=True
    )
    for column, table in enumerate((matrix.accuracy, matrix.control), start=1):
        figure.add_trace(_heat(table, matrix.tasks), row=1, col=column)
    # set after the traces: a scale shared by both
    figure.update_layout(
        coloraxis={
            "colorscale": "Cividis",
            "cmin": 0,
            "cmax": 1,
            "colorbar": {"title": {"text": "share<br>right"}, "thickness": 14},
        }
    )
    figure.update_xaxes(title="tested on", tickangle=-40, automargin=True)
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_yaxes(title="trained on", col=1)
    away = [e.value for i, row in enumerate(matrix.accuracy) for j, e in enumerate(row) if i != j]
    own = [row[i].value for i, row in enumerate(matrix.accuracy)]
    told = f"{_mean(own):.2f} on their own task" + (
        f", {_mean(away):.2f} on other tasks" if away else ""
    )
    title = f"{ASKED[found.question]} Probes are right {told}; chance {_mean(matrix.chance):.2f}"
    subtitle = f"{html.escape(found.model)}, block {found.layer}; mean over tasks"
    styled(figure, title, subtitle, height=350 + CELL * len(matrix.tasks))
    figure.update_layout(margin_t=115)
    return Exhibit(
        stem=f"probe_transfer_{found.question}_block_{found.layer}",
        figure=figure,
        caption=(
            f"Linear probes of the states after block {found.layer} of {found.model}, trained on "
            f"one task and tested on another; on the diagonal on queries left out. Right: the same "
            "with a random label for each first letter of a query, the same letters' labels in all "
            f"tasks. Intervals (95 %, over queries) stand in the rows. Chance: "
            f"{min(matrix.chance):.2f} to {max(matrix.chance):.2f}. {WARNING}"
        ),
        alt=f"Two heat maps of {len(matrix.tasks)} tasks. {title}.",
        rows=_cells(found),
    )


def _lines(probes: Sequence[LayerProbe]) -> list[_Line]:
    untrained = [one.untrained for one in probes if one.untrained is not None]
    lines = [_Line("probe", COLOURS[0], "solid", "circle", [p.probe.accuracy for p in probes])]
    if untrained:
        lines.append(_Line("random-weights model", COLOURS[2], "dashdot", "diamond", untrained))
    control = [one.probe.control for one in probes]
    return [*lines, _Line("control task (random labels)", ACCENT, "dash", "square", control)]


def _draw(figure: go.Figure, layers: Sequence[int], line: _Line) -> None:
    figure.add_scatter(
        x=[*layers, *reversed(layers)],
        y=[*(e.high for e in line.estimates), *(e.low for e in reversed(line.estimates))],
        fill="toself",
        fillcolor=line.colour,
        opacity=0.15,
        mode="lines",
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_scatter(
        x=list(layers),
        y=[e.value for e in line.estimates],
        name=line.name,
        mode="lines+markers",
        line={"color": line.colour, "dash": line.dash},
        marker={"symbol": line.symbol, "size": 7},
        customdata=[[e.low, e.high] for e in line.estimates],
        hovertemplate="block %{x}: %{y:.2f} [%{customdata[0]:.2f}, %{customdata[1]:.2f}]",
    )


def _draw_seeds(figure: go.Figure, probes: Sequence[LayerProbe]) -> None:
    figure.add_scatter(
        x=[one.layer for one in probes for _ in one.probe.by_seed],
        y=[value for one in probes for value in one.probe.by_seed],
        name="probe, single seeds",
        mode="markers",
        marker={"symbol": "line-ew-open", "size": 9, "color": FAINT},
        hoverinfo="skip",
    )


def _finding(probes: Sequence[LayerProbe]) -> str:
    best = max(probes, key=lambda one: one.probe.accuracy.low)
    found = best.probe
    told = f"{found.accuracy.value:.2f} right at block {best.layer}, chance {found.chance:.2f}"
    told += f", control task {found.control.value:.2f}"
    if best.untrained is not None:
        told += f", random weights {best.untrained.value:.2f}"
    unsure = "" if found.accuracy.low > found.chance else "Not told from chance: "
    return f"{ASKED[best.question]} {unsure}{told}"


def _caption(probes: Sequence[LayerProbe]) -> str:
    one = probes[0]
    untrained = (
        " A model of the same architecture with random weights is probed alike."
        if one.untrained is not None
        else ""
    )
    return (
        f"Linear probes of the last token's state of few-shot and zero-shot prompts, "
        f"n = {one.probe.accuracy.n} states of {one.probe.groups} queries in {one.model} "
        f"({', '.join(one.tasks)}). A query's two prompts are never on both sides of a split; "
        f"{len(one.probe.by_seed)} seeds. Bands: 95 % bootstrap over queries. Control task: a "
        f"random label for each query's first letter that is its own.{untrained} {WARNING}"
    )


def _row(one: LayerProbe) -> dict[str, str | int | float | None]:
    named = {
        "accuracy": one.probe.accuracy,
        "control": one.probe.control,
        "selectivity": one.probe.selectivity,
        "random_weights": one.untrained,
    }
    return {
        "question": one.question,
        "block": one.layer,
        "depth": one.depth,
        "n": one.probe.accuracy.n,
        "queries": one.probe.groups,
        "chance": one.probe.chance,
        "lowest_seed": min(one.probe.by_seed),
        "highest_seed": max(one.probe.by_seed),
        **{
            f"{name}{end}": None if e is None else getattr(e, field)
            for name, e in named.items()
            for end, field in (("", "value"), ("_low", "low"), ("_high", "high"))
        },
    }


def _heat(table: Table, tasks: Sequence[str]) -> go.Heatmap:
    values = [[e.value for e in row] for row in table]
    return go.Heatmap(
        z=values,
        x=[html.escape(name) for name in tasks],
        y=[html.escape(name) for name in tasks],
        text=[[f"{value:.2f}" for value in row] for row in values],
        texttemplate="%{text}",
        customdata=[[[e.low, e.high] for e in row] for row in table],
        hovertemplate="trained on %{y}, tested on %{x}: %{z:.2f} "
        "[%{customdata[0]:.2f}, %{customdata[1]:.2f}]<extra></extra>",
        coloraxis="coloraxis",
    )


def _cells(found: LayerTransfer) -> list[dict[str, str | int | float]]:
    matrix = found.matrix
    return [
        {
            "block": found.layer,
            "trained_on": trained,
            "tested_on": tested,
            "n": matrix.accuracy[i][j].n,
            "accuracy": matrix.accuracy[i][j].value,
            "low": matrix.accuracy[i][j].low,
            "high": matrix.accuracy[i][j].high,
            "control": matrix.control[i][j].value,
            "chance": matrix.chance[j],
        }
        for i, trained in enumerate(matrix.tasks)
        for j, tested in enumerate(matrix.tasks)
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
