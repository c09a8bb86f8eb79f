"""Greedy generation under variants, and reading an answer out of it."""

from __future__ import annotations

import string
from collections.abc import Sequence

import torch
from torch import Tensor

from cast_lens.model.forward import KeyValues
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Row, Tokens, fit_prompt, length_sorted_batches, pad_rows
from cast_lens.progress import progress_bar
from cast_lens.prompts.prompt import Prompt
from cast_lens.steer.identity import template_of
from cast_lens.steer.injection import Injection, Variant, as_variant, check_at_home, injected, places

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
            for chosen, variant in zip(texts, variants, strict=True):
                batch = [rows[i] for i in indices]
                for i, text in zip(indices, _decode(lens, batch, variant, max_new_tokens), strict=True):
                    chosen[i] = text
                bar.update(len(indices))
    return texts


def _decode(lens: Lens, rows: list[Row], variant: Variant, max_new_tokens: int) -> list[str]:
    prompts = pad_rows(rows, lens.pad_id, side="left")
    read = KeyValues(lens, len(rows))
    with injected(lens, variant, lambda policy, _: places(policy, prompts, prompts.last)):
        logits = read.read_for_next(prompts)
    # prompt_last has nothing to write after the prompt
    later = tuple(i for i in variant if i.policy != "prompt_last")
    written: list[list[int]] = [[] for _ in rows]
    done = [False] * len(rows)
    for count in range(1, max_new_tokens + 1):
        ids = logits.argmax(dim=-1)
        _append(lens, ids, written, done)
        if all(done) or count == max_new_tokens:
            break
        step = Tokens(ids[:, None], torch.ones_like(ids[:, None], dtype=torch.bool))
        with injected(lens, later, lambda _policy, _states, at=step: at.mask):
            logits = read.read_for_next(step)
    return [_first_line(lens.tokenizer.decode(ids)) for ids in written]


def _append(lens: Lens, ids: Tensor, written: list[list[int]], done: list[bool]) -> None:
    for row, token in enumerate(ids.tolist()):
        if done[row]:
            continue
        if token in lens.eos_ids:
            done[row] = True
            continue
        written[row].append(token)
        done[row] = "\n" in lens.tokenizer.decode(written[row])


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
