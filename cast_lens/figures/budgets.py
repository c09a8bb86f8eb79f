"""Against the number of source examples: accuracy, stability of the vector, and selectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cast_lens.analysis.estimates import Estimate, mean
from cast_lens.analysis.stability import Stability
from cast_lens.experiment.curves import CurvePoint
from cast_lens.figures.bands import (
    Line,
    Place,
    add_band,
    add_estimates,
    add_line,
    room_for_panels,
    stem_of,
)
from cast_lens.figures.exhibit import Exhibit, Value
from cast_lens.figures.style import ACCENT, COLOURS, INK, plain, styled

ACROSS = 3  # panels in one row
PANEL_HEIGHT = 300  # pixels
Pair = tuple[str, str]
Curve = Mapping[int, Sequence[float]]


def examples_curve(points: Sequence[CurvePoint], stability: Stability) -> Exhibit:
    """Number of examples against accuracy on test, and against how stable the vector is.

    Args:
        points: of a run; those of kind `examples` of one target and source.
        stability: of that source's vector at the block used.

    Raises:
        ValueError: when no point is of that kind, or they are of several pairs.
    """
    mine = [p for p in points if p.kind == "examples"]
    pairs = {(p.target, p.source) for p in mine}
    if len(pairs) != 1:
        raise ValueError(f"expected the examples curve of one target and source, got {pairs}")
    ((target, source),) = pairs
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.06)
    accuracy = _over_items(mine)
    of_run = Line("accuracy, all selections", INK, "solid", "circle")
    add_estimates(figure, list(accuracy), list(accuracy.values()), of_run, Place(1))
    measured = [(p.n, p.cosine, p.null) for p in stability.points if p.cosine and p.null]
    ns = [n for n, _, _ in measured]
    two = Line("two disjoint sets of N", COLOURS[2], "solid", "square")
    add_estimates(figure, ns, [one for _, one, _ in measured], two, Place(2))
    null = Line("the same noise without a common direction", ACCENT, "dot", "x")
    add_estimates(figure, ns, [one for _, _, one in measured], null, Place(2))
    predicted = [p.predicted for p in stability.points]
    formula = Line("predicted (Spearman-Brown)", INK, "dash", "diamond-open")
    add_line(figure, [p.n for p in stability.points], predicted, formula, Place(2))
    figure.update_xaxes(type="log", tickvals=_ticks(accuracy, stability))
    figure.update_xaxes(title="source examples N in the vector (log scale)", row=2, col=1)
    figure.update_yaxes(title="accuracy on test", range=[-0.02, 1.02], row=1, col=1)
    figure.update_yaxes(title="cosine of two vectors", row=2, col=1)
    title = _examples_finding(accuracy, stability)
    styled(
        figure,
        title,
        f"{plain(source or '')} → {plain(target)}, stability after block {stability.layer}",
        height=760,
    )
    n = next(iter(accuracy.values())).n
    return Exhibit(
        stem=stem_of("examples", target, source or ""),
        figure=figure,
        caption=f"Accuracy: n = {n} test items, mean over selections, 95 % bootstrap band over "
        f"items. Stability: {stability.examples} examples, middle 95 % of draws of two disjoint "
        "sets; the null has the same noise and no common direction. Stable does not mean that the "
        "vector holds the task: length and format are stable too.",
        alt=f"Two curves against the number of examples: accuracy and stability. {title}.",
        rows=[*_accuracy_rows(accuracy), *_stability_rows(stability)],
    )


def _over_items(points: Sequence[CurvePoint]) -> dict[int, Estimate]:
    """By N: mean accuracy over selections, with its interval over items."""
    by_n: dict[int, list[np.ndarray]] = {}
    for point in points:
        by_n.setdefault(point.x, []).append(np.array(point.hits, dtype=float))
    return {n: mean(np.mean(by_n[n], axis=0)) for n in sorted(by_n)}


def _ticks(accuracy: Mapping[int, Estimate], stability: Stability) -> list[int]:
    return sorted({*accuracy, *(p.n for p in stability.points)})


def _examples_finding(accuracy: Mapping[int, Estimate], stability: Stability) -> str:
    fewest, most = min(accuracy), max(accuracy)
    said = (
        f"From {fewest} to {most} examples accuracy goes from {accuracy[fewest].value:.2f} "
        f"to {accuracy[most].value:.2f}"
    )
    measured = [(p.n, p.cosine.value) for p in stability.points if p.cosine is not None]
    if not measured:
        return said
    n, cosine = measured[-1]
    return f"{said}; vectors of {n} examples agree to {cosine:.2f}"


def _row(what: str, n: int, one: Estimate | float) -> dict[str, Value]:
    ends = (one.value, one.low, one.high) if isinstance(one, Estimate) else (one, None, None)
    return {"what": what, "n_examples": n, **dict(zip(("value", "low", "high"), ends, strict=True))}


def _accuracy_rows(accuracy: Mapping[int, Estimate]) -> list[dict[str, Value]]:
    return [_row("accuracy", n, one) for n, one in accuracy.items()]


def _stability_rows(stability: Stability) -> list[dict[str, Value]]:
    rows: list[dict[str, Value]] = []
    for p in stability.points:
        rows.append(_row("predicted", p.n, p.predicted))
        if p.cosine is not None and p.null is not None:
            rows += [_row("cosine", p.n, p.cosine), _row("null", p.n, p.null)]
    return rows


def budget(points: Sequence[CurvePoint]) -> Exhibit | None:
    """Accuracy against N for the run's selector and for random choices, a panel a pair.

    Args:
        points: of a run (`load_curves`); those of kind `examples` are drawn, None without them.
    """
    curves = _by_selector(points)
    if not curves:
        return None
    pairs = sorted({pair for pair, _ in curves})
    across = min(ACROSS, len(pairs))
    down = -(-len(pairs) // across)
    figure = make_subplots(
        rows=down,
        cols=across,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        vertical_spacing=0.3 / down,
        subplot_titles=[f"{plain(source)} → {plain(target)}" for target, source in pairs],
    )
    for (pair, selector), curve in sorted(curves.items()):
        place = divmod(pairs.index(pair), across)
        _draw_selector(figure, selector, curve, (place[0] + 1, place[1] + 1))
    ns = sorted({n for curve in curves.values() for n in curve})
    figure.update_xaxes(type="log", tickvals=ns, ticktext=[str(n) for n in ns])
    figure.update_xaxes(title="source examples N")
    figure.update_yaxes(range=[-0.02, 1.02])
    figure.update_yaxes(title="accuracy on test", col=1)
    title = _budget_finding(curves, pairs)
    seeds = max(len(values) for curve in curves.values() for values in curve.values())
    items = sorted({len(p.hits) for p in points if p.kind == "examples"})
    n = "–".join(map(str, items[:: max(1, len(items) - 1)]))
    styled(
        figure,
        title,
        f"{n} test items; random choices of {seeds} seeds: line is their mean, band from the "
        "worst to the best",
        height=200 + PANEL_HEIGHT * down,
    )
    room_for_panels(figure)
    return Exhibit(
        stem="budget",
        figure=figure,
        caption=f"n = {n} test items a point. Random choice is the control: band from worst to "
        f"best of {seeds} seeds (not an interval over items), line their mean. A selector other "
        "than random makes one choice and has no band.",
        alt=f"{len(pairs)} panels of accuracy against the number of source examples. {title}.",
        rows=[
            {
                "target": target,
                "source": source,
                "selector": selector,
                "n_examples": n,
                "seeds": len(values),
                "mean": float(np.mean(values)),
                "worst": min(values),
                "best": max(values),
            }
            for ((target, source), selector), curve in sorted(curves.items())
            for n, values in sorted(curve.items())
        ],
    )


def _by_selector(points: Sequence[CurvePoint]) -> dict[tuple[Pair, str], dict[int, list[float]]]:
    """By target, source and selector, by N: accuracy of each seed."""
    curves: dict[tuple[Pair, str], dict[int, list[float]]] = {}
    for p in points:
        if p.kind == "examples" and p.source is not None:
            curve = curves.setdefault(((p.target, p.source), p.selector), {})
            curve.setdefault(p.x, []).append(float(np.mean(p.hits)))
    return curves


def _draw_selector(figure: go.Figure, selector: str, curve: Curve, place: tuple[int, int]) -> None:
    row, col = place
    random = selector == "random"
    ns = sorted(curve)
    colours = (ACCENT, "dot", "x") if random else (INK, "solid", "circle")
    line, where = Line(selector, *colours), Place(row, col, named=place == (1, 1))
    if random:
        add_band(figure, ns, [min(curve[n]) for n in ns], [max(curve[n]) for n in ns], line, where)
    add_line(figure, ns, [float(np.mean(curve[n])) for n in ns], line, where)


def _budget_finding(curves: Mapping[tuple[Pair, str], Curve], pairs: Sequence[Pair]) -> str:
    """How often the run's selector lies above its own N's best random seed, or below the worst."""
    selectors = {selector for _, selector in curves} - {"random"}
    if not selectors:
        return "Random choices of source examples against their number"
    above = below = points = 0
    for pair in pairs:
        random = curves.get((pair, "random"), {})
        for selector in selectors:
            own = curves.get((pair, selector), {})
            for n in own.keys() & random.keys():
                accuracy = float(np.mean(own[n]))
                points += 1
                above += accuracy > max(random[n])
                below += accuracy < min(random[n])
    name = plain(", ".join(sorted(selectors)))
    return (
        f"Selector {name} beats every random choice at {above} of {points} points "
        f"and loses to every one at {below}"
    )
