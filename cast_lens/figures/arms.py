"""What each arm reaches on a target, and what it gains there, controls beside the method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cast_lens.analysis.estimates import Estimate
from cast_lens.experiment.config import ARMS, Arm
from cast_lens.experiment.record import ArmResult, CastResult
from cast_lens.figures.dots import add_dots, numbers, sizes
from cast_lens.figures.exhibit import Exhibit, Value
from cast_lens.figures.stems import stem_of
from cast_lens.figures.style import ACCENT, COLOURS, INK, plain, styled

METRIC = "acc,none"
KINDS: dict[str, tuple[tuple[str, str], tuple[Arm, ...]]] = {
    "the method": (("circle", INK), ("cast",)),
    "demonstrations in the prompt": (
        ("triangle-up", COLOURS[3]),
        ("icl_in_task", "icl_cross_task"),
    ),
    "other vectors": (("square", COLOURS[2]), ("few_only", "mean_centred", "task_vector")),
    "control": (
        ("diamond-open", ACCENT),
        ("shuffled_labels", "irrelevant_demos", "random_direction", "opposite"),
    ),
}
CONTROLS: dict[Arm, tuple[str, str]] = {
    "random_direction": ("diamond-open", ACCENT),
    "irrelevant_demos": ("square-open", COLOURS[2]),
    "shuffled_labels": ("triangle-up-open", COLOURS[3]),
}
PLACEBO = "random_direction"
ROW, SPREAD = 26, 0.17  # pixels of a row; distance of arms within one
PANEL_NAME = 24  # pixels


def accuracy(result: CastResult, target: str) -> Exhibit:
    """Accuracy of every arm on one target, a panel for each source; a line at zero-shot."""
    own = [one for one in result.results if one.target == target]
    zero = result.find(target, "zero_shot").metrics[METRIC]
    named: list[str | None] = list(dict.fromkeys(one.source for one in own if one.source))
    sources = named or [None]
    panels = [[r for r in own if r.source in {s, None} and r.arm != "zero_shot"] for s in sources]
    rows = sum(len(panel) + 1 for panel in panels)
    figure = make_subplots(
        rows=len(panels),
        shared_xaxes=True,
        vertical_spacing=min(0.08, 0.9 * 30 / (ROW * rows)),
        row_heights=[len(panel) + 1 for panel in panels],
        subplot_titles=[f"vector from {plain(source)}" if source else "" for source in sources],
    )
    for at, panel in enumerate(panels, start=1):
        _add_panel(figure, panel, at)
    figure.add_vline(x=zero.value, line={"color": INK, "width": 1, "dash": "dash"})
    figure.update_xaxes(range=[-0.03, 1.03])
    figure.update_xaxes(
        title={"text": "accuracy on test; dashed: zero-shot", "standoff": 8}, row=len(panels)
    )
    subtitle = f"{plain(result.config.model)}; n = {zero.n}; zero-shot {_said(zero)}"
    styled(figure, _reached(result, target), subtitle, height=200 + ROW * rows)
    # the panels' names stand between title and plot
    figure.update_layout(margin={"l": 150, "b": 90, "t": figure.layout.margin.t + PANEL_NAME})
    figure.update_annotations(x=0, xanchor="left", font={"size": 13})
    return Exhibit(
        f"accuracy_{stem_of(result, target)}",
        figure,
        f"Accuracy on {zero.n} test items of {target} with 95 % intervals ({_methods(own)}). Block "
        "and strength of every vector, controls included, were chosen on dev by the same search. "
        "A control that moves as the method does shows that the move is not the task's.",
        f"Dots of accuracy by arm. {'; '.join(map(_named, own))}.",
        [_row(one, one.metrics[METRIC]) for one in own],
    )


def _add_panel(figure: go.Figure, panel: Sequence[ArmResult], at: int) -> None:
    for name, (look, arms) in KINDS.items():
        drawn = [one for one in panel if one.arm in arms]
        if drawn:
            add_dots(
                figure,
                [one.metrics[METRIC] for one in drawn],
                [one.arm for one in drawn],
                name,
                look,
                row=at,
                col=1,
                legendgroup=name,
                showlegend=not any(trace.name == name for trace in figure.data),
            )
    order = [arm for arm in ARMS if any(one.arm == arm for one in panel)][::-1]
    # room above and below, so that the first and last dots are not cut
    figure.update_yaxes(
        categoryorder="array", categoryarray=order, range=[-0.7, len(order) - 0.3], row=at
    )


def _reached(result: CastResult, target: str) -> str:
    zero = result.find(target, "zero_shot").metrics[METRIC].value
    casts = [one for one in result.results if one.target == target and one.arm == "cast"]
    if not casts:
        return f"{plain(target)}: zero-shot reaches {zero:.2f}"
    best = max(casts, key=lambda one: one.metrics[METRIC].value)
    whose = (
        "its own vector" if best.source == target else f"the vector of {plain(best.source or '')}"
    )
    among = f" (highest of {len(casts)})" if len(casts) > 1 else ""
    reached = f"{whose} reaches {best.metrics[METRIC].value:.2f}{among}, zero-shot {zero:.2f}"
    placebo = _of(result, best, PLACEBO)
    beside = f", random directions {placebo.metrics[METRIC].value:.2f}" if placebo else ""
    return f"{plain(target)}: {reached}{beside}"


def _of(result: CastResult, cast: ArmResult, arm: str) -> ArmResult | None:
    try:
        return result.find(cast.target, arm, cast.source)
    except KeyError:
        return None


def gains(result: CastResult) -> Exhibit | None:
    """The vector's gain against zero-shot and its controls' beside it; None without the method."""
    casts = [one for one in result.results if one.arm == "cast"]
    if not casts:
        return None
    looks: dict[Arm, tuple[str, str]] = {"cast": ("circle", INK), **CONTROLS}
    drawn = {arm: list(_gains_of(result, casts, arm)) for arm in looks}
    held = [arm for arm in looks if drawn[arm]]
    figure = go.Figure()
    for place, arm in enumerate(held):
        offset = SPREAD * ((len(held) - 1) / 2 - place)
        # the first pair stands on top
        heights = [len(casts) - 1 - at + offset for at, _ in drawn[arm]]
        add_dots(figure, [one for _, one in drawn[arm]], heights, arm, looks[arm])
    figure.add_vline(x=0, line={"color": INK, "width": 1, "dash": "dash"})
    names = [f"{plain(one.target)} ← {plain(one.source or '')}" for one in casts]
    figure.update_yaxes(
        tickvals=list(range(len(casts)))[::-1], ticktext=names, range=[-0.6, len(casts) - 0.4]
    )
    figure.update_yaxes(automargin=True, zeroline=False)
    title = {"text": "accuracy on test minus zero-shot, paired by item", "standoff": 8}
    figure.update_xaxes(title=title, zeroline=False)
    estimates = [one for arm in held for _, one in drawn[arm]]
    count = sizes(estimates)
    subtitle = f"{plain(result.config.model)}; {count} items a pair; target ← source"
    height = 210 + max(36, 16 * len(held)) * len(casts)
    styled(figure, _helped(result, casts), subtitle, height=height)
    figure.update_layout(legend={"xref": "container", "x": 0.02})
    rows = [_row(casts[at], one, arm) for arm in held for at, one in drawn[arm]]
    methods = ", ".join(sorted({one.method for one in estimates}))
    return Exhibit(
        "gains",
        figure,
        "Change in accuracy on test against zero-shot on the same items, with 95 % intervals "
        f"({methods}); {count} items a pair. Controls had the same search on dev; what they also "
        "gain is not the task's.",
        "Dots of gain by pair, controls beside the method. "
        + "; ".join(
            f"{row['target']} from {row['source']}, {row['arm']}: {row['value']:+.2f}"
            for row in rows
        )
        + ".",
        rows,
    )


def _gains_of(
    result: CastResult, casts: Sequence[ArmResult], arm: str
) -> Iterator[tuple[int, Estimate]]:
    for at, cast in enumerate(casts):
        one = _of(result, cast, arm)
        if one is not None:
            yield at, one.differences[METRIC]


def _helped(result: CastResult, casts: Sequence[ArmResult]) -> str:
    helped = {(c.target, c.source) for c in casts if c.differences[METRIC].low > 0}
    pairs = "the one pair" if len(casts) == 1 else f"{len(casts)} pairs"
    said = f"The vector helps in {len(helped)} of {pairs}"
    beside = [one for one in result.planned if one.against == PLACEBO]
    if not beside:
        return f"{said}; no random directions were run"
    above = {(p.target, p.source) for p in beside if p.comparison.difference.low > 0}
    return f"{said}, in {len(helped & above)} of these more than random directions do"


def _row(one: ArmResult, estimate: Estimate, arm: str | None = None) -> dict[str, Value]:
    return {
        "target": one.target,
        "source": one.source,
        "arm": arm or one.arm,
        **numbers(estimate),
    }


def _said(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _named(one: ArmResult) -> str:
    source = f" from {one.source}" if one.source else ""
    return f"{one.arm}{source} {one.metrics[METRIC].value:.2f}"


def _methods(results: Sequence[ArmResult]) -> str:
    return ", ".join(sorted({one.metrics[METRIC].method for one in results}))
