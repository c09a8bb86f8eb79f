"""A run in words: what each steered arm did, held against its placebo."""

from __future__ import annotations

from collections.abc import Iterator

from cast_lens.analysis.estimates import Estimate
from cast_lens.experiment.record import ArmResult, CastResult

METRIC = "acc,none"


def readings(result: CastResult) -> Iterator[str]:
    """One sentence for each pair of source and target that has the `cast` arm."""
    for arm in result.results:
        if arm.arm == "cast":
            yield f"{arm.source} -> {arm.target}: {_sentence(result, arm)}"


def _sentence(result: CastResult, cast: ArmResult) -> str:
    gain = cast.differences[METRIC]
    effect = f"{gain.value:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}] accuracy"
    if gain.low <= 0 <= gain.high:
        return f"no detectable change from zero-shot ({effect}, n = {gain.n})."
    verb = "raises" if gain.value > 0 else "lowers"
    said = f"the vector {verb} accuracy ({effect}, n = {gain.n})"
    placebo = _placebo(result, cast)
    if placebo is None:
        return (
            f"{said}; no placebo was run, so this alone does not show that its direction matters."
        )
    beside = f"random directions of the same norm, searched as widely, reach {placebo.value:+.2f}"
    if placebo.low <= gain.value <= placebo.high or _overlap(gain, placebo):
        return f"{said}, but {beside}: not shown to be more than a push of that size."
    return f"{said}; {beside}: the direction matters."


def _placebo(result: CastResult, cast: ArmResult) -> Estimate | None:
    try:
        return result.find(cast.target, "random_direction", cast.source).differences[METRIC]
    except KeyError:
        return None


def _overlap(one: Estimate, other: Estimate) -> bool:
    return one.low <= other.high and other.low <= one.high
