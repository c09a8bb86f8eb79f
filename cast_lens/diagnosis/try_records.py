"""What is seen at a setting: small records that make tables."""

from __future__ import annotations

from typing import Literal

from cast_lens.analysis.estimates import Estimate
from cast_lens.diagnosis.readout import Readout, Said
from cast_lens.diagnosis.try_setting import ArmName, Kind, Measure, Seen
from cast_lens.records import Record, Rows, rows_of

WHY = {
    "right": "right",
    "given": "given by you",
    "few-shot": "what the few-shot prompt says; no right answer is known",
}


class MarkedToken(Record):
    """One token of a prompt.

    Attributes:
        text: as the tokenizer decodes it.
        read: whether a vector is read there in prompts of the source.
        written: whether the vector is written there.
    """

    id: int
    text: str
    read: bool
    written: bool


class PromptView(Seen):
    """A prompt as the model reads it; `later` says whether every generated token is written to."""

    query_id: str
    text: str
    accepted: tuple[str, ...]
    tokens: tuple[MarkedToken, ...]
    later: bool

    def as_rows(self) -> Rows:
        """One row a token."""
        return rows_of(self.tokens)

    def notes(self) -> tuple[str, ...]:
        """Where the vector goes."""
        later = ", and at every generated token" if self.later else ""
        n = sum(one.written for one in self.tokens)
        return (f"Written at {n} of {len(self.tokens)} tokens{later}.",)


class Option(Record):
    """One label or accepted answer.

    Attributes:
        logprob: natural logarithm, summed over all its tokens.
        probability: among the labels; of the answer itself where answers are free.
    """

    text: str
    logprob: float
    probability: float


class ArmAnswer(Record):
    """What one arm says about one prompt.

    Attributes:
        probability: of the followed answer, see `Option`; of the likeliest accepted one where
            several are.
        mass: probability of all options together, before any is set apart: how often the model
            answers in the form that is asked.
        top: likeliest next tokens.
    """

    arm: ArmName
    probability: float
    mass: float
    options: tuple[Option, ...]
    top: tuple[Said, ...]


class Answers(Seen):
    """What every arm says about one prompt.

    Attributes:
        kind: a choice among labels, or free answers.
        followed: the answers whose probability is shown.
        why: "right", "given" by the user, or what the "few-shot" arm says where an own prompt has
            no other answer.
    """

    kind: Kind
    followed: tuple[str, ...]
    why: Literal["right", "given", "few-shot"]
    arms: tuple[ArmAnswer, ...]

    def find(self, arm: ArmName) -> ArmAnswer:
        """One arm."""
        return next(one for one in self.arms if one.arm == arm)

    def as_rows(self) -> Rows:
        """One row an arm and option."""
        return [
            {"arm": one.arm, "option": option.text, "followed": option.text in self.followed}
            | {"probability": option.probability, "logprob": option.logprob}
            for one in self.arms
            for option in one.options
        ]

    def notes(self) -> tuple[str, ...]:
        """Which answer is followed."""
        among = "among the labels" if self.kind == "labels" else "of the whole answer"
        named = ", ".join(self.followed)
        said = [
            f"{one.arm}, next token: "
            + ", ".join(f"{said.token!r} {said.value:.3f}" for said in one.top)
            for one in self.arms
        ]
        return (f"Followed: {named} ({WHY[self.why]}). Probability {among}.", *said)


class Continuations(Seen):
    """Greedy text of every arm, up to the first line break."""

    texts: dict[ArmName, str]

    def as_rows(self) -> Rows:
        """One row an arm."""
        return [{"arm": arm, "text": text} for arm, text in self.texts.items()]


class BlockCurve(Seen):
    """Probability of the followed answer against the block that is read and written.

    Attributes:
        steered, random: at each block of `layers`; `random` is a direction of the same norm.
        zero_shot, few_shot: the same number without any vector.
    """

    followed: tuple[str, ...]
    strength: float
    layers: tuple[int, ...]
    steered: tuple[float, ...]
    random: tuple[float, ...]
    zero_shot: float
    few_shot: float

    def as_rows(self) -> Rows:
        """One row a block."""
        every = zip(self.layers, self.steered, self.random, strict=True)
        return [
            {"block": layer, "steered": one, "random_direction": other}
            | {"zero_shot": self.zero_shot, "few_shot": self.few_shot}
            for layer, one, other in every
        ]


class SiteMap(Seen):
    """Blocks against strengths.

    Attributes:
        measure: probability of one item's followed answer, or accuracy on `n` dev items.
        values: indexed [strength][layer]; `random` with a random direction of the same norm.
        zero_shot: the same number without a vector.
    """

    measure: Measure
    n: int
    layers: tuple[int, ...]
    strengths: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    random: tuple[tuple[float, ...], ...]
    zero_shot: float

    def best(self) -> tuple[int, float]:
        """Block and strength of the highest value; of several, the first block and strength."""
        cells = [
            (-value, layer, strength)
            for strength, row in zip(self.strengths, self.values, strict=True)
            for layer, value in zip(self.layers, row, strict=True)
        ]
        _, layer, strength = min(cells)
        return layer, strength

    def as_rows(self) -> Rows:
        """One row a cell."""
        return [
            {"block": layer, "strength": strength, "steered": self.values[s][at]}
            | {"random_direction": self.random[s][at]}
            for s, strength in enumerate(self.strengths)
            for at, layer in enumerate(self.layers)
        ]

    def notes(self) -> tuple[str, ...]:
        """The best cell, with the placebo's."""
        layer, strength = self.best()
        best = max(map(max, self.values))
        return (
            f"Highest {self.measure}: {best:.3f} at block {layer}, strength {strength:g}; "
            f"a random direction's highest: {max(map(max, self.random)):.3f}; "
            f"zero-shot: {self.zero_shot:.3f} (n = {self.n}). The best of "
            f"{len(self.layers) * len(self.strengths)} cells is optimistic.",
        )


class MapPoint(Record):
    """One prompt's state on the map; `kind` says which prompt, `query_id` what it asks."""

    kind: str
    query_id: str
    x: float
    y: float


class StatesMap(Seen):
    """First two principal components of the source's states after one block.

    Attributes:
        explained: share of the source states' variance along each axis.
        points: the source's few-shot and zero-shot prompts, then this item's: zero-shot, few-shot
            and steered, which are laid on the axes and did not make them.
    """

    layer: int
    explained: tuple[float, float]
    points: tuple[MapPoint, ...]

    def as_rows(self) -> Rows:
        """One row a prompt."""
        return rows_of(self.points)


class BlockTexts(Seen):
    """The logit lens of one prompt, plain and steered; an illustration, not evidence."""

    found: Readout

    def as_rows(self) -> Rows:
        """One row a block and arm."""
        return self.found.as_rows()

    def notes(self) -> tuple[str, ...]:
        """How far to trust it."""
        return ("The logit lens is an illustration, not evidence.",)


class DevAccuracy(Seen):
    """Share of dev items answered rightly, with Wilson's interval.

    Attributes:
        rule: what counts as right: the likeliest label, or that some accepted answer is the model's
            first choice at every token.
    """

    rule: str
    arms: dict[ArmName, Estimate]

    def as_rows(self) -> Rows:
        """One row an arm."""
        return [{"arm": arm, **found.model_dump()} for arm, found in self.arms.items()]

    def notes(self) -> tuple[str, ...]:
        """What counts as right."""
        return (f"Right: {self.rule}. 95 % Wilson intervals.",)
