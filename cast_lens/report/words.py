"""What a report says in words: the question, the claims, where the numbers come from."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from cast_lens.analysis.written import difference, p_value
from cast_lens.experiment.claim_card import ClaimCard
from cast_lens.experiment.config import CastConfig
from cast_lens.experiment.manifest import Manifest
from cast_lens.experiment.record import CastResult

SIGNS = {"supported": "✔", "refuted": "✘", "inconclusive": "?", "not tested": "–"}


@dataclass(frozen=True)
class Card:
    """A claim card in words; `sign` stands beside the verdict, `style` is its class."""

    claim: str
    verdict: str
    sign: str
    style: str
    scope: str
    facts: tuple[str, ...]
    says: str

    @property
    def tested(self) -> bool:
        """Whether the run could say anything."""
        return self.verdict != "not tested"


def question(config: CastConfig) -> str:
    """What the run asks, in one sentence."""
    return (
        f"Does the mean difference that demonstrations of {_list(config.sources)} make inside "
        f"{config.model}, added to the zero-shot prompts of {_list(config.targets)}, raise their "
        "accuracy, and by more than its controls do?"
    )


def _list(names: tuple[str, ...]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def asked(config: CastConfig) -> list[tuple[str, str]]:
    """The settings that matter most, by name."""
    layers = config.layers if isinstance(config.layers, str) else ", ".join(map(str, config.layers))
    items = "all" if config.test_items is None else str(config.test_items)
    dev = "all" if config.dev_items is None else str(config.dev_items)
    return [
        ("model", f"{config.model} ({config.dtype}, {config.template} prompts)"),
        ("sources", ", ".join(config.sources)),
        ("targets", ", ".join(config.targets)),
        ("arms", ", ".join(config.arms)),
        ("demonstrations", f"{config.shots}, {config.demonstrations}"),
        ("source examples", f"up to {config.examples}, chosen by {config.selector}"),
        ("searched on dev", f"blocks {layers}; strengths {', '.join(map(str, config.strengths))}"),
        ("items", f"{items} of test to score, {dev} of dev to search on"),
        ("written", f"{config.rule} at {config.policy}"),
        ("seed", str(config.seed)),
        ("smallest effect worth a claim", f"{config.smallest_gain:g} in accuracy"),
    ]


def card_of(card: ClaimCard) -> Card:
    """A claim card for the page."""
    return Card(
        claim=card.claim,
        verdict=card.verdict,
        sign=SIGNS[card.verdict],
        style=card.verdict.replace(" ", "-"),
        scope=card.scope,
        facts=tuple(_facts(card)),
        says=card.says,
    )


def _facts(card: ClaimCard) -> Iterator[str]:
    if card.effect is not None:
        yield f"Effect {difference(card.effect)}, n = {card.effect.n} ({card.effect.method})"
    if card.threshold is not None:
        seen = card.smallest_detectable
        beside = "" if seen is None else f"; could have seen {seen:.2f}"
        yield f"Threshold {card.threshold:g}{beside}"
    if card.adjusted_p is not None:
        yield f"p {p_value(card.adjusted_p)} (Holm over all claims)"


def cheaper(result: CastResult) -> Iterator[str]:
    """From how many queries on each vector is cheaper than demonstrations."""
    for cost in result.costs:
        told = [
            f"never cheaper than {arm}"
            if queries is None
            else f"cheaper than {arm} from {queries:,} queries on"
            for arm, queries in cost.breaks_even.items()
        ]
        if told:
            yield f"{cost.target} with the vector of {cost.source}: {', '.join(told)}."


def provenance(manifest: Manifest) -> list[tuple[str, str]]:
    """Where the numbers come from, by name."""
    identity = manifest.identity.model_dump()
    tasks = ", ".join(f"{name} {mark}" for name, mark in identity["tasks"].items())
    rest = [
        (name.replace("_", " "), str(value)) for name, value in identity.items() if name != "tasks"
    ]
    return [
        *rest,
        ("task fingerprints", tasks),
        *manifest.versions.items(),
        *manifest.machine.items(),
        ("seconds", str(manifest.seconds)),
    ]


def command(manifest: Manifest) -> str:
    """The command line as it was given, ready for a shell."""
    return shlex.join(manifest.command)
