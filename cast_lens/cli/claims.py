"""`cast-lens claims`: what a run says about each of the paper's claims."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cast_lens.analysis.written import p_value
from cast_lens.cli.figures import print_figures
from cast_lens.cli.output import AsJson, plain_table, print_json, print_line, print_table

if TYPE_CHECKING:
    from cast_lens.experiment.claim_card import ClaimCard

EXAMPLES = (
    "Examples: cast-lens run --preset claims --out runs/claims | cast-lens claims runs/claims | "
    "cast-lens claims runs/claims --figures runs/claims-figures"
)
Folder = Annotated[Path, typer.Argument(help="Run folder.")]


def claims(
    folder: Folder,
    figures: Annotated[
        Path | None, typer.Option(help="Folder to write figures to, as `cast-lens figures` does.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold a run against the paper's claims: supported, refuted, inconclusive or not tested.

    Thresholds (smallest_gain, smallest_cosine) were fixed in the run's settings.
    """
    from cast_lens.experiment.claims import claim_cards

    cards = claim_cards(folder)
    notes: tuple[str, ...] = ()
    if figures is not None:
        from cast_lens.experiment.outcomes import outcomes_of
        from cast_lens.figures.bundle import write_bundles
        from cast_lens.figures.claims import claim_exhibits

        notes = write_bundles(claim_exhibits(cards, outcomes_of(folder)), figures)
    if as_json:
        print_json([card.model_dump(mode="json") for card in cards])
        return
    _print(cards)
    if figures is not None:
        print_figures(figures, notes)


def _print(cards: tuple[ClaimCard, ...]) -> None:
    columns = (
        "claim",
        "held against",
        "verdict",
        ">effect",
        ">p, Holm",
        ">threshold",
        ">seen from",
    )
    table = plain_table("", *columns, ">n")
    for card in cards:
        effect = card.effect
        table.add_row(
            card.claim,
            card.scope,
            card.verdict,
            f"{effect.value:+.2f} [{effect.low:+.2f}, {effect.high:+.2f}]" if effect else "",
            p_value(card.adjusted_p) if card.adjusted_p is not None else "",
            f"{card.threshold:g}" if card.threshold is not None else "",
            f"{card.smallest_detectable:.2f}" if card.smallest_detectable is not None else "",
            str(effect.n) if effect else "",
        )
    print_table(table)
    for card in cards:
        print_line(f"{card.key} ({card.scope}): {card.says}")
    print_line(
        "supported: interval above 0 and effect at the threshold; refuted: interval below the "
        "threshold; inconclusive also where seen from, the effect that would be found with power "
        "0.8, is above the threshold."
    )
