"""What is said beside a map of states: its finding, caption, hover texts and rows."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from cast_lens.analysis.projection import Projection
from cast_lens.analysis.shares import Share, share_between
from cast_lens.analysis.written import percent
from cast_lens.diagnosis.geometry import DIFFERENCE, FEW, ZERO, LabelledStates, Row
from cast_lens.errors import FigureError
from cast_lens.figures.exhibit import Value
from cast_lens.figures.style import COLOURS, plain

ColourBy = Literal["task", "kind", "label", "correct"]
NOUNS: dict[ColourBy, str] = {
    "task": "task",
    "kind": "prompt kind",
    "label": "label",
    "correct": "right or wrong",
}
WITHIN: tuple[ColourBy, ...] = ("label", "correct")  # tasks differ in them, and in much else
HUES = (*COLOURS, "#8c3f7d", "#5c6b3c")
OTHER = "all other"
HOVER, LINE = 400, 70  # characters of a prompt, and of one line of it
HEAD = 0.3  # of them from its beginning, the rest from its end, where the query is
CAPTION_TASKS = 8


def group_values(rows: Sequence[Row], colour_by: ColourBy) -> list[str]:
    """What each row is coloured by; rare values are put together.

    Raises:
        FigureError: when answers were not scored, or values hardly repeat.
    """
    if colour_by == "correct":
        if any(row.correct is None for row in rows):
            raise FigureError(
                "It is not known which prompts are answered right.",
                "Read the states with answers=True.",
            )
        return ["right" if row.correct else "wrong" for row in rows]
    values = [str(getattr(row, colour_by)) for row in rows]
    counts = Counter(values)
    if len(counts) <= len(HUES):
        return values
    common = counts.most_common(len(HUES) - 1)
    if 2 * sum(count for _, count in common) < len(values):
        raise FigureError(
            f"There are {len(counts)} different {colour_by}s, too many for colours.",
            "Colour by something that more prompts share.",
        )
    kept = {value for value, _ in common}
    return [value if value in kept else OTHER for value in values]


def said_above(states: LabelledStates, layer: int, colour_by: ColourBy) -> tuple[str, str]:
    """Title and subtitle: what states after a block show, in all coordinates, and the null."""
    shares = _shares(states, layer, colour_by)
    what = "differences" if states.rows[0].kind == DIFFERENCE else "states"
    if not shares:
        return f"The {what} after block {layer}: one group", plain(states.identity.model)
    told = [f"{noun} accounts for {percent(share.value)}" for noun, share in shares.items()]
    told[0] = f"{_among(states, colour_by)}{told[0]} of the variance of {what} after block {layer}"
    told[0] = told[0][0].upper() + told[0][1:]
    null = " and ".join(percent(share.null_high, 1) for share in shares.values())
    draws = next(iter(shares.values())).permutations
    below = f"with permuted names, 95 of 100 draws stay below {null} ({draws} draws)"
    return ", ".join(told), f"{plain(states.identity.model)}; {below}"


def _shares(states: LabelledStates, layer: int, colour_by: ColourBy) -> dict[str, Share]:
    second: ColourBy = "task" if colour_by == "kind" else "kind"
    shares = {}
    for by in (colour_by, second):
        values = group_values(states.rows, by)
        if len(set(values)) > 1:
            strata = _strata(states) if by in WITHIN else None
            share = share_between(states.at(layer), values, states.seed, within=strata)
            shares[NOUNS[by]] = share
    return shares


def _strata(states: LabelledStates) -> list[str]:
    """Task and kind of each prompt: answers and labels are compared within these only."""
    return [f"{row.kind}, {row.task}" for row in states.rows]


def _among(states: LabelledStates, colour_by: ColourBy) -> str:
    several = len(set(_strata(states))) > 1
    return "within a task's prompts of one kind, " if several and colour_by in WITHIN else ""


def about(states: LabelledStates, where: str) -> str:
    """What was read: first sentence of a caption."""
    tasks = list(dict.fromkeys(row.task for row in states.rows))
    queries = len({(row.task, row.query_id) for row in states.rows})
    kinds = " and ".join(dict.fromkeys(row.kind for row in states.rows))
    named = ", ".join(tasks[:CAPTION_TASKS]) + (", ..." if len(tasks) > CAPTION_TASKS else "")
    return (
        f"{kinds.capitalize()} states of {states.identity.model} at the last prompt token after "
        f"{where}: n = {len(states.rows)} from {queries} queries of {len(tasks)} "
        f"tasks ({named}), drawn with seed {states.seed}."
    )


def quality(projection: Projection) -> str:
    """How far a map can be trusted, in a few words."""
    trusted = f"trustworthiness {projection.trustworthiness:.2f}"
    if projection.explained is None:
        return trusted
    return f"axes hold {percent(sum(projection.explained))}, {trusted}"


def how(projections: Sequence[Projection]) -> str:
    """How the map was made and how far to trust it; ranges where there are several."""
    first = projections[0]
    trust = _range([found.trustworthiness for found in projections], ".2f")
    trusted = f"trustworthiness {trust} ({first.neighbours} neighbours)"
    if first.method == "umap":
        return (
            f"UMAP ({first.library}, seed {first.seed}, {first.neighbours} neighbours, one "
            f"thread); {trusted}. Distances and sizes of clusters mean nothing on it, and "
            "another machine may draw it otherwise."
        )
    held = _range([sum(found.explained or ()) for found in projections], ".0%").replace("%", " %")
    axes = len(first.explained or ())
    return (
        f"PCA ({first.library}; exact, no seed): {axes} axes hold {held} of the variance; "
        f"{trusted}."
    )


def _range(values: Sequence[float], form: str) -> str:
    low, high = format(min(values), form), format(max(values), form)
    return low if low == high else f"{low} to {high}"


def key(states: LabelledStates) -> str:
    """How to read the marks: last sentences of a caption."""
    both = {row.kind for row in states.rows} == {FEW, ZERO}
    marks = (
        "Filled: few-shot, open: zero-shot. Arrows run from each task's zero-shot mean to its "
        "few-shot mean; grey stubs are the same arrows with the kinds of a random half of the "
        "queries swapped. "
    )
    return (
        (marks if both else "")
        + "The title's shares are of all coordinates, not of the map; their null permutes the "
        f"names of the states. Hovering shows prompts, shortened to {HOVER} characters."
    )


def hover(row: Row) -> str:
    """What is known of a point, and its prompt with the middle left out where it is long."""
    right = {True: "right", False: "wrong", None: "not scored"}[row.correct]
    facts = f"{row.task}, {row.kind}<br>answer {plain(row.label)}: {right}"
    lines = [
        plain(line)
        for paragraph in _shortened(row.text).split("\n")
        for line in textwrap.wrap(paragraph, LINE) or [""]
    ]
    return f"<b>{plain(row.query_id)}</b><br>{facts}<br><br>" + "<br>".join(lines)


def _shortened(text: str) -> str:
    if len(text) <= HOVER:
        return text
    head = int(HEAD * HOVER)
    return f"{text[:head]} … {text[len(text) - (HOVER - head - 3) :]}"


def map_rows(states: LabelledStates, projection: Projection, layer: int) -> list[dict[str, Value]]:
    """Every point with its coordinates in full precision."""
    return [
        {
            "block": layer,
            "task": row.task,
            "prompt": row.kind,
            "query_id": row.query_id,
            "label": row.label,
            "correct": row.correct,
            "method": projection.method,
            **dict(zip("xyz", place, strict=False)),
        }
        for row, place in zip(states.rows, projection.coordinates.tolist(), strict=True)
    ]
