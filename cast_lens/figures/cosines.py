"""How parallel the sources' vectors are over the blocks, beside what text alone makes."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cast_lens.experiment.record import CastResult
from cast_lens.figures.exhibit import Exhibit, Value
from cast_lens.figures.style import ACCENT, COLOURS, FAINT, INK, plain, styled

MIDDLE = 0.575  # middle of the depths that the paper names
NULLS = {
    "irrelevant_demos": ("random text as demonstrations", ACCENT, "diamond-open", "dash"),
    "shuffled_labels": ("permuted labels", COLOURS[3], "triangle-up-open", "dashdot"),
}
TICKS = 24  # more would overlap
CEILING = "ceiling: a task with itself"
RAW, REST = "between tasks", "without the direction all share"


def cosines(result: CastResult) -> Exhibit | None:
    """Mean cosine between the sources' mean differences by block; None with fewer than two."""
    if not result.parallelism:
        return None
    rows = _rows(result)
    figure = go.Figure()
    _add_line(figure, rows, CEILING, (FAINT, "x", "dot"))
    _add_line(figure, rows, RAW, (INK, "circle", "solid"))
    for name, colour, symbol, dash in NULLS.values():
        _add_line(figure, rows, name, (colour, symbol, dash))
    _add_line(figure, rows, REST, (COLOURS[2], "square", "longdash"))
    figure.add_hline(y=0, line={"color": INK, "width": 1})
    blocks = [one.layer for one in result.parallelism]
    ticks = {"tickvals": blocks} if len(blocks) <= TICKS else {}
    figure.update_xaxes(title={"text": "block", "standoff": 8}, **ticks)
    figure.update_yaxes(title="mean cosine", range=[-1.05 if _lowest(rows) < -0.1 else -0.15, 1.05])
    tasks = result.parallelism[0].tasks
    subtitle = f"{plain(result.config.model)}; {len(tasks)} sources: {plain(', '.join(tasks))}"
    styled(figure, _title(result), subtitle)
    figure.update_layout(margin_b=100)
    n = result.parallelism[0].cosine.n
    nulls = [NULLS[name][0] for name in result.parallelism[0].excess if name in NULLS]
    beside = (
        f"Beside it that of differences made with {' and with '.join(nulls)}."
        if nulls
        else "The run has no arm that shows what text alone makes."
    )
    left = (
        f" Where one direction is all they share, {-1 / (len(tasks) - 1):+.2f} is left without it."
        if len(tasks) > 2
        else ""
    )
    return Exhibit(
        "cosines",
        figure,
        "Cosine of the mean few-shot minus zero-shot differences of every two sources, mean over "
        f"pairs; bands: 95 % bootstrap over examples, n = {n} in all sources together. {beside} "
        "The ceiling is a task's cosine with itself from halves of its "
        f"examples.{left}",
        f"Lines of cosine over blocks. {_title(result)}.",
        rows,
    )


def _rows(result: CastResult) -> list[dict[str, Value]]:
    rows: list[dict[str, Value]] = []
    for one in result.parallelism:
        # of two vectors, what is left without their mean points in opposite ways whatever they are
        lines = [(RAW, one.cosine), *([(REST, one.without_shared)] if len(one.tasks) > 2 else [])]
        for line, estimate in lines:
            rows.append(_point(line, one.layer, estimate.value, (estimate.low, estimate.high)))
        rows.append(_point(CEILING, one.layer, one.ceiling))
        for null, excess in one.excess.items():
            if null in NULLS:
                rows.append(_point(NULLS[null][0], one.layer, one.cosine.value - excess.value))
    return rows


def _point(
    line: str, block: int, cosine: float, ends: tuple[float, float] | None = None
) -> dict[str, Value]:
    low, high = ends or (None, None)
    return {"line": line, "block": block, "cosine": cosine, "low": low, "high": high}


def _lowest(rows: Sequence[dict[str, Value]]) -> float:
    return min(float(row["low"] if row["low"] is not None else row["cosine"] or 0) for row in rows)


def _add_line(
    figure: go.Figure, rows: Sequence[dict[str, Value]], line: str, look: tuple[str, str, str]
) -> None:
    colour, symbol, dash = look
    own = [row for row in rows if row["line"] == line]
    if not own:
        return
    xs = [row["block"] for row in own]
    if own[0]["low"] is not None:
        figure.add_scatter(
            x=[*xs, *xs[::-1]],
            y=[*(row["high"] for row in own), *(row["low"] for row in reversed(own))],
            fill="toself",
            fillcolor=colour,
            opacity=0.15,
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        )
    figure.add_scatter(
        x=xs,
        y=[row["cosine"] for row in own],
        name=line,
        mode="lines+markers",
        marker={"symbol": symbol, "size": 8},
        line={"color": colour, "dash": dash},
    )


def _title(result: CastResult) -> str:
    """The block in the middle of the paper's window: how parallel, and how parallel by text."""
    top = max(1, int(result.identity["n_layers"]) - 1)
    one = min(result.parallelism, key=lambda record: abs(record.layer / top - MIDDLE))
    said = f"At block {one.layer} the sources' vectors have cosine {one.cosine.value:.2f}"
    excess = one.excess.get("irrelevant_demos")
    if excess is None:
        return f"{said}; what text alone makes was not measured"
    return f"{said}, those made by random text {one.cosine.value - excess.value:.2f}"
