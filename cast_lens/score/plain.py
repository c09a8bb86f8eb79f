"""Score answers the plain way: every variant reads every sequence whole.

Serves the injections that write before the prompt's last token, and the tests as an oracle.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from cast_lens.model.forward import forward
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Row, length_sorted_batches, pad_rows
from cast_lens.score.plan import Likelihood, Sheet, StepScores
from cast_lens.steer.injection import Variant, injected_by_row

Found = list[dict[Row, Likelihood]]
LOGITS = 8  # tokens with full logits for one row of them in the budget, then held once more


def score_plain(lens: Lens, sheets: Sequence[Sheet], variant: Variant) -> Found:
    """Likelihood of every answer on every sheet, by sheet and answer.

    Args:
        lens: the model.
        sheets: contexts and the ids that may follow them.
        variant: written into every sequence.
    """
    branches = [(i, leaf) for i, sheet in enumerate(sheets) for leaf in sheet.leaves]
    rows = [sheets[i].context + leaf for i, leaf in branches]
    found: Found = [{} for _ in sheets]
    budget = min(lens.budget.new_tokens, LOGITS * lens.budget.logit_rows)
    for indices in length_sorted_batches([len(row) for row in rows], budget):
        tokens = pad_rows([rows[i] for i in indices], lens.pad_id)
        last = torch.tensor([len(sheets[branches[i][0]].context) - 1 for i in indices])
        with injected_by_row(lens, [variant] * len(indices), tokens, last):
            logits = forward(lens, tokens)
        for row, i in enumerate(indices):
            sheet, leaf = branches[i]
            scores = StepScores(logits[row : row + 1, int(last[row]) :])
            found[sheet] |= scores.of(0, sheets[sheet], leaf)
    return found
