"""Greedy generation under variants, and reading an answer out of it."""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from cast_lens.model.forward import KeyValues
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Tokens, fit_prompt, length_sorted_batches, pad_rows
from cast_lens.progress import progress_bar
from cast_lens.prompts.prompt import Prompt
from cast_lens.steer.identity import template_of
from cast_lens.steer.injection import (
    Injection,
    Variant,
    as_variant,
    check_at_home,
    injected,
    places,
)

MAX_NEW_TOKENS = 15
TOKEN_BUDGET = 2048
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
    texts = [[""] * len(rows) for _ in variants]
    with progress_bar(len(rows) * len(variants), description, unit="prompt") as bar:
        for indices in length_sorted_batches([len(row) for row in rows], TOKEN_BUDGET):
            batch = pad_rows([rows[i] for i in indices], lens.pad_id, side="left")
            reading = _Reading(lens, batch)
            for chosen, variant in zip(texts, variants, strict=True):
                for i, text in zip(indices, _decode(reading, variant, max_new_tokens), strict=True):
                    chosen[i] = text
                bar.update(len(indices))
    return texts


class _Reading:
    """A left-padded batch of prompts, read up to the last token once for all variants."""

    def __init__(self, lens: Lens, prompts: Tokens) -> None:
        self.lens = lens
        self.prompts = prompts
        self._rows = torch.arange(len(prompts.ids))

    @cached_property
    def _prefix(self) -> KeyValues:
        read = KeyValues(self.lens, len(self._rows))
        read.prefill(Tokens(self.prompts.ids[:, :-1], self.prompts.mask[:, :-1]))
        return read

    def start(self, variant: Variant) -> tuple[KeyValues, Tensor]:
        """What a variant has read, and its logits for the first generated token."""
        whole = self.prompts
        if any(injection.policy == "all" for injection in variant) or not self._shareable:
            read = KeyValues(self.lens, len(self._rows))
            with injected(self.lens, variant, lambda policy, _: places(policy, whole, whole.last)):
                return read, read.read_for_next(whole)
        read = self._prefix.select(self._rows)
        step = Tokens(whole.ids[:, -1:], whole.mask[:, -1:])
        return read, _step(self.lens, read, variant, step)

    @property
    def _shareable(self) -> bool:
        return int(self.prompts.lengths.min()) > 1


def _decode(reading: _Reading, variant: Variant, max_new_tokens: int) -> list[str]:
    lens = reading.lens
    read, logits = reading.start(variant)
    # prompt_last has nothing to write after the prompt
    later = tuple(i for i in variant if i.policy != "prompt_last")
    written: list[list[int]] = [[] for _ in logits]
    rows = list(range(len(written)))
    for count in range(1, max_new_tokens + 1):
        ids = logits.argmax(dim=-1)
        going = [at for at, row in enumerate(rows) if _append(lens, written[row], int(ids[at]))]
        if not going or count == max_new_tokens:
            break
        if len(going) < len(rows):
            kept = torch.tensor(going)
            read, ids = read.select(kept), ids[kept.to(ids.device)]
            rows = [rows[at] for at in going]
        step = Tokens(ids[:, None], torch.ones_like(ids[:, None], dtype=torch.bool))
        logits = _step(lens, read, later, step)
    return [_first_line(lens.tokenizer.decode(ids)) for ids in written]


def _step(lens: Lens, read: KeyValues, variant: Variant, step: Tokens) -> Tensor:
    with injected(lens, variant, lambda _policy, _states: step.mask):
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
