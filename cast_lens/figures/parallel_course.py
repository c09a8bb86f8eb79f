"""How parallel tasks' vectors are over the blocks, beside their nulls and ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from cast_lens.diagnosis.parallel_words import examples_of, more_than, pairs_of
from cast_lens.experiment.parallel import IRRELEVANT, SHUFFLED
from cast_lens.figures.bands import Line, Place, add_band, add_estimates
from cast_lens.figures.exhibit import Exhibit, Value
from cast_lens.figures.style import ACCENT, COLOURS, FAINT, INK, plain, styled


@dataclass(frozen=True)
class _Curve:
    """One set of vectors in one geometry: how it looks, in which panel, what the caption says."""

    line: Line
    column: int
    meaning: str


CURVES = {
    (PLAIN, RAW): _Curve(
        Line("task's own demonstrations", INK, "solid", "circle"),
        1,
        "the task's own demonstrations",
    ),
    (IRRELEVANT, RAW): _Curve(
        Line("random words as demonstrations", ACCENT, "dash", "diamond-open"),
        1,
        "random words of the same length",
    ),
    (SHUFFLED, RAW): _Curve(
        Line("permuted labels", COLOURS[3], "dashdot", "triangle-up-open"), 1, "permuted labels"
    ),
    (beyond(IRRELEVANT), RAW): _Curve(
        Line("own minus random words", INK, "solid", "square"),
        2,
        "own minus random-word states of the same example",
    ),
    (PLAIN, WHITENED): _Curve(
        Line("whitened", COLOURS[2], "dash", "triangle-down-open"),
        2,
        "whitened by the covariance of single differences",
    ),
    (PLAIN, CENTRED): _Curve(
        Line("mean over tasks subtracted", COLOURS[4], "dot", "x"),
        2,
        "the mean over tasks subtracted (near the dotted line on the whole, whatever they are)",
    ),
    (PLAIN, without(10)): _Curve(
        Line("without ten coordinates", COLOURS[5], "longdash", "hexagon-open"),
        2,
        "without the ten coordinates that carry most of the raw cosine",
    ),
}
CHANCE = Line("random directions, 95 %", FAINT, "solid", "circle")


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
    add_band(figure, layers, [-t for t in top], top, CHANCE, Place(), named=True)
    for key in CURVES:
        _draw(figure, blocks, key)
    _reference(figure, layers, [b.found().ceiling for b in blocks], "ceiling", 1)
    if (centred := blocks[0].find(PLAIN, CENTRED)) is not None:
        _reference(figure, layers, [centred.chance] * len(layers), "unrelated, centred", 2)
    figure.update_xaxes(title="block", tickvals=layers if len(layers) <= 16 else None)
    lows = [c.mean.low for b in blocks for k in CURVES if (c := b.find(*k)) is not None]
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
        f"Mean cosine over {pairs_of(first)} of tasks by block of {plain(model)}; "
        f"n = {examples_of(first)} examples a task; bands are 95 % "
        f"bootstrap intervals over examples. Left: vectors from {_told(first, 1)}; grey, the "
        "cosines of random directions with the covariance of the states, of either sign; dotted, "
        f"the most that vectors of this reliability could show. Right: {_told(first, 2)}. "
        f"Pairs above random words (exchange test, Holm): {_above(blocks)}.",
        f"Lines of mean cosine against block. {title}.",
        _course_rows(blocks),
    )


def _course_title(blocks: Sequence[CosineMatrices]) -> str:
    nulls = [block for block in blocks if IRRELEVANT in block.nulls]
    above = sum(block.against[IRRELEVANT].excess.low > 0 for block in nulls)
    raw = [block.found().mean.value for block in blocks]
    said = f"Raw cosines of {min(raw):.2f} to {max(raw):.2f}"
    if not nulls:
        return f"{said}; what text alone makes was not measured"
    return f"{said}; above those of random words at {above} of {len(blocks)} blocks"


def _told(block: CosineMatrices, column: int) -> str:
    """The lines of a column, in words."""
    return ", ".join(
        curve.meaning
        for key, curve in CURVES.items()
        if curve.column == column and block.find(*key) is not None
    )


def _above(blocks: Sequence[CosineMatrices]) -> str:
    counts = [
        f"block {b.layer}, {len(more_than(b, IRRELEVANT))}" for b in blocks if IRRELEVANT in b.nulls
    ]
    return "; ".join(counts) or "not measured"


def _draw(figure: go.Figure, blocks: Sequence[CosineMatrices], key: tuple[str, str]) -> None:
    there = [(block.layer, c.mean) for block in blocks if (c := block.find(*key)) is not None]
    if there:
        layers, means = zip(*there, strict=True)
        add_estimates(figure, layers, means, CURVES[key].line, Place(col=CURVES[key].column))


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
