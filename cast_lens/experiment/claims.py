"""The paper's claims, each held against one run; the open questions follow them.

Claims: CAST, arXiv 2507.13236. Every test is paired over items and its threshold stands in the
run's settings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cast_lens.analysis.comparisons import Comparison
from cast_lens.analysis.cosines.records import PLAIN, RAW, WHITENED
from cast_lens.analysis.families import holm
from cast_lens.experiment.claim_card import (
    NO_CURVE,
    ClaimCard,
    card_of,
    corrected,
    judged,
    not_tested,
)
from cast_lens.experiment.config import Arm
from cast_lens.experiment.curves import CurvePoint
from cast_lens.experiment.open_questions import open_questions
from cast_lens.experiment.outcomes import SCOPES, WINDOW, Outcomes, Pair, Scope, outcomes_of
from cast_lens.experiment.parallel import IRRELEVANT, SHUFFLED

VERSUS: dict[str, tuple[Arm, str]] = {
    "contrast": ("few_only", "Subtracting the zero-shot state matters"),
    "not any direction": ("random_direction", "It takes the vector's direction, not just its norm"),
    "more than format": ("irrelevant_demos", "Demonstrations of random text do not do the same"),
    "labels matter": ("shuffled_labels", "Demonstrations with permuted labels do not do the same"),
    "more than ICL": ("icl_cross_task", "The vector does more than the demonstrations themselves"),
}

TEXTS: dict[str, str] = {IRRELEVANT: "random text", SHUFFLED: "permuted labels"}
TOO_FEW = "It takes two sources of four examples."
IN_TASK: dict[Arm, Arm] = {"icl_cross_task": "icl_in_task"}


def claim_cards(folder: Path) -> tuple[ClaimCard, ...]:
    """All cards of a run folder, Holm-corrected together.

    Raises:
        RunError: when the folder is no run, or cannot be read.
    """
    found = outcomes_of(folder)
    cards = [_parallel(found)]
    for scope in SCOPES:
        if found.within(scope):
            cards += _of_scope(found, scope)
    cards += [_dissimilar(found), _cheaper(found), *open_questions(found)]
    tested = {str(i): card.p for i, card in enumerate(cards) if card.p is not None}
    adjusted = {one.name: one.adjusted for one in holm(tested)}
    return tuple(corrected(card, adjusted.get(str(i))) for i, card in enumerate(cards))


def _of_scope(found: Outcomes, scope: Scope) -> Iterator[ClaimCard]:
    pairs, gain = found.within(scope), found.result.config.smallest_gain
    helps = found.compared("cast", "zero_shot", pairs)
    yield card_of("steering", "The vector helps", scope, helps, gain, _told(helps, "zero-shot"))
    for key, (arm, claim) in VERSUS.items():
        other = IN_TASK.get(arm, arm) if scope == "the task's own vector" else arm
        beside = found.compared("cast", other, pairs)
        yield card_of(key, claim, scope, beside, gain, _told(beside, other))
    yield _middle(found, scope)
    yield _grows(found, scope)
    yield _selection(found, scope)


def _told(found: Comparison | None, against: str) -> str:
    if found is None:
        return f"The run lacks the arm {against}."
    return f"cast minus {against}: {found.helped} items better, {found.harmed} worse, of {found.n}."


def _parallel(found: Outcomes) -> ClaimCard:
    key, claim = "parallel", "Difference vectors are more parallel than those of random text"
    scope = "all sources"
    one = found.middle_parallelism
    if one is None:
        return not_tested(key, claim, scope, TOO_FEW)
    least = found.result.config.smallest_cosine
    raw, whitened = one.found(PLAIN, RAW), one.found(PLAIN, WHITENED)
    says = (
        f"Block {one.layer}: mean cosine {raw.mean.value:.2f} (ceiling {raw.ceiling:.2f}), "
        f"whitened {whitened.mean.value:.2f}; random directions stay below {one.random_band:.2f}."
    )
    if IRRELEVANT not in one.against:
        return not_tested(key, claim, scope, f"{says} The null arm {IRRELEVANT} is lacking.")
    above = [f"{TEXTS[name]}: {part.excess.value:+.2f}" for name, part in one.against.items()]
    says += f" Above {', '.join(above)}."
    null = one.against[IRRELEVANT].excess
    return ClaimCard(
        key=key,
        claim=claim,
        scope=scope,
        verdict=judged(null, least),
        effect=null,
        threshold=least,
        says=says,
    )


def _middle(found: Outcomes, scope: Scope) -> ClaimCard:
    depth = found.depths
    low, high = WINDOW

    def inside(point: CurvePoint) -> bool:
        return low <= depth[point.x] <= high

    compared = found.paired(
        found.within(scope),
        lambda pair: found.points("layers", pair, inside),
        lambda pair: found.points("layers", pair, lambda point: not inside(point)),
    )
    means: dict[int, list[float]] = {}
    for point in found.curves:
        if point.kind == "layers" and (point.target, point.source) in found.within(scope):
            means.setdefault(point.x, []).append(float(np.mean(point.hits)))
    curve = ", ".join(f"{layer}: {np.mean(acc):.2f}" for layer, acc in sorted(means.items()))
    says = f"Accuracy by block: {curve}." if curve else NO_CURVE
    gain = found.result.config.smallest_gain
    return card_of("middle blocks", "Middle blocks are best", scope, compared, gain, says)


def _grows(found: Outcomes, scope: Scope) -> ClaimCard:
    key, claim = "grows", "Accuracy grows with the number of examples while ICL plateaus"
    sizes = sorted({point.x for point in found.curves if point.kind == "examples"})
    if len(sizes) < 2:
        return not_tested(key, claim, scope, NO_CURVE)
    compared = found.paired(
        found.within(scope),
        lambda pair: found.points("examples", pair, lambda p: p.x == sizes[-1]),
        lambda pair: found.points("examples", pair, lambda p: p.x == sizes[0]),
    )
    says = f"From {sizes[0]} to {sizes[-1]} examples."
    shots = sorted({point.x for point in found.curves if point.kind == "shots"})
    if len(shots) > 1:
        more = found.paired(
            found.within(scope),
            lambda pair: found.points("shots", pair, lambda p: p.x == shots[-1]),
            lambda pair: found.points("shots", pair, lambda p: p.x == shots[-2]),
        )
        if more is not None:
            says += (
                f" In-context learning in the task changes by {more.difference.value:+.2f} "
                f"from {shots[-2]} to {shots[-1]} shots."
            )
    return card_of(key, claim, scope, compared, found.result.config.smallest_gain, says)


def _selection(found: Outcomes, scope: Scope) -> ClaimCard:
    key, claim = "selection", "Selected examples make a better vector than random ones"
    chosen = found.result.config.selector
    sizes = {point.x for point in found.curves if point.selector == chosen}
    if chosen == "random" or not sizes:
        return not_tested(key, claim, scope, NO_CURVE)
    compared = found.paired(
        found.within(scope),
        lambda pair: found.points("examples", pair, lambda p: p.selector == chosen),
        lambda pair: found.points("examples", pair, lambda p: p.selector == "random"),
    )
    says = (
        f"{chosen} against random choices of {found.result.config.curve_seeds} seeds, mean over "
        f"{min(sizes)} to {max(sizes)} examples."
    )
    return card_of(key, claim, scope, compared, found.result.config.smallest_gain, says)


def _dissimilar(found: Outcomes) -> ClaimCard:
    """The gain from the half of a target's sources whose vectors are least like its own."""
    key, claim = "dissimilar", "It still helps when source and target are unlike"
    scope: Scope = "another task's vector"
    one = found.middle_parallelism
    if one is None:
        return not_tested(key, claim, scope, TOO_FEW)
    own = set(one.tasks)
    far: list[Pair] = []
    for target in dict.fromkeys(pair[0] for pair in found.within(scope)):
        sources = [source for t, source in found.within(scope) if t == target]
        if target in own and len(sources) > 1:
            sources.sort(key=lambda source: one.between(target, source))
            far += [(target, source) for source in sources[: math.ceil(len(sources) / 2)]]
    compared = found.compared("cast", "zero_shot", far)
    says = (
        f"{len(far)} pairs, the less similar half of each target's sources by the cosine of their "
        f"vectors at block {one.layer}."
        if far
        else "No target is among the sources, so that its own vector is not known."
    )
    return card_of(key, claim, scope, compared, found.result.config.smallest_gain, says)


def _cheaper(found: Outcomes) -> ClaimCard:
    key, claim = "cheaper", "It costs less per query than in-context examples"
    scope: Scope = "another task's vector"
    costs = {(c.target, c.arm, c.source): c for c in found.result.costs}
    ratios: list[float] = []
    even: list[int | None] = []
    for target, source in found.within(scope):
        ours = costs.get((target, "cast", source))
        theirs = costs.get((target, "icl_cross_task", source))
        if ours is not None and theirs is not None:
            ratios.append(theirs.flops / ours.flops)
            even.append(ours.breaks_even["icl_cross_task"])
    if not ratios:
        return not_tested(key, claim, scope, "The run lacks cast or icl_cross_task.")
    known = [queries for queries in even if queries is not None]
    slowest = f"{max(known):,}" if len(known) == len(even) else "no number of"
    return ClaimCard(
        key=key,
        claim=claim,
        scope=scope,
        verdict="supported" if min(ratios) > 1 else "refuted",
        says=(
            f"In-context examples take {min(ratios):.1f} to {max(ratios):.1f} times the operations "
            f"of a steered query; with extraction and search counted, cast is cheaper from "
            f"{slowest} queries on (worst pair). No test: operations are counted, not sampled."
        ),
    )
