"""One prompt read once up to its last token, so that each further question is one short pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cast_lens.diagnosis.readout import Said
from cast_lens.model.forward import KeyValues
from cast_lens.model.lens import Lens
from cast_lens.model.resume import can_resume, recorded, resumed
from cast_lens.model.tokens import pad_rows
from cast_lens.prompts.prompt import Prompt
from cast_lens.score.generation import MAX_NEW_TOKENS, Generations
from cast_lens.score.likelihood import Likelihoods, in_order, leaves_prompt_alone
from cast_lens.score.plan import Likelihood, Sheet, make_sheet
from cast_lens.steer.injection import Variant, check_at_home, injected_by_row


@dataclass(frozen=True)
class Reply:
    """What one variant makes of a prompt: its options' likelihoods, its likeliest next tokens."""

    likelihoods: tuple[Likelihood, ...]
    top: tuple[Said, ...]


@dataclass(frozen=True, eq=False)
class Held:
    """A prompt with what was read of it.

    Attributes:
        prompt: the prompt.
        options: the answers that can be scored.
        sheet: both in token ids.
        read: all of the prompt but its last token; None where that is nothing.
    """

    lens: Lens
    prompt: Prompt
    options: tuple[str, ...]
    sheet: Sheet
    read: KeyValues | None

    def likelihoods(self, variants: Sequence[Variant]) -> list[list[Likelihood]]:
        """Log-likelihoods, indexed [variant][option].

        Raises:
            VectorError: when a vector belongs to another model; so with the other questions.
        """
        self._check(variants)
        asked = Likelihoods(self.lens, [self.sheet], variants)
        asked.ask([0], self.read)
        return [rows[0] for rows in in_order(asked, [self.sheet])]

    def texts(self, variants: Sequence[Variant]) -> list[str]:
        """Greedy continuations, as `generate` writes them, one a variant."""
        self._check(variants)
        asked = Generations(self.lens, [self.sheet.context], variants, MAX_NEW_TOKENS)
        asked.ask([0], self.read)
        return [rows[0] for rows in asked.texts]

    def replies(self, variants: Sequence[Variant], top: int) -> list[Reply]:
        """Likelihoods and likeliest next tokens, in one pass where every option is one token."""
        self._check(variants)
        logits = self._next_logits(variants).float()
        found = logits.softmax(dim=-1).topk(top)
        tops = [
            tuple(
                Said(token=self.lens.tokenizer.decode([i]), value=p)
                for i, p in zip(ids, values, strict=True)
            )
            for ids, values in zip(found.indices.tolist(), found.values.tolist(), strict=True)
        ]
        if all(len(answer) == 1 for answer in self.sheet.answers):
            scored = self._of_one_token(logits)
        else:
            scored = self.likelihoods(variants)
        return [Reply(tuple(row), said) for row, said in zip(scored, tops, strict=True)]

    def _of_one_token(self, logits: Float[Tensor, "variant d_vocab"]) -> list[list[Likelihood]]:
        ids = [answer[0] for answer in self.sheet.answers]
        best = logits.argmax(dim=-1).tolist()
        logprobs = logits.double().log_softmax(dim=-1)[:, ids].tolist()
        return [
            [Likelihood(p, 1, id_ == first) for p, id_ in zip(row, ids, strict=True)]
            for row, first in zip(logprobs, best, strict=True)
        ]

    def _next_logits(self, variants: Sequence[Variant]) -> Float[Tensor, "variant d_vocab"]:
        if self.read is None or not all(map(leaves_prompt_alone, variants)):
            return self._pass(None, variants)
        if not can_resume(self.lens):
            return self._pass(self.read, variants)
        plain, outputs = self._plain
        if not any(variants):
            return plain.expand(len(variants), -1)
        first = min(one.vector.layer for variant in variants for one in variant)
        with resumed(self.lens, outputs, first, len(variants)):
            return self._pass(self.read, variants)

    @cached_property
    def _plain(self) -> tuple[Float[Tensor, "1 d_vocab"], list[Any]]:
        """What the plain model says next, and what its blocks put out at the last token."""
        with recorded(self.lens) as outputs:
            return self._pass(self.read, [()]), outputs

    def _pass(
        self, read: KeyValues | None, variants: Sequence[Variant]
    ) -> Float[Tensor, "variant d_vocab"]:
        """One pass over what is left of the prompt, a row a variant."""
        lens, rows = self.lens, len(variants)
        if read is None:
            own, left = KeyValues(lens, rows), self.sheet.context
        else:
            own, left = read.select(torch.zeros(rows, dtype=torch.long)), self.sheet.context[-1:]
        tokens = pad_rows([left] * rows, lens.pad_id, side="left")
        with injected_by_row(lens, variants, tokens, tokens.last):
            return own.read_for_next(tokens)

    def _check(self, variants: Sequence[Variant]) -> None:
        for variant in variants:
            check_at_home(self.lens, variant, self.prompt.template)


def hold(lens: Lens, prompt: Prompt, options: Sequence[str]) -> Held:
    """Read a prompt up to its last token.

    Raises:
        PromptError: see `make_sheet`.
    """
    sheet = make_sheet(lens, prompt, options, room=MAX_NEW_TOKENS)
    begun = sheet.context[:-1]
    read = None
    if begun:
        read = KeyValues(lens, 1)
        read.prefill(pad_rows([begun], lens.pad_id))
    return Held(lens, prompt, tuple(options), sheet, read)
