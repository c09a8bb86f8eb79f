"""When does steering hurt? What is known before a vector is tried, held against what it gained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cast_lens.analysis.forecast import Forecast, forecast_gain
from cast_lens.analysis.written import percent
from cast_lens.experiment.claim_card import ClaimCard, judged, not_tested
from cast_lens.experiment.outcomes import Items, Outcomes, Pair, Scope

KEY, CLAIM = "when it hurts", "What the vector gains on a target can be told from other targets"
SCOPE: Scope = "another task's vector"
LEAST_PAIRS, LEAST_TARGETS = 8, 3


@dataclass(frozen=True, eq=False)
class _Known:
    """Pairs of other tasks with the facts that all of them have."""

    pairs: list[Pair]
    names: tuple[str, ...]
    facts: Float[np.ndarray, "pair fact"]


def what_hurts(found: Outcomes) -> ClaimCard:
    """Forecast each pair's gain from the pairs of all other targets; see `forecast_gain`."""
    known = _known(found)
    targets = [target for target, _ in known.pairs]
    if len(known.pairs) < LEAST_PAIRS or len(set(targets)) < LEAST_TARGETS or not known.names:
        why = f"It takes {LEAST_PAIRS} pairs over {LEAST_TARGETS} targets."
        return not_tested(KEY, CLAIM, SCOPE, why)
    gains: list[Items] = []
    for pair in known.pairs:
        after, before = found.arm("cast", pair), found.arm("zero_shot", pair)
        assert after is not None and before is not None  # noqa: PT018 - every such run holds both
        gains.append(after - before)
    if len({float(gain.mean()) for gain in gains}) == 1:
        return not_tested(KEY, CLAIM, SCOPE, "Every pair gains alike: nothing to tell apart.")
    forecast = forecast_gain(known.facts, gains, targets)
    return ClaimCard(
        key=KEY,
        claim=CLAIM,
        scope=SCOPE,
        verdict=judged(forecast.correlation, found.result.config.smallest_cosine),
        effect=forecast.correlation,
        threshold=found.result.config.smallest_cosine,
        p=forecast.p,
        says=_told(forecast, known, np.array([gain.mean() for gain in gains])),
    )


def _known(found: Outcomes) -> _Known:
    """Dose, agreement and, where every target is a source too, the cosine of the two vectors."""
    pairs = found.within(SCOPE)
    sites = {(r.target, r.source): r.sites[0] for r in found.result.results if r.arm == "cast"}
    columns: dict[str, list[float | None]] = {
        "dose": [sites[pair].dose for pair in pairs],
        "agreement": [sites[pair].agreement for pair in pairs],
        "cosine": [_cosine(found, pair, sites[pair].layer) for pair in pairs],
    }
    full = {name: column for name, column in columns.items() if None not in column}
    return _Known(pairs, tuple(full), np.array(list(full.values()), dtype=float).T)


def _cosine(found: Outcomes, pair: Pair, layer: int) -> float | None:
    for one in found.result.parallelism:
        if one.layer == layer and pair[0] in one.tasks:
            return one.between(*pair)
    return None


def _told(forecast: Forecast, known: _Known, gains: Float[np.ndarray, " pair"]) -> str:
    hurt = int((gains < 0).sum())
    return (
        f"It hurts on {hurt} of {len(gains)} pairs. Ranks within a target, forecast from "
        f"{', '.join(known.names)} of the other targets' pairs; the sign is right in "
        f"{percent(forecast.signs)}, the commoner sign alone in {percent(forecast.commoner)}."
    )
