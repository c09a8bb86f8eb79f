"""Score answers the plain way: every variant reads every sequence whole.

Serves the injections that write before the prompt's last token, and the tests as an oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from cast_lens.model.forward import forward
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Row, Tokens, length_sorted_batches, pad_rows
from cast_lens.score.plan import Likelihood, Sheet, StepScores
from cast_lens.steer.injection import Variant, injected, places

TOKEN_BUDGET = 2048  # padded tokens a batch: full logits over 49,152 words then take 400 MB
Found = list[dict[Row, Likelihood]]


def score_plain(
    lens: Lens, sheets: Sequence[Sheet], variant: Variant, advance: Callable[[int], object]
) -> Found:
    """Likelihood of every answer on every sheet, by sheet and answer.

    Args:
        lens: the model.
        sheets: contexts and the ids that may follow them.
        variant: written into every sequence.
        advance: told how many tokens were read.
    """
    branches = [(i, leaf) for i, sheet in enumerate(sheets) for leaf in sheet.leaves]
    rows = [sheets[i].context + leaf for i, leaf in branches]
    found: Found = [{} for _ in sheets]
    for indices in length_sorted_batches([len(row) for row in rows], TOKEN_BUDGET):
        tokens = pad_rows([rows[i] for i in indices], lens.pad_id)
        last = [len(sheets[branches[i][0]].context) - 1 for i in indices]
        logits = _steered(lens, tokens, torch.tensor(last), variant)
        for row, i in enumerate(indices):
            sheet, leaf = branches[i]
            scores = StepScores(logits[row : row + 1, last[row] :])
            found[sheet] |= scores.of(0, sheets[sheet], leaf)
        advance(int(tokens.lengths.sum()))
    return found


def _steered(
    lens: Lens, tokens: Tokens, prompt_last: torch.Tensor, variant: Variant
) -> torch.Tensor:
    with injected(lens, variant, lambda policy, _: places(policy, tokens, prompt_last)):
        logits: torch.Tensor = forward(lens, tokens)
    return logits
