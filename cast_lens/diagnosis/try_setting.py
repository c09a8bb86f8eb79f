"""What one setting is, and what every record of it can do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from cast_lens.experiment.config import Selector, Strength
from cast_lens.records import Record
from cast_lens.steer.injection import Policy

ArmName = Literal["zero-shot", "few-shot", "steered", "random direction"]
Kind = Literal["labels", "free"]
Measure = Literal["probability", "accuracy"]
OWN = "own prompt"


class Setting(BaseModel):
    """Everything that decides what is seen.

    Attributes:
        source: task the vector is read from.
        target: task whose item is asked.
        layer: block that is read and written, 0-based.
        strength: multiplies the vector.
        policy: at which tokens it is written; see `Injection`.
        examples: source examples that the vector is a mean over.
        selector: how they are chosen.
        shots: demonstrations in every few-shot prompt.
        item: id of the target's item; its first test item when None.
        prompt: the user's own prompt, read word for word in place of an item's.
        answer: what is followed for an own prompt; see `Answers.why` when None.
        seed: of every draw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    target: str
    layer: Annotated[int, Field(ge=0)]
    strength: Strength = 1.0
    policy: Policy = "prompt_last"
    examples: Annotated[int, Field(ge=2)] = 32
    selector: Selector = "cast"
    shots: Annotated[int, Field(ge=1, le=64)] = 4
    item: str | None = None
    prompt: Annotated[str, Field(pattern=r"\S")] | None = None
    answer: Annotated[str, Field(pattern=r"\S")] | None = None
    seed: Annotated[int, Field(ge=0)] = 0


class Seen(Record):
    """A record that can be laid out as a table."""

    def notes(self) -> tuple[str, ...]:
        """What a reader must know beside the rows, in sentences."""
        return ()
