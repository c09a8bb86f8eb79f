"""Greedy generation under variants, and reading an answer out of it."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cast_lens.model.forward import KeyValues
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Row, Tokens, fit_prompt, pad_rows
from cast_lens.prompts.prompt import Prompt
from cast_lens.score.contexts import read_contexts
from cast_lens.score.likelihood import leaves_prompt_alone
from cast_lens.steer.identity import template_of
from cast_lens.steer.injection import (
    Injection,
    Variant,
    as_variant,
    check_at_home,
    injected_by_row,
)

MAX_NEW_TOKENS = 15
PUNCTUATION = string.punctuation + "。，、！？：；“”‘’«»…"


def generate(
    lens: Lens,
    prompts: Sequence[Prompt],
    injections: Sequence[Injection | Sequence[Injection] | None] = (None,),
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
    description: str = "generating",
) -> list[list[str]]:
    """Greedy continuations up to the first line break, an end token or `max_new_tokens`.

    Args:
        lens: the model.
        prompts: all of one template.
        injections: the variants: each None, one injection, or several written at once.
        max_new_tokens: upper bound on generated tokens.
        description: what the progress bar says.

    Returns:
        Generated text, indexed [variant][prompt].

    Raises:
        PromptError: when a query does not fit the context.
        VectorError: when a vector belongs to another model.
    """
    template = template_of(prompts)
    variants = [as_variant(given) for given in injections]
    for variant in variants:
        check_at_home(lens, variant, template)
    rows = [fit_prompt(lens, prompt, max_new_tokens)[1] for prompt in prompts]
    asked = Generations(lens, rows, variants, max_new_tokens)
    read_contexts(lens, rows, [asked], description)
    return asked.texts


class Generations:
    """The question what the model writes, put to `read_contexts`.

    Attributes:
        texts: indexed [variant][context].
    """

    def __init__(
        self, lens: Lens, contexts: Sequence[Row], variants: Sequence[Variant], max_new_tokens: int
    ) -> None:
        self.lens = lens
        self.contexts = contexts
        self.variants = variants
        self.max_new_tokens = max_new_tokens
        self.texts = [[""] * len(contexts) for _ in variants]

    def tokens_of(self, index: int) -> int:
        """Tokens written at most for one context."""
        return len(self.variants) * self.max_new_tokens if index < len(self.contexts) else 0

    def ask(self, indices: Sequence[int], read: KeyValues | None) -> None:
        """Continue some contexts under every variant; those beyond `contexts` are left out."""
        rows = [row for row, i in enumerate(indices) if i < len(self.contexts)]
        shared = [v for v, variant in enumerate(self.variants) if leaves_prompt_alone(variant)]
        if read is not None:
            self._in_chunks([_Start(r, indices[r], v) for v in shared for r in rows], read)
        for v in range(len(self.variants)):
            if read is None or v not in shared:
                self._in_chunks([_Start(None, indices[r], v) for r in rows], None)

    def _in_chunks(self, starts: Sequence[_Start], read: KeyValues | None) -> None:
        if not starts:
            return
        budget = self.lens.budget
        longest = max(len(self.contexts[start.context]) for start in starts) + self.max_new_tokens
        size = max(1, min(budget.logit_rows, budget.cached_tokens // longest))
        for at in range(0, len(starts), size):
            chunk = starts[at : at + size]
            for start, text in zip(chunk, self._decode(chunk, read), strict=True):
                self.texts[start.variant][start.context] = text

    def _decode(self, starts: Sequence[_Start], read: KeyValues | None) -> list[str]:
        lens = self.lens
        variants = [self.variants[start.variant] for start in starts]
        read, logits = self._first(starts, variants, read)
        # prompt_last has nothing to write after the prompt
        later = [tuple(i for i in variant if i.policy != "prompt_last") for variant in variants]
        written: list[list[int]] = [[] for _ in starts]
        rows = list(range(len(starts)))
        for count in range(1, self.max_new_tokens + 1):
            ids = logits.argmax(dim=-1)
            listed = ids.tolist()
            going = [at for at, row in enumerate(rows) if _append(lens, written[row], listed[at])]
            if not going or count == self.max_new_tokens:
                break
            if len(going) < len(rows):
                kept = torch.tensor(going)
                read, ids = read.select(kept), ids[kept.to(ids.device)]
                rows = [rows[at] for at in going]
            step = Tokens(ids[:, None].cpu(), torch.ones(len(rows), 1, dtype=torch.bool))
            logits = _step(lens, read, [later[row] for row in rows], step)
        return [_first_line(lens.tokenizer.decode(ids)) for ids in written]

    def _first(
        self, starts: Sequence[_Start], variants: Sequence[Variant], read: KeyValues | None
    ) -> tuple[KeyValues, Tensor]:
        """What each row has read when its prompt ends, and its logits for the first token."""
        lens = self.lens
        contexts = [self.contexts[start.context] for start in starts]
        if read is None:
            whole = pad_rows(contexts, lens.pad_id, side="left")
            own = KeyValues(lens, len(starts))
            with injected_by_row(lens, variants, whole, whole.last):
                return own, own.read_for_next(whole)
        chosen = [start.row for start in starts if start.row is not None]
        own = read.select(torch.tensor(chosen))
        step = pad_rows([row[-1:] for row in contexts], lens.pad_id)
        return own, _step(lens, own, variants, step)


@dataclass(frozen=True)
class _Start:
    """One text to write: from which row of what was read, for which context, which variant."""

    row: int | None
    context: int
    variant: int


def _step(lens: Lens, read: KeyValues, variants: Sequence[Variant], step: Tokens) -> Tensor:
    with injected_by_row(lens, variants, step, step.last):
        return read.read_for_next(step)


def _append(lens: Lens, written: list[int], token: int) -> bool:
    """Take one generated token; False when the answer has ended."""
    if token in lens.eos_ids:
        return False
    written.append(token)
    return "\n" not in lens.tokenizer.decode(written)


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0]


def parse_answer(text: str, *, case_sensitive: bool = False) -> str:
    """The answer in a generated text: its first line without ``Label:``, spaces and punctuation.

    Source: the cross-task benchmark's own rule (C-anwoy/Cross-Task-ICL), which lower-cases too;
    `case_sensitive` keeps the case for tasks that are about it.
    """
    line = _first_line(text).strip().removeprefix("Label:").strip()
    line = line.strip(PUNCTUATION + string.whitespace)
    return line if case_sensitive else line.lower()
