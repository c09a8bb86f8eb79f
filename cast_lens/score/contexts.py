"""Read prompts up to their last token once, for everything that is asked about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from cast_lens.model.branches import before_unembedding
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


def read_ends(
    lens: Lens,
    contexts: Sequence[Row],
    take: Callable[[Sequence[int], Float[Tensor, "context d_model"]], None],
    description: str,
) -> None:
    """Read whole contexts and hand on the states that predict what comes next.

    Args:
        lens: a bridge that `can_branch`.
        contexts: token ids of whole prompts.
        take: is given indices of contexts and their last tokens' states before unembedding.
        description: what the progress bar says.
    """
    stems = Stems(lens, contexts)
    with progress_bar(sum(map(len, contexts)), description) as bar:

        def work(batch: list[int]) -> None:
            read, rest = stems.begin(batch)
            ends: list[Tensor] = []

            def keep(states: Tensor) -> Tensor:
                ends.append(states[:, -1])
                return states[:, -1:]

            with before_unembedding(lens, keep):
                read.prefill(rest)
            take(batch, ends[0])
            bar.update(sum(len(contexts[i]) for i in batch))

        run_batches(stems.batches(), work)
