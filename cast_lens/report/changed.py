"""Items that the method helped and harmed, and how often its placebo did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cast_lens.experiment.changed import Changed, changed_items
from cast_lens.experiment.record import CastResult
from cast_lens.report.tables import Table, columns, texts_of

METHOD, PLACEBO = "cast", "random_direction"
LISTED = 20  # items of one kind and pair
NO_TEXT = "(text not at hand: the task has changed or is not there)"


@dataclass(frozen=True)
class ChangedItems:
    """What to say first, and a table for each pair and kind."""

    lines: tuple[str, ...]
    tables: tuple[Table, ...]


def changed_of(folder: Path, result: CastResult) -> ChangedItems:
    """The items whose outcome the method changed against zero-shot, on the test items."""
    arms = {one.arm for one in result.results}
    if METHOD not in arms:
        return ChangedItems(("The run holds no arm cast.",), ())
    items = changed_items(folder, METHOD)
    if not items:
        return ChangedItems(("cast changed no item.",), ())
    beside = changed_items(folder, PLACEBO) if PLACEBO in arms else ()
    pairs = list(dict.fromkeys((item.target, item.source) for item in items))
    lines = tuple(_line(items, beside, pair, _draws(result, pair)) for pair in pairs)
    return ChangedItems(lines, tuple(_tables(items, pairs)))


def _draws(result: CastResult, pair: tuple[str, str | None]) -> int:
    """How many random directions were scored, also those that changed nothing."""
    own = [one for one in result.results if (one.target, one.source) == pair]
    return sum(len(one.sites) for one in own if one.arm == PLACEBO)


def _line(
    items: Sequence[Changed],
    beside: Sequence[Changed],
    pair: tuple[str, str | None],
    draws: int,
) -> str:
    target, source = pair
    helped, harmed = _counts(items, pair)
    said = f"{target} from {source}: cast helped {helped} and harmed {harmed} items"
    if not draws:
        return f"{said}; no random directions were run."
    better, worse = _counts(beside, pair)
    mean = " a draw" if draws > 1 else ""
    return (
        f"{said}; random directions of the same norm helped {better / draws:.3g} and harmed "
        f"{worse / draws:.3g}{mean}."
    )


def _counts(items: Sequence[Changed], pair: tuple[str, str | None]) -> tuple[int, int]:
    own = [one.helped for one in items if (one.target, one.source) == pair]
    return sum(own), len(own) - sum(own)


def _tables(items: Sequence[Changed], pairs: Sequence[tuple[str, str | None]]) -> Iterator[Table]:
    for target, source in pairs:
        for helped, word in ((True, "helped"), (False, "harmed")):
            own = [
                one
                for one in items
                if (one.target, one.source, one.helped) == (target, source, helped)
            ]
            if own:
                listed = "" if len(own) <= LISTED else f", the first {LISTED} listed"
                yield Table(
                    f"{target} from {source}: {len(own)} items {word}{listed}",
                    columns("item", "|input", "|right", "|zero-shot", "|cast"),
                    texts_of([_cells(one) for one in own[:LISTED]]),
                )


def _cells(one: Changed) -> tuple[str, ...]:
    return one.doc_id, one.input or NO_TEXT, one.label, one.before, one.after
