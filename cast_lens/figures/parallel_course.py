"""How parallel tasks' vectors are over the blocks, beside their nulls and ceiling."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cast_lens.analysis.cosines.records import (
    CENTRED,
    PLAIN,
    RAW,
    WHITENED,
    CosineMatrices,
    beyond,
    without,
)
from cast_lens.diagnosis.parallel import IRRELEVANT, SHUFFLED
from cast_lens.diagnosis.parallel_words import examples_of, found, more_than
from cast_lens.figures.exhibit import Exhibit, Value
from cast_lens.figures.style import ACCENT, COLOURS, FAINT, INK, plain, styled

BAND = 0.22  # opacity
# whose, kind: name, colour, symbol, dash, column
LINES = {
    (PLAIN, RAW): ("task's own demonstrations", INK, "circle", "solid", 1),
    (IRRELEVANT, RAW): ("random words as demonstrations", ACCENT, "diamond-open", "dash", 1),
    (SHUFFLED, RAW): ("permuted labels", COLOURS[3], "triangle-up-open", "dashdot", 1),
    (beyond(IRRELEVANT), RAW): ("own minus random words", INK, "square", "solid", 2),
    (PLAIN, WHITENED): ("whitened", COLOURS[2], "triangle-down-open", "dash", 2),
    (PLAIN, CENTRED): ("mean over tasks subtracted", COLOURS[4], "x", "dot", 2),
    (PLAIN, without(10)): ("without ten coordinates", COLOURS[5], "hexagon-open", "longdash", 2),
}


def parallel_course(blocks: Sequence[CosineMatrices], model: str) -> Exhibit:
    """Mean cosine by block: raw beside its nulls and ceiling, and what is left of it."""
    figure = make_subplots(
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.05,
        subplot_titles=["raw cosine, beside its nulls", "what is left of it"],
    )
    layers = [block.layer for block in blocks]
    top = [block.random_band for block in blocks]
    _band(figure, layers, [-t for t in top], top, FAINT, 1, "random directions, 95 %")
    for key in LINES:
        _line(figure, blocks, key)
    _reference(figure, layers, [found(b).ceiling for b in blocks], "ceiling", 1)
    if (centred := blocks[0].find(PLAIN, CENTRED)) is not None:
        _reference(figure, layers, [centred.chance] * len(layers), "unrelated, centred", 2)
    figure.update_xaxes(title="block", tickvals=layers if len(layers) <= 16 else None)
    lows = [c.mean.low for b in blocks for k in LINES if (c := b.find(*k)) is not None]
    bottom = min(-0.1, *(-t for t in top), *lows)
    figure.update_yaxes(range=[max(-1.05, bottom - 0.05), 1.05])
    figure.update_yaxes(title="mean cosine over pairs of tasks", col=1)
    first, title = blocks[0], _course_title(blocks)
    subtitle = f"{plain(model)}, {len(first.tasks)} tasks, {sum(first.examples)} examples"
    styled(figure, title, f"{subtitle}; 95 % bands over examples", height=560)
    figure.update_layout(margin_b=150, margin_t=figure.layout.margin.t + 24)
    return Exhibit(
        "parallel_course",
        figure,
        f"Mean cosine over {len(first.pairs)} pairs of tasks by block of {plain(model)}; "
        f"n = {examples_of(first)} examples a task; bands are 95 % "
        "bootstrap intervals over examples. Left: vectors from the task's own demonstrations, from "
        "random words of the same length and from permuted labels; grey, the cosines of random "
        "directions with the covariance of the states, of either sign; dotted, the most that "
        "vectors of this reliability could show. Right: own minus random-word states of the same "
        "example; whitened by the covariance of single differences; without the ten coordinates "
        "that carry most of the raw cosine; the mean over tasks subtracted, whose mean cosine is "
        "near the dotted line whatever the vectors are. Pairs above random words (exchange test, "
        f"Holm): {_above(blocks)}.",
        f"Lines of mean cosine against block. {title}.",
        _course_rows(blocks),
    )


def _course_title(blocks: Sequence[CosineMatrices]) -> str:
    nulls = [block for block in blocks if IRRELEVANT in block.nulls]
    above = sum(block.against[IRRELEVANT].excess.low > 0 for block in nulls)
    raw = [found(block).mean.value for block in blocks]
    said = f"Raw cosines of {min(raw):.2f} to {max(raw):.2f}"
    if not nulls:
        return said
    return f"{said}; above those of random words at {above} of {len(blocks)} blocks"


def _above(blocks: Sequence[CosineMatrices]) -> str:
    counts = [
        f"block {b.layer}, {len(more_than(b, IRRELEVANT))}" for b in blocks if IRRELEVANT in b.nulls
    ]
    return "; ".join(counts) or "not measured"


def _line(figure: go.Figure, blocks: Sequence[CosineMatrices], key: tuple[str, str]) -> None:
    name, colour, symbol, dash, column = LINES[key]
    there = [(b.layer, c.mean) for b in blocks if (c := b.find(*key)) is not None]
    if not there:
        return
    layers = [layer for layer, _ in there]
    means = [mean for _, mean in there]
    _band(figure, layers, [m.low for m in means], [m.high for m in means], colour, column)
    figure.add_scatter(
        x=layers,
        y=[m.value for m in means],
        name=name,
        mode="lines+markers",
        line={"color": colour, "dash": dash},
        marker={"symbol": symbol, "size": 9},
        row=1,
        col=column,
    )


def _band(
    figure: go.Figure,
    layers: Sequence[int],
    low: Sequence[float],
    high: Sequence[float],
    colour: str,
    column: int,
    name: str | None = None,
) -> None:
    figure.add_scatter(
        x=[*layers, *layers[::-1]],
        y=[*high, *low[::-1]],
        fill="toself",
        fillcolor=colour,
        opacity=BAND,
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        name=name,
        showlegend=name is not None,
        row=1,
        col=column,
    )


def _reference(
    figure: go.Figure, layers: Sequence[int], values: Sequence[float], name: str, column: int
) -> None:
    figure.add_scatter(
        x=layers,
        y=values,
        name=name,
        mode="lines",
        line={"color": INK, "width": 1, "dash": "dot"},
        row=1,
        col=column,
    )


def _course_rows(blocks: Sequence[CosineMatrices]) -> list[dict[str, Value]]:
    return [
        {
            "block": block.layer,
            "whose": c.whose,
            "kind": c.kind,
            "mean_cosine": c.mean.value,
            "low": c.mean.low,
            "high": c.mean.high,
            "ceiling": c.ceiling,
            "chance": c.chance,
            "random_band": block.random_band,
            "n": c.mean.n,
        }
        for block in blocks
        for c in block.cosines
    ]
