"""Score answers the cheap way: a prompt is read once, its last token once a variant.

`prompt_last` and `each_step` change nothing before the prompt's last token, so the keys and values
of everything before it serve all variants. Each variant and answer then costs its own few tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from cast_lens.model.forward import KeyValues
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Row, length_sorted_batches, pad_rows
from cast_lens.score.plain import Found
from cast_lens.score.plan import Sheet, StepScores
from cast_lens.steer.injection import Variant, injected_by_row

PREFILL_TOKENS = 4096
CACHED_TOKENS = 16_384  # copied keys and values: 0.75 GB for 30 blocks of 2 x 192 columns
ROWS = 512  # rows of logits at once


@dataclass(frozen=True)
class _Branch:
    """One variant of one prompt's last token, and an answer's tokens after it."""

    sheet: int
    variant: int
    leaf: Row


def can_share(variant: Variant, sheets: Sequence[Sheet]) -> bool:
    """Whether everything before each prompt's last token exists and is left as it is."""
    untouched = all(injection.policy != "all" for injection in variant)
    return untouched and all(len(sheet.context) > 1 for sheet in sheets)


def score_shared(
    lens: Lens,
    sheets: Sequence[Sheet],
    variants: Sequence[Variant],
    advance: Callable[[int], object],
) -> list[Found]:
    """Likelihood of every answer, by variant, sheet and answer.

    Arguments are those of `score_plain`, for several variants; each must pass `can_share`.
    """
    found: list[Found] = [[{} for _ in sheets] for _ in variants]
    for indices in length_sorted_batches([len(s.context) for s in sheets], PREFILL_TOKENS):
        row_of = {sheet: row for row, sheet in enumerate(indices)}
        prefixes = [sheets[i].context[:-1] for i in indices]
        read = KeyValues(lens, len(indices))
        read.prefill(pad_rows(prefixes, lens.pad_id, side="left"))
        advance(sum(map(len, prefixes)))
        branches = [
            _Branch(i, v, leaf)
            for v in range(len(variants))
            for i in indices
            for leaf in sheets[i].leaves
        ]
        size = max(1, min(ROWS, CACHED_TOKENS // max(map(len, prefixes))))
        for start in range(0, len(branches), size):
            chunk = branches[start : start + size]
            copied = read.select(torch.tensor([row_of[branch.sheet] for branch in chunk]))
            scores = _score(lens, sheets, [variants[b.variant] for b in chunk], chunk, copied)
            for row, branch in enumerate(chunk):
                answers = scores.of(row, sheets[branch.sheet], branch.leaf)
                found[branch.variant][branch.sheet] |= answers
            advance(sum(1 + len(branch.leaf) for branch in chunk))
    return found


def _score(
    lens: Lens,
    sheets: Sequence[Sheet],
    variants: Sequence[Variant],
    chunk: Sequence[_Branch],
    prefix: KeyValues,
) -> StepScores:
    rows = [sheets[branch.sheet].context[-1:] + branch.leaf for branch in chunk]
    tokens = pad_rows(rows, lens.pad_id)
    with injected_by_row(lens, variants, tokens, torch.zeros(len(rows), dtype=torch.long)):
        return StepScores(prefix.read(tokens))
