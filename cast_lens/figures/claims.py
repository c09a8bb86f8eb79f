"""Claims as intervals against their thresholds, and the curves they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from cast_lens.analysis.estimates import mean
from cast_lens.experiment.claim_card import ClaimCard, Verdict
from cast_lens.experiment.config import CurveKind
from cast_lens.experiment.outcomes import SCOPES, Outcomes, Scope
from cast_lens.figures.style import ACCENT, COLOURS, FAINT, INK, styled

MARKS: dict[Verdict, tuple[str, str]] = {
    "supported": ("circle", INK),
    "refuted": ("x", ACCENT),
    "inconclusive": ("circle-open", FAINT),
    "not tested": ("circle-open", FAINT),
}
SHORT = {"another task's vector": "other", "the task's own vector": "own", "all sources": "all"}
ROW = 30  # pixels
AXES: dict[CurveKind, str] = {
    "layers": "block that is read and written",
    "examples": "source examples in the vector",
    "shots": "demonstrations in the prompt",
}


def claim_figures(cards: Sequence[ClaimCard], found: Outcomes) -> Mapping[str, go.Figure]:
    """By name: the forest of all claims, and each curve that the run holds."""
    figures = {"claims": forest(cards, found.result.config.model)}
    for kind in AXES:
        if any(point.kind == kind for point in found.curves):
            figures[f"curve_{kind}"] = curve(found, kind)
    return figures


def forest(cards: Sequence[ClaimCard], model: str) -> go.Figure:
    """Every tested claim's effect and interval; a tick where its threshold lies."""
    shown = [card for card in cards if card.effect is not None][::-1]
    names = [f"{card.claim} <i>({SHORT[card.scope]})</i>" for card in shown]
    figure = go.Figure()
    for verdict, (symbol, colour) in MARKS.items():
        own = [i for i, card in enumerate(shown) if card.verdict == verdict]
        effects = [e for i in own if (e := shown[i].effect) is not None]
        if effects:
            figure.add_scatter(
                x=[e.value for e in effects],
                y=[names[i] for i in own],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [e.high - e.value for e in effects],
                    "arrayminus": [e.value - e.low for e in effects],
                    "color": colour,
                },
                mode="markers",
                marker={"symbol": symbol, "size": 11, "color": colour},
                name=verdict,
            )
    figure.add_scatter(
        x=[card.threshold for card in shown],
        y=names,
        mode="markers",
        marker={"symbol": "line-ns-open", "size": 14, "color": FAINT},
        name="threshold",
    )
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    figure.update_xaxes(title="effect (accuracy; cosine for parallelism)", zeroline=False)
    figure.update_yaxes(categoryorder="array", categoryarray=names, automargin=True)
    return styled(
        figure,
        "What the run says about each claim",
        f"{model}, 95 % intervals; vector of another task, of the task's own, of all",
        height=220 + ROW * len(shown),
    )


def curve(found: Outcomes, kind: CurveKind) -> go.Figure:
    """Mean accuracy on test against what was varied, with bands over items."""
    figure = go.Figure()
    for line, (name, points) in enumerate(_lines(found, kind).items()):
        xs = sorted(points)
        estimates = [mean(np.concatenate(points[x])) for x in xs]
        colour = COLOURS[line % len(COLOURS)]
        figure.add_scatter(
            x=[*xs, *xs[::-1]],
            y=[*(e.high for e in estimates), *(e.low for e in reversed(estimates))],
            fill="toself",
            fillcolor=colour,
            opacity=0.15,
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=xs,
            y=[e.value for e in estimates],
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": ("solid", "dash", "dot", "dashdot")[line % 4]},
        )
    if kind != "layers":
        figure.update_xaxes(type="log", dtick=np.log10(2))
    figure.update_xaxes(title=AXES[kind])
    figure.update_yaxes(title="accuracy on test", range=[-0.02, 1.02])
    model = found.result.config.model
    return styled(figure, f"Accuracy against {AXES[kind]}", f"{model}, 95 % bands over items")


def _lines(found: Outcomes, kind: CurveKind) -> dict[str, dict[int, list[np.ndarray]]]:
    """By name of a line and x: accuracies of each target's items, a mean over sources and seeds."""
    gathered: dict[tuple[str, int, str], list[np.ndarray]] = {}
    for point in found.curves:
        if point.kind == kind:
            own = point.source == point.target
            scope: Scope | str = SCOPES[own] if point.source else "in-context learning in the task"
            name = f"{scope}, {point.selector}" if point.selector else str(scope)
            accuracies = np.array(point.hits, dtype=float)
            gathered.setdefault((name, point.x, point.target), []).append(accuracies)
    lines: dict[str, dict[int, list[np.ndarray]]] = {}
    for (name, x, _), several in sorted(gathered.items()):
        lines.setdefault(name, {}).setdefault(x, []).append(np.mean(several, axis=0))
    return lines
