"""What an arm costs a query, and once."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cast_lens.experiment.config import ARMS, Arm
from cast_lens.experiment.record import ArmCost, CastResult
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.style import COLOURS, INK, plain, styled

ROW, PANEL_NAME = 30, 24  # pixels
GIGA = 1e9


@dataclass(frozen=True)
class _Mean:
    """Of one arm, over its targets and sources; operations in GFLOP."""

    arm: Arm
    prompt_tokens: float
    gflop_per_query: float
    gflop_once: float
    pairs: int


def costs(result: CastResult) -> Exhibit:
    """Operations of a query and, beside them, those spent once, by arm; means over pairs."""
    means = list(_means(result))
    figure = make_subplots(
        cols=2, shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=["each query", "once"]
    )
    tokens = [f"{one.prompt_tokens:.0f} tokens" for one in means]
    once = [one.gflop_once for one in means]
    _add_bars(figure, means, [one.gflop_per_query for one in means], tokens, 1)
    _add_bars(figure, means, once, [_short(value) for value in once], 2)
    figure.update_yaxes(autorange="reversed", ticklabelstandoff=6)
    styled(figure, _title(result), plain(result.config.model), height=190 + ROW * len(means))
    figure.update_layout(margin={"l": 150, "t": figure.layout.margin.t + PANEL_NAME})
    return Exhibit(
        "costs",
        figure,
        "Floating-point operations, counted from the model's size and each prompt's tokens, means "
        "over targets and sources; nothing is sampled, so there is no interval. Prompts are "
        "counted in full, each for itself; writing the answer is left out. Controls cost what the "
        "method costs.",
        "Bars. " + "; ".join(map(_told, means)) + ".",
        [asdict(one) for one in means],
    )


def _means(result: CastResult) -> Iterator[_Mean]:
    for arm in ARMS:
        found = [c for c in result.costs if c.arm == arm]
        if found:
            yield _Mean(
                arm,
                statistics.fmean(c.prompt_tokens for c in found),
                statistics.fmean(c.flops for c in found) / GIGA,
                statistics.fmean(c.once_flops for c in found) / GIGA,
                len(found),
            )


def _add_bars(
    figure: go.Figure, means: Sequence[_Mean], values: Sequence[float], texts: list[str], col: int
) -> None:
    figure.add_bar(
        x=list(values),
        y=[one.arm for one in means],
        orientation="h",
        marker={"color": (INK, COLOURS[2])[col - 1]},
        text=texts,
        textposition="outside",
        cliponaxis=False,
        showlegend=False,
        row=1,
        col=col,
    )
    unit = ("GFLOP to read the prompt", "GFLOP to extract and to search on dev")[col - 1]
    room = 1.3 * max(values) or 1  # for the text behind the longest bar
    figure.update_xaxes(title={"text": unit, "standoff": 8}, col=col, range=[0, room])


def _told(one: _Mean) -> str:
    return f"{one.arm}: {one.gflop_per_query:.3g} GFLOP a query, {one.gflop_once:.3g} once"


def _short(value: float) -> str:
    if not value:
        return ""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _title(result: CastResult) -> str:
    cast = [c for c in result.costs if c.arm == "cast"]
    shown: tuple[Arm, ...] = ("icl_cross_task", "icl_in_task")
    for arm in shown:
        ratios = _ratios(result, cast, arm)
        if ratios:
            queries = [c.breaks_even[arm] for c in cast if arm in c.breaks_even]
            counts = [q for q in queries if q is not None]
            pays = f"; it pays from {max(counts):,} queries on" if counts == queries else ""
            return (
                f"{arm} costs {statistics.median(ratios):.1f} times a query with the vector{pays}"
            )
    return "Operations of a query, and those spent once"


def _ratios(result: CastResult, cast: Sequence[ArmCost], arm: Arm) -> list[float]:
    others = {(c.target, c.source): c.flops for c in result.costs if c.arm == arm}
    keys = [(c.target, None if arm == "icl_in_task" else c.source) for c in cast]
    return [others[key] / c.flops for c, key in zip(cast, keys, strict=True) if key in others]
