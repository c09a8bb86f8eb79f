"""Score answers with one row a variant and answer: for models that take no mask of ours.

Each row gets a copy of the prompt's keys and values, the prompt's last token and an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from cast_lens.model.forward import KeyValues
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Row, pad_rows
from cast_lens.score.plan import Likelihood, Sheet, StepScores
from cast_lens.steer.injection import Variant, injected_by_row


@dataclass(frozen=True)
class _Branch:
    """One variant of one prompt's last token, and an answer's tokens after it."""

    row: int
    variant: int
    leaf: Row


def score_by_row(
    lens: Lens, read: KeyValues, sheets: Sequence[Sheet], variants: Sequence[Variant]
) -> Iterator[tuple[int, int, dict[Row, Likelihood]]]:
    """Likelihood of answers, as (sheet, variant, by answer), in pieces.

    Args:
        lens: the model.
        read: for each sheet, its context without the last token.
        sheets: contexts and the ids that may follow them.
        variants: none of which writes before the context's last token.
    """
    branches = [
        _Branch(row, v, leaf)
        for v in range(len(variants))
        for row, sheet in enumerate(sheets)
        for leaf in sheet.leaves
    ]
    budget = lens.budget
    longest = max(len(sheet.context) for sheet in sheets)
    size = max(1, min(2 * budget.logit_rows, budget.cached_tokens // longest))
    for start in range(0, len(branches), size):
        chunk = branches[start : start + size]
        tokens = pad_rows([sheets[b.row].context[-1:] + b.leaf for b in chunk], lens.pad_id)
        copied = read.select(torch.tensor([b.row for b in chunk]))
        first = torch.zeros(len(chunk), dtype=torch.long)
        with injected_by_row(lens, [variants[b.variant] for b in chunk], tokens, first):
            scores = StepScores(copied.read(tokens))
        for row, b in enumerate(chunk):
            yield b.row, b.variant, scores.of(row, sheets[b.row], b.leaf)
