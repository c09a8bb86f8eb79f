"""One claim, what was found, and the verdict by a threshold written down before the run."""

from __future__ import annotations

from typing import Literal

from cast_lens.analysis.comparisons import Comparison
from cast_lens.analysis.estimates import Estimate
from cast_lens.records import Record

NO_CURVE = "The run has no such curve: add it to `curves`, or take the preset `claims`."
ALPHA = 0.05
Verdict = Literal["supported", "refuted", "inconclusive", "not tested"]


class ClaimCard(Record):
    """A claim held against a run.

    Attributes:
        key: its short name; `claim` the sentence.
        scope: which pairs of tasks it was held against.
        verdict: see `judged` and `corrected`; `not tested` where the run lacks what it takes.
        effect: in accuracy, cosine or as said, with its interval.
        threshold: the smallest effect worth a claim, from the run's settings.
        smallest_detectable: effect that would have been found with power 0.8; None where unknown.
        p: two-sided, uncorrected; `adjusted_p` Holm's over all cards that have one.
        says: what was found, in one or two sentences.
    """

    key: str
    claim: str
    scope: str
    verdict: Verdict
    effect: Estimate | None = None
    threshold: float | None = None
    smallest_detectable: float | None = None
    p: float | None = None
    adjusted_p: float | None = None
    says: str


def judged(effect: Estimate, threshold: float, detectable: float | None = None) -> Verdict:
    """The verdict on an effect that the claim says is positive.

    Supported: the interval lies above 0 and the effect reaches the threshold. Refuted: the
    interval lies below the threshold, so that an effect worth the claim is excluded. Inconclusive
    where the interval holds both, or where an effect at the threshold could hardly have been
    found.

    Args:
        effect: with its interval.
        threshold: the smallest effect worth the claim.
        detectable: the effect that would be found with power 0.8, where known.
    """
    if effect.low > 0 and effect.value >= threshold:
        return "supported"
    if detectable is not None and detectable > threshold:
        return "inconclusive"
    return "refuted" if effect.high < threshold else "inconclusive"


def card_of(
    key: str, claim: str, scope: str, found: Comparison | None, threshold: float, says: str
) -> ClaimCard:
    """A card of a paired comparison; `not tested` when there is none."""
    if found is None:
        return not_tested(key, claim, scope, says)
    return ClaimCard(
        key=key,
        claim=claim,
        scope=scope,
        verdict=judged(found.difference, threshold, found.smallest_detectable),
        effect=found.difference,
        threshold=threshold,
        smallest_detectable=found.smallest_detectable,
        p=found.p,
        says=says,
    )


def corrected(card: ClaimCard, adjusted: float | None) -> ClaimCard:
    """A card with Holm's p: what does not hold among all cards is not supported."""
    if adjusted is None:
        return card
    doubtful = card.verdict == "supported" and adjusted >= ALPHA
    verdict = "inconclusive" if doubtful else card.verdict
    return card.model_copy(update={"adjusted_p": adjusted, "verdict": verdict})


def not_tested(key: str, claim: str, scope: str, why: str) -> ClaimCard:
    """A card without evidence."""
    return ClaimCard(key=key, claim=claim, scope=scope, verdict="not tested", says=why)
