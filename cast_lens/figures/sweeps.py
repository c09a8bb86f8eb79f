"""Sweeps of block and strength, with the dev choice marked, and of dose at one block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cast_lens.analysis.estimates import Estimate
from cast_lens.diagnosis.dose import DoseCurve, DosePoint, largest_safe
from cast_lens.experiment.record import ArmResult, Cell
from cast_lens.figures.bands import Line, Place, add_estimates, room_for_panels, stem_of
from cast_lens.figures.exhibit import Exhibit, Value
from cast_lens.figures.style import ACCENT, FAINT, INK, plain, styled

CELL = 34  # pixels of a block
FEW_CELLS = 12  # strengths up to which a cell has room for its number
KL_BOUND = 0.1  # nats
Grid = dict[tuple[int, float], float]
PANELS = {"accuracy": "accuracy", "harmed": "share harmed", "kl": "KL on neutral text (nats)"}


def site_map(cast: ArmResult, placebo: ArmResult | None = None) -> Exhibit:
    """Dev accuracy of every block and strength tried, the choice marked; the placebo's beside it.

    Args:
        cast: an arm with a vector.
        placebo: of the same target and source; the mean over its draws is shown.
    """
    arms = [arm for arm in (cast, placebo) if arm is not None]
    grids = [_grid(arm.search) for arm in arms]
    layers, strengths = sorted({c.layer for c in cast.search}), _strengths(cast)
    figure = make_subplots(
        cols=len(arms),
        shared_yaxes=True,
        horizontal_spacing=0.04,
        subplot_titles=[_name(arm) for arm in arms],
    )
    top = max(max(grid.values()) for grid in grids)
    for col, (arm, grid) in enumerate(zip(arms, grids, strict=True), start=1):
        z = [[grid[layer, s] for s in strengths] for layer in layers]
        figure.add_heatmap(
            x=[f"{s:g}" for s in strengths],
            y=[str(layer) for layer in layers],
            z=z,
            zmin=0,
            zmax=max(top, 0.05),
            colorscale="Cividis",
            text=_told(arm, grid, layers, strengths),
            texttemplate="%{text}" if len(strengths) <= FEW_CELLS else None,
            hovertemplate="block %{y}, strength %{x}: %{z:.3f}<extra></extra>",
            showscale=col == 1,
            colorbar={"title": {"text": "accuracy on dev", "side": "right"}, "x": 1.01},
            xgap=1,
            ygap=1,
            row=1,
            col=col,
        )
        _mark_sites(figure, arm, (layers, strengths), col)
    figure.update_xaxes(title="strength", type="category", showgrid=False)
    figure.update_yaxes(type="category", showgrid=False)
    figure.update_yaxes(title="block", row=1, col=1)
    title, dev_n = _best_cell(cast, placebo), cast.sites[0].dev_n
    subtitle = f"{_source(cast)} → {plain(cast.target)}; {dev_n} dev items"
    styled(figure, title, subtitle, height=max(420, 220 + CELL * len(layers)))
    room_for_panels(figure)
    return Exhibit(
        stem=stem_of("site_map", cast.target, cast.source or ""),
        figure=figure,
        caption=f"Accuracy on n = {dev_n} dev items; a single cell's 95 % interval reaches up to "
        f"± {0.98 / np.sqrt(dev_n):.2f}. Frames and stars: chosen on dev, so optimistic by the "
        f"choice among {len(cast.search)} cells. Random directions have the vector's norm; mean "
        "over draws, each draw's own choice framed.",
        alt=f"Two heat maps of blocks by strengths on one scale. {title}."
        if placebo
        else f"Heat map of blocks by strengths. {title}.",
        rows=[
            {"arm": arm.arm, "draw": c.draw, "block": c.layer, "strength": c.strength, "acc": c.acc}
            for arm in arms
            for c in arm.search
        ],
    )


def _grid(cells: Sequence[Cell]) -> Grid:
    """Accuracy by block and strength, a mean over draws."""
    found: dict[tuple[int, float], list[float]] = {}
    for cell in cells:
        found.setdefault((cell.layer, cell.strength), []).append(cell.acc)
    return {key: float(np.mean(values)) for key, values in found.items()}


def _told(
    arm: ArmResult, grid: Grid, layers: Sequence[int], strengths: Sequence[float]
) -> list[list[str]]:
    chosen = {(site.layer, site.strength) for site in arm.sites}
    return [
        [f"{grid[layer, s]:.2f}{' ★' if (layer, s) in chosen else ''}" for s in strengths]
        for layer in layers
    ]


def _strengths(arm: ArmResult) -> list[float]:
    return sorted({cell.strength for cell in arm.search})


def _name(arm: ArmResult) -> str:
    draws = len(arm.sites)
    return arm.arm + (f", mean of {draws} draws" if draws > 1 else "")


def _source(arm: ArmResult) -> str:
    return plain(arm.source or "no source")


def _mark_sites(
    figure: go.Figure, arm: ArmResult, axes: tuple[list[int], list[float]], col: int
) -> None:
    layers, strengths = axes
    for site in {(site.layer, site.strength): site for site in arm.sites}.values():
        x, y = strengths.index(site.strength), layers.index(site.layer)
        figure.add_shape(
            type="rect",
            x0=x - 0.5,
            x1=x + 0.5,
            y0=y - 0.5,
            y1=y + 0.5,
            line={"color": ACCENT, "width": 4},
            row=1,
            col=col,
        )


def _best_cell(cast: ArmResult, placebo: ArmResult | None) -> str:
    site = cast.sites[0]
    said = (
        f"On dev, {cast.arm} is best at block {site.layer}, strength {site.strength:g}: "
        f"{site.dev_acc:.2f}"
    )
    if placebo is None:
        return said
    best = max(one.dev_acc for one in placebo.sites)
    return f"{said}; the best random direction reaches {best:.2f}"


def dose_figure(found: DoseCurve, kl_bound: float = KL_BOUND) -> Exhibit:
    """Accuracy, harm and KL on neutral text against strength, vector beside placebos.

    Args:
        found: the curve.
        kl_bound: nats; the largest strength shown to stay within it is marked.
    """
    figure = make_subplots(rows=3, shared_xaxes=True, vertical_spacing=0.05)
    several = "random direction" + (f", mean of {found.placebos}" if found.placebos > 1 else "")
    lines = (
        (Line("vector", INK, "solid", "circle"), found.vector),
        (Line(several, ACCENT, "dot", "x"), found.placebo),
    )
    strengths = [p.strength for p in found.vector]
    for row, (field, axis) in enumerate(PANELS.items(), start=1):
        for line, points in lines:
            estimates = [getattr(p, field) for p in points]
            add_estimates(figure, strengths, estimates, line, Place(row, named=row == 1))
        figure.update_yaxes(title=axis, rangemode="tozero", row=row, col=1)
    safe = largest_safe(found.vector, kl=kl_bound)
    _mark_bounds(figure, found, safe, kl_bound)
    ticks = [f"{p.strength:g}<br>{p.dose:.2f}" for p in found.vector]
    figure.update_xaxes(tickvals=strengths, ticktext=ticks)
    figure.update_xaxes(title="strength; below it the dose, norm of s·v over norm of h", row=3)
    title = _dose_finding(found, safe, kl_bound)
    styled(figure, title, f"{plain(found.task)}, written after block {found.layer}", height=860)
    figure.update_layout(margin_b=100)
    right = round(found.zero_shot.value * found.items)
    return Exhibit(
        stem=stem_of("dose", found.task, str(found.layer)),
        figure=figure,
        caption=f"n = {found.items} items and {found.texts} neutral texts; 95 % intervals (Wilson "
        "for shares, bootstrap for KL). Harmed: right at zero-shot, wrong when steered; "
        f"{right} of the items are right at zero-shot. {found.placebos} random directions have the "
        "vector's norm. Dashed: zero-shot accuracy, the bound of "
        f"{kl_bound:g} nats, and the largest strength whose interval stays within it.",
        alt=f"Three curves against strength: accuracy, harmed items, KL. {title}.",
        rows=[
            _dose_row(name, p)
            for name, points in (("vector", found.vector), ("placebo", found.placebo))
            for p in points
        ],
    )


def _mark_bounds(figure: go.Figure, found: DoseCurve, safe: float | None, bound: float) -> None:
    dashed = {"color": INK, "width": 1, "dash": "dash"}
    note = {"font": {"size": 11}, "showarrow": False, "bgcolor": "white"}
    figure.add_hline(y=found.zero_shot.value, line={**dashed, "color": FAINT}, row=1, col=1)
    figure.add_hline(y=bound, line=dashed, row=3, col=1)
    if safe is not None:
        figure.add_vline(x=safe, line=dashed)
        y = max(p.kl.high for p in (*found.vector, *found.placebo))
        text = f"within {bound:g} nats up to here"
        figure.add_annotation(x=safe, y=y, text=text, xanchor="left", row=3, col=1, **note)


def _dose_row(name: str, point: DosePoint) -> dict[str, Value]:
    row: dict[str, Value] = {"direction": name, "strength": point.strength, "dose": point.dose}
    for field in ("accuracy", "helped", "harmed", "kl"):
        one: Estimate = getattr(point, field)
        row |= {field: one.value, f"{field}_low": one.low, f"{field}_high": one.high}
    return row


def _dose_finding(found: DoseCurve, safe: float | None, bound: float) -> str:
    best = max(found.vector, key=lambda p: p.accuracy.value)
    said = f"Most accurate at strength {best.strength:g} ({best.accuracy.value:.2f})"
    at = {p.strength: p for p in found.vector}
    if safe is None:
        return f"{said}; no strength is shown to stay within {bound:g} nats on neutral text"
    reached = at[safe].accuracy.value
    return f"{said}; within {bound:g} nats on neutral text up to strength {safe:g} ({reached:.2f})"
