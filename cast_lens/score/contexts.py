"""Read prompts up to their last token once, for everything that is asked about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cast_lens.model.forward import KeyValues
from cast_lens.model.lens import Lens
from cast_lens.model.memory import run_batches
from cast_lens.model.stems import Stems
from cast_lens.model.tokens import Row
from cast_lens.progress import progress_bar


class Question(Protocol):
    """Something asked about contexts; answers are kept inside, by index."""

    def tokens_of(self, index: int) -> int:
        """How many tokens answering about one context costs, for the progress bar."""

    def ask(self, indices: Sequence[int], read: KeyValues | None) -> None:
        """Answer for some contexts.

        Args:
            indices: which.
            read: for each of them, everything before its last token; None where that is nothing.
        """


def read_contexts(
    lens: Lens, contexts: Sequence[Row], questions: Sequence[Question], description: str
) -> None:
    """Read every context but its last token, beginnings shared, and put the questions.

    Args:
        lens: the model.
        contexts: token ids of whole prompts.
        questions: see `Question`.
        description: what the progress bar says.
    """
    long = [i for i, row in enumerate(contexts) if len(row) > 1]
    short = [i for i, row in enumerate(contexts) if len(row) == 1]
    stems = Stems(lens, [contexts[i][:-1] for i in long]) if long else None
    cost = [len(row) + sum(q.tokens_of(i) for q in questions) for i, row in enumerate(contexts)]
    with progress_bar(sum(cost), description) as bar:

        def work(batch: list[int]) -> None:
            assert stems is not None
            read, rest = stems.begin(batch)
            read.prefill(rest)
            put([long[i] for i in batch], read)

        def put(indices: list[int], read: KeyValues | None) -> None:
            for question in questions:
                question.ask(indices, read)
            bar.update(sum(cost[i] for i in indices))

        if stems is not None:
            run_batches(stems.batches(), work)
        if short:
            put(short, None)
