"""Questions the paper leaves open, each held against one run as its claims are."""

from __future__ import annotations

from collections.abc import Iterator

from cast_lens.analysis.comparisons import Comparison
from cast_lens.experiment.claim_card import NO_CURVE, ClaimCard, card_of, not_tested
from cast_lens.experiment.curves import REWORDED
from cast_lens.experiment.hurting import what_hurts
from cast_lens.experiment.outcomes import SCOPES, Outcomes, Pair, Scope


def open_questions(found: Outcomes) -> Iterator[ClaimCard]:
    """One card a question, and one a source for its reach."""
    for scope in SCOPES:
        if found.within(scope):
            yield _reworded(found, scope)
    yield what_hurts(found)
    yield from _many_targets(found)


def _reworded(found: Outcomes, scope: Scope) -> ClaimCard:
    """Does the vector do without an instruction that says what the task is?"""
    key, claim = "reworded", "The vector works without the instruction"
    pairs = found.within(scope)
    compared = found.paired(
        pairs,
        lambda pair: found.points("instructions", pair, lambda p: p.source is not None),
        lambda pair: found.points("instructions", pair, lambda p: p.source is None),
    )
    if compared is None:
        return not_tested(key, claim, scope, NO_CURVE)
    own = found.compared("cast", "zero_shot", pairs)
    assert own is not None  # every run with cast holds both
    says = (
        f"With {' or '.join(map(repr, REWORDED))} in place of it; with it the vector gains "
        f"{own.difference.value:+.2f}."
    )
    return card_of(key, claim, scope, compared, found.result.config.smallest_gain, says)


def _many_targets(found: Outcomes) -> Iterator[ClaimCard]:
    """Does one source's vector work on many targets?"""
    gain = found.result.config.smallest_gain
    scope: Scope = "another task's vector"
    for source in dict.fromkeys(source for _, source in found.pairs):
        others = [pair for pair in found.within(scope) if pair[1] == source]
        better = [pair[0] for pair in others if _is_above(_beside_placebo(found, [pair]))]
        if len(others) > 1:
            says = f"Above random directions on {len(better)} of {len(others)} other targets" + (
                f" ({', '.join(better)})." if better else "."
            )
            claim = f"The vector of {source} works on many targets"
            compared = _beside_placebo(found, others)
            yield card_of("many targets", claim, scope, compared, gain, says)


def _beside_placebo(found: Outcomes, pairs: list[Pair]) -> Comparison | None:
    return found.compared("cast", "random_direction", pairs)


def _is_above(compared: Comparison | None) -> bool:
    return compared is not None and compared.difference.low > 0
