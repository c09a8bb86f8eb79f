"""What a vector is made of, block by block."""

from __future__ import annotations

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from cast_lens.analysis.estimates import Estimate
from cast_lens.analysis.written import percent
from cast_lens.diagnosis.made_of import LayerMixture
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.style import COLOURS, INK, styled

# from light to dark as stages come nearer to the task, in grey too
SHADES = ("#dfe4ea", COLOURS[3], COLOURS[2], COLOURS[0])
SEEN = 0.04  # shares below it have no room for their number
BAR = 34  # pixels
MEANING = {
    "length": "length: random words before the query",
    "format": "format: random words as questions and answers",
    "label set": "label set: real answers, random inputs",
    "task": "task: real inputs with their answers",
}


def mixture_bars(layers: Sequence[LayerMixture]) -> Exhibit:
    """One bar a block, cut into the shares of length, format, label set and task.

    Args:
        layers: of one model and task, one a block.
    """
    first = layers[0]
    figure = go.Figure()
    for place, stage in enumerate(first.mixture.stages):
        _draw(figure, layers, place, stage)
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    figure.add_vline(x=1, line={"color": INK, "width": 1, "dash": "dot"})
    marks = [i / 5 for i in range(6)]
    told = [percent(mark) for mark in marks]
    figure.update_xaxes(title="share of the vector", tickvals=marks, ticktext=told)
    figure.update_yaxes(
        title="block", type="category", autorange="reversed", showgrid=False, automargin=True
    )
    title = _finding(layers)
    n = first.mixture.shares[0].n
    styled(
        figure,
        title,
        f"{html.escape(first.model)}, {html.escape(first.task)}, {n} examples",
        barmode="relative",
        height=260 + BAR * len(layers),
    )
    # two columns, and room for them under the axis whatever the height
    figure.update_layout(
        margin_b=130, legend={"y": 0, "yref": "container", "yanchor": "bottom", "entrywidth": 400}
    )
    return Exhibit(
        stem=f"made_of_{_stem(first.task)}",
        figure=figure,
        caption=_caption(first, n),
        alt=f"Stacked bars for {len(layers)} blocks. {title}.",
        rows=[_row(one, i) for one in layers for i in range(len(one.mixture.stages))],
    )


def _draw(figure: go.Figure, layers: Sequence[LayerMixture], place: int, stage: str) -> None:
    shares = [one.mixture.shares[place] for one in layers]
    figure.add_bar(
        x=[share.value for share in shares],
        y=[str(one.layer) for one in layers],
        orientation="h",
        name=MEANING.get(stage, html.escape(stage)),
        marker={
            "color": SHADES[place % len(SHADES)],
            "line": {"color": INK, "width": 1},
        },
        text=[_told(share) for share in shares],
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        textfont={"color": "white" if place % len(SHADES) > 1 else INK},
        customdata=[[share.low, share.high] for share in shares],
        hovertemplate="block %{y}: %{x:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}]",
    )


def _told(share: Estimate) -> str:
    return f"<b>{percent(share.value)}</b>" if share.value >= SEEN else ""


def _finding(layers: Sequence[LayerMixture]) -> str:
    most = max(layers, key=lambda one: one.mixture.shares[-1].value)
    share = most.mixture.shares[-1]
    return (
        f"At most {percent(share.value)} of the vector is the task's own (block {most.layer}, "
        f"{percent(share.low)} to {percent(share.high)})"
    )


def _caption(first: LayerMixture, n: int) -> str:
    return (
        f"How far along the mean few-shot minus zero-shot difference of {first.model}, "
        f"{first.task}, n = {n} examples, prompts get that have its length, then its form, then "
        "its answers, then all of it; shares sum to one. Length and format are the placebos: they "
        "hold nothing of the task. 95 % intervals (bootstrap over examples) stand in the rows. "
        "Shares of length are no shares of the effect on answers."
    )


def _row(one: LayerMixture, place: int) -> dict[str, str | int | float]:
    made = one.mixture
    share = made.shares[place]
    return {
        "model": one.model,
        "task": one.task,
        "block": one.layer,
        "depth": one.depth,
        "stage": made.stages[place],
        "share": share.value,
        "low": share.low,
        "high": share.high,
        "n": share.n,
        "cosine": made.cosines[place],
        "norm": made.norm,
    }


def _stem(name: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in name.lower())
