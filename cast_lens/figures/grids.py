"""How alike groups of states are: a heat map beside that of its null."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cast_lens.diagnosis.geometry import Group
from cast_lens.diagnosis.grids import Measure, SimilarityGrid
from cast_lens.figures.exhibit import Exhibit, Value
from cast_lens.figures.style import head_height, plain, styled

ALPHA = 0.05
WRITTEN = 10  # columns up to which cells hold their numbers
CELL, LEAST = 34, 260  # pixels of a row, and of the panels
NULLS: dict[Measure, str] = {
    "debiased CKA": "rows permuted: 95th percentile",
    "subspace overlap": "random halves of the same states: mean",
}
FOUND: dict[Measure, str] = {
    "debiased CKA": "are more alike than with permuted rows",
    "subspace overlap": "differ more than random halves of the same states",
}
MEANT: dict[Measure, str] = {
    "debiased CKA": (
        "Debiased linear CKA over the queries that two groups share: 1 for the same geometry, 0 "
        "for unrelated ones. Right: what 95 of 100 permutations of the rows stay below."
    ),
    "subspace overlap": (
        "Mean squared cosine of the principal angles between the first {rank} principal components "
        "of each group: 1 for the same subspace, {chance:.3f} for random ones. Right: the mean "
        "over random splits of the same states into two sets, what one subspace would give."
    ),
}


def similarity_map(grid: SimilarityGrid) -> Exhibit:
    """Every group against every other, beside the null; a cross where the two are not told apart.

    A group with itself is left blank.
    """
    told, tested = _pairs(grid)
    middle = median(grid.values[i][j] for i, j in tested.values()) if tested else 1.0
    title = (
        f"{told} of {len(tested)} pairs {FOUND[grid.measure]}; median {grid.measure} {middle:.2f}"
    )
    held, rows, columns = _names(grid)
    figure = make_subplots(
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        subplot_titles=["measured", NULLS[grid.measure]],
    )
    for column, table in ((1, grid.values), (2, grid.null)):
        panel = _panel(grid, table, (rows, columns), crossed=column == 1)
        figure.add_trace(panel, row=1, col=column)
    at = f"{plain(held)}; " if held else ""
    styled(figure, title, f"{plain(grid.model)}; {at}n = {grid.n} queries compared at the least")
    # plotly's own rows begin at the bottom
    figure.update_yaxes(autorange="reversed", automargin=True, type="category", showgrid=False)
    figure.update_xaxes(type="category", automargin=True, tickangle=-35, showgrid=False)
    bar = {"title": {"text": grid.measure}, "thickness": 14}
    figure.update_layout(
        coloraxis={"colorscale": "Cividis", "cmin": 0, "cmax": 1, "colorbar": bar},
        height=max(LEAST, CELL * len(rows)) + 160 + head_height(figure),
    )
    figure.update_layout(margin={"t": figure.layout.margin.t + 26})
    return Exhibit(
        stem="similarity_" + grid.measure.split()[-1].lower(),
        figure=figure,
        caption=_caption(grid, at),
        alt=f"Two heat maps, measured and null. {title}.",
        rows=_rows(grid),
    )


def _pairs(grid: SimilarityGrid) -> tuple[int, dict[frozenset[Group], tuple[int, int]]]:
    """How many different pairs are told from the null, and where each stands."""
    places = {
        frozenset((row, column)): (i, j)
        for i, row in enumerate(grid.rows)
        for j, column in enumerate(grid.columns)
        if row != column
    }
    return sum(grid.adjusted[i][j] <= ALPHA for i, j in places.values()), places


def _parts(group: Group) -> tuple[str, str, str]:
    return group.task, group.kind, f"block {group.layer}"


def _names(grid: SimilarityGrid) -> tuple[str, list[str], list[str]]:
    """What all groups have in common, and the rest of the name of each row and column."""
    every = [_parts(group) for group in (*grid.rows, *grid.columns)]
    varied = [i for i in range(3) if len({parts[i] for parts in every}) > 1]
    held = ", ".join(part for i, part in enumerate(every[0]) if i not in varied)

    def named(groups: Sequence[Group]) -> list[str]:
        return [", ".join(plain(_parts(group)[i]) for i in varied) or "all" for group in groups]

    return held, named(grid.rows), named(grid.columns)


def _panel(
    grid: SimilarityGrid,
    table: Sequence[Sequence[float]],
    names: tuple[list[str], list[str]],
    *,
    crossed: bool,
) -> go.Heatmap:
    rows, columns = names
    shown = [
        [None if r == c else value for value, c in zip(line, grid.columns, strict=True)]
        for line, r in zip(table, grid.rows, strict=True)
    ]
    told = [[p <= ALPHA or not crossed for p in line] for line in grid.adjusted]
    return go.Heatmap(
        z=shown,
        x=columns,
        y=rows,
        text=[
            [_text(value, seen, len(columns)) for value, seen in zip(*lines, strict=True)]
            for lines in zip(shown, told, strict=True)
        ],
        texttemplate="%{text}",
        textfont={"size": 11},
        hovertemplate="%{y}<br>%{x}<br>%{z:.3f}<extra></extra>",
        coloraxis="coloraxis",
        xgap=1,
        ygap=1,
    )


def _text(value: float | None, told: bool, columns: int) -> str:
    if value is None:
        return ""
    number = f"{value:.2f}" if columns <= WRITTEN else ""
    return number if told else f"{number} ×".strip()


def _caption(grid: SimilarityGrid, at: str) -> str:
    meant = MEANT[grid.measure].format(rank=grid.rank, chance=grid.chance)
    return (
        f"States of {plain(grid.model)} at the last prompt token, {at}n = {grid.n} queries a pair "
        f"at the least. {meant} A cross: not told from the null (p > {ALPHA}, {grid.permutations} "
        f"draws, seed {grid.seed}, Benjamini-Hochberg over all pairs). No intervals: resampled "
        "rows repeat, which biases these measures."
    )


def _rows(grid: SimilarityGrid) -> list[dict[str, Value]]:
    return [
        {
            **dict(zip(("task", "prompt", "block"), (r.task, r.kind, r.layer), strict=True)),
            **dict(
                zip(
                    ("with_task", "with_prompt", "with_block"),
                    (c.task, c.kind, c.layer),
                    strict=True,
                )
            ),
            "measure": grid.measure,
            "value": grid.values[i][j],
            "null": grid.null[i][j],
            "adjusted_p": grid.adjusted[i][j] if r != c else None,
        }
        for i, r in enumerate(grid.rows)
        for j, c in enumerate(grid.columns)
    ]
