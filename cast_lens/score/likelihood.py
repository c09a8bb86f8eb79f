"""Log-likelihood of continuations under several variants of the model.

This is the plain way: one forward pass a variant. Context and continuation are tokenised jointly,
all tokens of a continuation count, and sequences that several continuations share run once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cast_lens.errors import PromptError
from cast_lens.model.forward import forward
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import (
    Row,
    Tokens,
    continuation,
    encode,
    fit_prompt,
    length_sorted_batches,
    pad_rows,
    rendered,
)
from cast_lens.progress import progress_bar
from cast_lens.prompts.prompt import Prompt
from cast_lens.steer.identity import template_of
from cast_lens.steer.injection import Variant, check_at_home, injected, places

TOKEN_BUDGET = 2048  # padded tokens a batch: full logits of 49,152 words then take 400 MB


@dataclass(frozen=True)
class Likelihood:
    """How likely one continuation is.

    Attributes:
        logprob: summed natural logarithm over all its tokens.
        tokens: how many they are.
        greedy: whether every one of them is the model's first choice.
    """

    logprob: float
    tokens: int
    greedy: bool


@dataclass(frozen=True)
class _Wanted:
    """One continuation: the sequence it is read from, and its own ids."""

    sequence: Row
    context: int
    answer: Row


def answer_rows(
    lens: Lens, prompt: Prompt, answers: Sequence[str]
) -> tuple[Prompt, Row, tuple[Row, ...]]:
    """Token ids of a prompt and of each answer after it, tokenised jointly.

    Returns:
        The prompt that fits the context together with its longest answer, its ids, and the ids
        of each answer.

    Raises:
        PromptError: when an answer has no token, or merges with the end of the prompt so that
            the prompt's last token changes.
    """
    spoken = [continuation(prompt, answer) for answer in answers]
    room = max(len(encode(lens.tokenizer, text)) for text in spoken)
    prompt, context = fit_prompt(lens, prompt, room)
    text = rendered(lens.tokenizer, prompt)
    rows = []
    for answer, words in zip(answers, spoken, strict=True):
        joint = encode(lens.tokenizer, text + words)
        if joint[: len(context)] != context:
            raise PromptError(
                f"{prompt.query_id}: the answer {answer!r} merges with the last token of the "
                "prompt, so the place to steer is not the same for every answer.",
                "End the prompt on a token boundary, for example with a colon.",
            )
        if len(joint) == len(context):
            raise PromptError(f"{prompt.query_id}: the answer {answer!r} has no token.")
        rows.append(joint[len(context) :])
    return prompt, context, tuple(rows)


def _leaves(sequences: set[Row]) -> dict[Row, Row]:
    """For each sequence the longest one it is a prefix of: reading that one serves both."""
    leaf: dict[Row, Row] = {}
    previous: Row = ()
    for sequence in sorted(sequences, reverse=True):
        if previous[: len(sequence)] != sequence:
            previous = sequence
        leaf[sequence] = previous
    return leaf


def _plan(
    lens: Lens, prompts: Sequence[Prompt], answers: Sequence[Sequence[str]]
) -> list[list[_Wanted]]:
    plan = []
    for prompt, choices in zip(prompts, answers, strict=True):
        if not choices:
            raise PromptError(f"{prompt.query_id}: no answer to score.")
        _, context, rows = answer_rows(lens, prompt, choices)
        leaf = _leaves({context + row[:-1] for row in rows})
        plan.append([_Wanted(leaf[context + row[:-1]], len(context), row) for row in rows])
    return plan


def score_continuations(
    lens: Lens,
    prompts: Sequence[Prompt],
    answers: Sequence[Sequence[str]],
    variants: Sequence[Variant] = ((),),
    *,
    description: str = "scoring",
) -> list[list[list[Likelihood]]]:
    """Log-likelihood of every answer of every prompt under every variant.

    Args:
        lens: the model.
        prompts: all of one template.
        answers: for each prompt the answers to score after it.
        variants: each a tuple of injections, empty for the plain model.
        description: what the progress bar says.

    Returns:
        Indexed [variant][prompt][answer].

    Raises:
        PromptError: see `answer_rows` and `fit_prompt`.
        VectorError: when a vector belongs to another model.
    """
    template = template_of(prompts)
    for variant in variants:
        check_at_home(lens, variant, template)
    plan = _plan(lens, prompts, answers)
    wanted = sorted({want for wants in plan for want in wants}, key=_by_sequence)
    groups: dict[tuple[Row, int], list[_Wanted]] = {}
    for want in wanted:
        groups.setdefault((want.sequence, want.context), []).append(want)
    total = len(variants) * sum(len(sequence) for sequence, _ in groups)
    with progress_bar(total, description) as bar:
        scores: list[dict[_Wanted, Likelihood]] = []
        for variant in variants:
            found: dict[_Wanted, Likelihood] = {}
            for batch, size in _score_groups(lens, groups, variant):
                found |= batch
                bar.update(size)
            scores.append(found)
    return [[[found[want] for want in wants] for wants in plan] for found in scores]


def _by_sequence(want: _Wanted) -> tuple[Row, int, Row]:
    return want.sequence, want.context, want.answer


def _score_groups(
    lens: Lens, groups: dict[tuple[Row, int], list[_Wanted]], variant: Variant
) -> Iterator[tuple[dict[_Wanted, Likelihood], int]]:
    keys = list(groups)
    for indices in length_sorted_batches([len(key[0]) for key in keys], TOKEN_BUDGET):
        tokens = pad_rows([keys[i][0] for i in indices], lens.pad_id)
        logits = _steered_logits(lens, tokens, [keys[i][1] for i in indices], variant)
        found = {
            want: _likelihood(logits[row], want)
            for row, i in enumerate(indices)
            for want in groups[keys[i]]
        }
        yield found, int(tokens.lengths.sum())


def _steered_logits(
    lens: Lens, tokens: Tokens, contexts: Sequence[int], variant: Variant
) -> Tensor:
    prompt_last = torch.tensor(contexts) - 1
    with injected(lens, variant, lambda policy, _: places(policy, tokens, prompt_last)):
        return forward(lens, tokens)


def _likelihood(logits: Tensor, want: _Wanted) -> Likelihood:
    """Read one answer off the logits of its sequence, in float32."""
    steps = slice(want.context - 1, want.context - 1 + len(want.answer))
    logprobs = logits[steps].float().log_softmax(dim=-1).cpu()
    ids = torch.tensor(want.answer)
    chosen = logprobs[torch.arange(len(ids)), ids].double().numpy()
    greedy = bool((logprobs.argmax(dim=-1) == ids).all())
    return Likelihood(float(np.sum(chosen)), len(ids), greedy)
