"""Claims as intervals against their thresholds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import get_args

import plotly.graph_objects as go

from cast_lens.experiment.claim_card import ClaimCard, Verdict
from cast_lens.experiment.outcomes import Outcomes
from cast_lens.figures.curves import curves
from cast_lens.figures.dots import add_dots, numbers, sizes
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.style import ACCENT, COLOURS, FAINT, INK, plain, styled

# sign and word of each verdict, so that neither hangs on colour
MARKS: dict[Verdict, tuple[str, str]] = {
    "supported": ("circle", INK),
    "refuted": ("x", ACCENT),
    "inconclusive": ("circle-open", COLOURS[2]),
    "not tested": ("circle-open", FAINT),
}
SHORT = {"another task's vector": "other", "the task's own vector": "own", "all sources": "all"}
ROW = 30  # pixels


def claim_exhibits(cards: Sequence[ClaimCard], found: Outcomes) -> tuple[Exhibit, ...]:
    """The forest of all claims that were tested, and each curve that the run holds."""
    tested = any(card.effect is not None for card in cards)
    return (*([forest(cards, found.result.config.model)] if tested else []), *curves(found))


def forest(cards: Sequence[ClaimCard], model: str) -> Exhibit:
    """Every tested claim's effect and interval; a tick where its threshold lies.

    Args:
        cards: at least one with an effect.
        model: its name.
    """
    shown = [card for card in cards if card.effect is not None]
    names = [f"{plain(card.claim)} <i>({SHORT.get(card.scope, card.scope)})</i>" for card in shown]
    figure = go.Figure()
    for verdict, look in MARKS.items():
        own = [i for i, card in enumerate(shown) if card.verdict == verdict]
        effects = [effect for i in own if (effect := shown[i].effect) is not None]
        if effects:
            add_dots(figure, effects, [names[i] for i in own], verdict, look)
    figure.add_scatter(
        x=[card.threshold for card in shown],
        y=names,
        mode="markers",
        marker={"symbol": "line-ns-open", "size": 16, "color": INK},
        name="threshold set before the run",
    )
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    figure.update_xaxes(
        title={"text": "effect: difference in accuracy; of cosine for parallelism", "standoff": 8},
        zeroline=False,
    )
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1], automargin=True)
    title = f"Claims: {_counted(shown)}"
    held = sizes(card.effect for card in shown if card.effect)
    subtitle = f"{plain(model)}; {held} items or examples; 95 % intervals"
    styled(figure, title, subtitle, height=200 + ROW * len(shown))
    # the legend begins under the names, which take half of the width
    figure.update_layout(legend={"xref": "container", "x": 0.02})
    return Exhibit("claims", figure, _caption(cards), _alt(cards), [_row(card) for card in cards])


def _counted(cards: Sequence[ClaimCard]) -> str:
    counts = Counter(card.verdict for card in cards)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in get_args(Verdict)[:3])


def _caption(cards: Sequence[ClaimCard]) -> str:
    missing = sum(card.effect is None for card in cards)
    rest = f" {missing} more have no interval and stand in the table only." if missing else ""
    return (
        "Effect of each claim with its 95 % interval, items paired; the tick is the smallest "
        "effect worth the claim. Supported: the interval lies above 0 and the effect reaches the "
        "tick; refuted: the interval lies below the tick; inconclusive: neither, or an effect at "
        "the tick could hardly have been seen. In brackets: the vector of another task, of the "
        f"task's own, or of all sources.{rest}"
    )


def _alt(cards: Sequence[ClaimCard]) -> str:
    drawn = [card for card in cards if card.effect is not None]
    parts = []
    for verdict in get_args(Verdict)[:3]:
        named = [
            f"{card.claim} ({SHORT.get(card.scope, card.scope)})"
            for card in drawn
            if card.verdict == verdict
        ]
        parts.append(f"{verdict.capitalize()}: {'; '.join(named) or 'none'}.")
    return " ".join(parts)


def _row(card: ClaimCard) -> dict[str, str | int | float | bool | None]:
    return {
        "claim": card.claim,
        "scope": card.scope,
        "verdict": card.verdict,
        **numbers(card.effect),
        "threshold": card.threshold,
        "smallest_detectable": card.smallest_detectable,
        "adjusted_p": card.adjusted_p,
    }
