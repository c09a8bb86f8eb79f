"""Accuracy against what a run varied: the block, the number of examples, the number of shots."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from plotly.subplots import make_subplots

from cast_lens.analysis.estimates import Estimate, mean
from cast_lens.experiment.config import CurveKind
from cast_lens.experiment.outcomes import SCOPES, Outcomes, Scope
from cast_lens.figures.bands import Line, Place, add_estimates
from cast_lens.figures.dots import sizes
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.style import ACCENT, COLOURS, DASHES, FAINT, plain, styled

AXES: dict[CurveKind, str] = {
    "layers": "block that is read and written",
    "examples": "source examples in the vector",
    "shots": "demonstrations in the prompt",
}
LEVELS = {
    "zero_shot": ("zero-shot", FAINT, "dot"),
    "random_direction": ("random directions", ACCENT, "longdash"),
}
TICKS = 24  # more would overlap
HUES = tuple(colour for colour in COLOURS if colour != ACCENT)  # the placebo's is its own
MARKS = ("circle", "square", "diamond", "triangle-up", "x", "cross")
RANDOM = ", chosen by random"
Lines = Mapping[str, Mapping[int, Estimate]]


def curves(found: Outcomes) -> tuple[Exhibit, ...]:
    """One exhibit for each kind of curve that the run holds."""
    held = {point.kind for point in found.curves}
    return tuple(curve(found, kind) for kind in AXES if kind in held)


def curve(found: Outcomes, kind: CurveKind) -> Exhibit:
    """Mean accuracy on test against what was varied, with bands over items."""
    lines, levels = _lines(found, kind), _levels(found)
    figure = make_subplots()
    for at, (name, points) in enumerate(lines.items()):
        look = Line(name, HUES[at % len(HUES)], DASHES[at % len(DASHES)], MARKS[at % len(MARKS)])
        xs = sorted(points)
        add_estimates(figure, xs, [points[x] for x in xs], look, Place())
    ticks = sorted({x for points in lines.values() for x in points})
    for name, estimate in levels.items():
        label, colour, dash = LEVELS[name]
        figure.add_scatter(
            x=[ticks[0], ticks[-1]],
            y=[estimate.value] * 2,
            name=label,
            mode="lines",
            line={"color": colour, "width": 1.5, "dash": dash},
        )
    numbered = {"tickvals": ticks, "ticktext": ticks} if len(ticks) <= TICKS else {}
    scale = {} if kind == "layers" else {"type": "log"}
    figure.update_xaxes(title={"text": AXES[kind], "standoff": 8}, **scale, **numbered)
    figure.update_yaxes(title="accuracy on test", range=[-0.03, 1.03])
    styled(figure, _title(lines, kind), plain(found.result.config.model))
    figure.update_layout(margin_b=110)
    rows = [
        {"line": name, "x": x, **point.model_dump()}
        for name, points in lines.items()
        for x, point in points.items()
    ]
    rows += [{"line": name, "x": None, **one.model_dump()} for name, one in levels.items()]
    return Exhibit(f"curve_{kind}", figure, _caption(lines, levels), _alt(lines, levels), rows)


def _lines(found: Outcomes, kind: CurveKind) -> Lines:
    """By line and x: the mean over items, each item's accuracy a mean over sources and seeds."""
    gathered: dict[tuple[str, int, str], list[np.ndarray]] = {}
    for point in found.curves:
        if point.kind == kind:
            scope: Scope | str = SCOPES[point.source == point.target]
            name = str(scope) if point.source else "in-context learning in the task"
            name += f", chosen by {point.selector}" if point.selector else ""
            accuracies = np.array(point.hits, dtype=float)
            gathered.setdefault((name, point.x, point.target), []).append(accuracies)
    items: dict[str, dict[int, list[np.ndarray]]] = {}
    for (name, x, _), several in sorted(gathered.items()):
        items.setdefault(name, {}).setdefault(x, []).append(np.mean(several, axis=0))
    return {
        name: {x: mean(np.concatenate(of)) for x, of in points.items()}
        for name, points in items.items()
    }


def _levels(found: Outcomes) -> dict[str, Estimate]:
    """Zero-shot and the placebo at its own site, over all targets' items."""
    levels = {}
    for name in LEVELS:
        by_target: dict[str, list[np.ndarray]] = {}
        for (target, arm, _), items in found.accuracy.items():
            if arm == name:
                by_target.setdefault(target, []).append(items)
        if by_target:
            means = [np.mean(several, axis=0) for several in by_target.values()]
            levels[name] = mean(np.concatenate(means))
    return levels


def _title(lines: Lines, kind: CurveKind) -> str:
    if kind == "layers":
        best = {name: max(points, key=lambda x: points[x].value) for name, points in lines.items()}
        told = [f"{name} at block {x} ({lines[name][x].value:.2f})" for name, x in best.items()]
        return plain(f"Accuracy peaks with {', with '.join(told)}")
    # the run's own selector tells the finding, random choices are beside it
    own = {n: points for n, points in lines.items() if not n.endswith(RANDOM)} or lines
    ends = {min(points) for points in own.values()} | {max(points) for points in own.values()}
    told = [
        f"{points[min(points)].value:.2f} to {points[max(points)].value:.2f} with {name}"
        for name, points in own.items()
    ]
    return plain(f"From {min(ends)} to {max(ends)} {kind} accuracy goes from {'; '.join(told)}")


def _caption(lines: Lines, levels: Mapping[str, Estimate]) -> str:
    held = sizes(point for points in lines.values() for point in points.values())
    placebo = (
        " Levels: zero-shot (dotted), and random directions of the same norm at their own site, "
        "chosen on dev like the vector's."
        if "random_direction" in levels
        else " Dotted level: zero-shot. The run holds no random directions."
    )
    return (
        "Accuracy on test, a mean over targets, sources and seeds; bands: 95 % bootstrap over "
        f"items, {held} items. Sites were chosen on dev only.{placebo}"
    )


def _alt(lines: Lines, levels: Mapping[str, Estimate]) -> str:
    told = [
        f"{name}: " + ", ".join(f"{x}: {point.value:.2f}" for x, point in sorted(points.items()))
        for name, points in lines.items()
    ]
    told += [f"{LEVELS[name][0]} {one.value:.2f}" for name, one in levels.items()]
    return f"Lines of accuracy. {'; '.join(told)}."
