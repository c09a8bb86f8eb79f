"""The patient: a lens that may carry a planted fault, and untouched things to compare with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from cast_lens.doctor.plain import Pass, read
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Row, fit_prompt
from cast_lens.prompts.prompt import Prompt
from cast_lens.steer.identity import identity_of
from cast_lens.steer.vectors import SteeringVector

TEXTS = (
    "Q: one\nA:",
    "Definition: name the city.\nred dog:",
    "Definition: name the city.\nthe man says yes and the woman says no:",
    "a good cat or a bad sun? Answer:",
)
ANSWERS = ("yes", "good dog")
TOLERANCE = 1e-4  # of the largest expected value, float32
HALF_TOLERANCE = 0.1
NATS, HALF_NATS = 2e-3, 0.5  # of an answer's log-likelihood
DOSE = 0.5  # length of a written vector, as a share of a state's
STRENGTH = 1.5


@dataclass(frozen=True, eq=False)
class Subject:
    """What is examined.

    Attributes:
        lens: the path under examination; a planted fault sits in its model or tokenizer.
        sound: the same lens without the fault.
        plain: an untouched Hugging Face model of the same weights.
    """

    lens: Lens
    sound: Lens
    plain: Any

    @property
    def half(self) -> bool:
        """Whether weights are kept in 16 bits."""
        return self.lens.dtype != torch.float32

    @property
    def tolerance(self) -> float:
        """How far states and logits may be off, as a share of the largest expected value."""
        return HALF_TOLERANCE if self.half else TOLERANCE

    @property
    def nats(self) -> float:
        """How far log-likelihoods may be off."""
        return HALF_NATS if self.half else NATS

    @property
    def middle(self) -> int:
        """The block that is written to."""
        return self.lens.n_layers // 2

    @cached_property
    def prompts(self) -> list[Prompt]:
        """Prompts of different lengths, two with one beginning."""
        return [
            Prompt(
                query_id=f"doctor-{i}",
                head="",
                demonstrations=(),
                demonstration_ids=(),
                query=text,
                content_free_query="N/A",
            )
            for i, text in enumerate(TEXTS)
        ]

    @cached_property
    def rows(self) -> list[Row]:
        """Token ids of the prompts, by the path under examination."""
        return [fit_prompt(self.lens, prompt)[1] for prompt in self.prompts]

    @cached_property
    def passes(self) -> list[Pass]:
        """The same ids read by plain Hugging Face."""
        return [read(self.plain, row) for row in self.rows]

    @cached_property
    def vector(self) -> SteeringVector:
        """A random direction for the middle block, half as long as a state there."""
        noise = torch.randn(self.lens.d_model, generator=torch.Generator().manual_seed(0))
        ends = torch.stack([one.states[self.middle, -1].float().cpu() for one in self.passes])
        length = DOSE * ends.norm(dim=1).median()
        direction = length / STRENGTH * noise / noise.norm()
        identity = identity_of(self.lens, "plain")
        return SteeringVector(direction, self.middle, identity, {"method": "doctor"})
