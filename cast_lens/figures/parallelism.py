"""How parallel tasks' vectors are: task by task at one block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cast_lens.analysis.cosines.records import (
    CENTRED,
    PLAIN,
    RAW,
    WHITENED,
    CosineMatrices,
    Cosines,
)
from cast_lens.diagnosis.parallel_words import examples_of, pairs_of
from cast_lens.experiment.parallel import IRRELEVANT
from cast_lens.figures.exhibit import Exhibit, Value
from cast_lens.figures.parallel_course import parallel_course
from cast_lens.figures.style import plain, styled

# colour-blind safe: violet below 0, orange above, white at 0
DIVERGING = (
    (0.0, "#3f1f69"),
    (0.25, "#9a8fc0"),
    (0.5, "#f7f7f7"),
    (0.75, "#eda247"),
    (1.0, "#7f3b08"),
)
PANELS = {
    (PLAIN, RAW): "raw",
    (IRRELEVANT, RAW): "random words as demonstrations",
    (PLAIN, CENTRED): "mean over tasks subtracted",
    (PLAIN, WHITENED): "whitened",
}
NUMBERS_UP_TO, NAMES_UP_TO = 8, 26  # tasks whose numbers, whose names, can be read
CELL, SMALLEST, LARGEST = 40, 180, 390  # pixels of a cell's side and of a panel's
BETWEEN = 54  # pixels between panels, for the name of the lower one
LONGEST_NAME = 22  # characters


def parallel_exhibits(blocks: Sequence[CosineMatrices], model: str) -> tuple[Exhibit, ...]:
    """The matrices of every block, and, where there are several blocks, the course before them."""
    course = (parallel_course(blocks, model),) if len(blocks) > 1 else ()
    return (*course, *(parallel_matrices(block, model) for block in blocks))


def parallel_matrices(block: CosineMatrices, model: str) -> Exhibit:
    """Task by task cosines after one block, side by side on one scale.

    Tasks are ordered so that similar ones stand together (average linkage of the centred cosines,
    or of the raw ones where only two tasks are). The diagonal holds each task's reliability.
    """
    panels = {key: c for key in PANELS if (c := block.find(*key)) is not None}
    order = _order(block)
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    side = min(max(SMALLEST, CELL * len(order)), LARGEST)
    figure = make_subplots(
        rows=lines,
        cols=columns,
        subplot_titles=[_panel_title(key, c) for key, c in panels.items()],
        horizontal_spacing=0.04,
        vertical_spacing=BETWEEN / (lines * side + (lines - 1) * BETWEEN),
    )
    angle = -45 if len(order) <= NUMBERS_UP_TO else -90
    for i, cosines in enumerate(panels.values()):
        at = {"row": i // columns + 1, "col": i % columns + 1}
        figure.add_trace(_heat(block, cosines, order), **at)
        figure.update_xaxes(showticklabels=at["row"] == lines, tickangle=angle, **at)
        figure.update_yaxes(showticklabels=at["col"] == 1, autorange="reversed", **at)
    names = [plain(_short(block.tasks[i])) for i in order]
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(
            automargin=True,
            showgrid=False,
            zeroline=False,
            visible=len(names) <= NAMES_UP_TO,
            tickvals=list(range(len(names))),
            ticktext=names,
            tickfont={"size": 13 if len(names) <= NUMBERS_UP_TO else 11},
        )
    title = _matrix_title(block)
    styled(
        figure,
        title,
        f"{plain(model)}, block {block.layer}, {len(block.tasks)} tasks",
        height=230 + lines * side + (lines - 1) * BETWEEN,
        coloraxis={
            "colorscale": DIVERGING,
            "cmin": -1,
            "cmax": 1,
            "colorbar": {"title": {"text": "cosine"}, "len": 0.9, "thickness": 14},
        },
    )
    # the names of the panels stand between subtitle and plots
    figure.update_layout(margin_r=90, margin_t=figure.layout.margin.t + 24)
    figure.update_yaxes(ticklabelstandoff=6)
    return Exhibit(
        f"parallel_matrices_block_{block.layer}",
        figure,
        f"Cosine of the mean differences of every two tasks after block {block.layer} of "
        f"{plain(model)}; n = {examples_of(block)} examples a task. "
        "Diagonal: each task's split-half reliability. Beside the raw cosines stands the placebo, "
        "the same with demonstrations of random words; below, what is left once the mean over "
        "tasks of their mean differences is subtracted (the mean of such cosines is near "
        f"{-1 / (len(block.tasks) - 1):.2f} whatever the vectors are), and after whitening by the "
        f"pooled, shrunk covariance of single differences (shrinkage {block.shrinkage:.2f}). "
        f"Negative cosines carry a minus sign. {_means(block, panels)}",
        f"Heat maps of cosines between {len(block.tasks)} tasks. {title}.",
        _matrix_rows(block, panels),
    )


def _panel_title(key: tuple[str, str], cosines: Cosines) -> str:
    return f"{PANELS[key]}, mean {cosines.mean.value:.2f}".replace("-", "−")


def _matrix_title(block: CosineMatrices) -> str:
    raw, null = block.found().mean.value, block.find(IRRELEVANT)
    if null is None:
        return f"Tasks' vectors have a mean raw cosine of {raw:.2f}"
    return (
        f"Tasks' vectors have a mean raw cosine of {raw:.2f}; random words before the query give "
        f"{null.mean.value:.2f}"
    )


def _means(block: CosineMatrices, panels: dict[tuple[str, str], Cosines]) -> str:
    parts = [
        f"{PANELS[key]} {c.mean.value:.2f} [{c.mean.low:.2f}, {c.mean.high:.2f}]"
        for key, c in panels.items()
    ]
    return f"Means over {pairs_of(block)} with 95 % bootstrap intervals: {'; '.join(parts)}."


def _order(block: CosineMatrices) -> list[int]:
    if len(block.tasks) < 3:
        return list(range(len(block.tasks)))
    from scipy.cluster.hierarchy import average, leaves_list, optimal_leaf_ordering
    from scipy.spatial.distance import squareform

    matrix = np.array((block.find(PLAIN, CENTRED) or block.found()).matrix)
    distances = squareform(1 - (matrix + matrix.T) / 2, checks=False).clip(min=0)
    return [int(i) for i in leaves_list(optimal_leaf_ordering(average(distances), distances))]


def _heat(block: CosineMatrices, cosines: Cosines, order: Sequence[int]) -> go.Heatmap:
    matrix: list[list[float | None]] = [
        [cosines.reliability[i] if i == j else cosines.matrix[i][j] for j in order] for i in order
    ]
    names = [plain(block.tasks[i]) for i in order]
    numbers = len(order) <= NUMBERS_UP_TO

    def cell(value: float | None) -> str:
        if value is None:
            return "none" if numbers else ""
        return f"{value:.2f}".replace("-", "−") if numbers else "−" * (value <= -0.05)

    return go.Heatmap(
        z=matrix,
        customdata=[[f"{one}, {other}" for other in names] for one in names],
        coloraxis="coloraxis",
        text=[[cell(value) for value in line] for line in matrix],
        texttemplate="%{text}",
        hovertemplate="%{customdata}: %{z:.3f}<extra></extra>",
        xgap=1,
        ygap=1,
    )


def _short(name: str) -> str:
    """Both ends of a long name: names often differ in the last characters."""
    half = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"


def _matrix_rows(
    block: CosineMatrices, panels: dict[tuple[str, str], Cosines]
) -> list[dict[str, Value]]:
    return [
        {
            "block": block.layer,
            "whose": whose,
            "kind": kind,
            "task": one,
            "other": other,
            "cosine": cosines.reliability[i] if i == j else cosines.matrix[i][j],
            "what": "split-half reliability" if i == j else "cosine",
        }
        for (whose, kind), cosines in panels.items()
        for i, one in enumerate(block.tasks)
        for j, other in enumerate(block.tasks)
        if i <= j
    ]
