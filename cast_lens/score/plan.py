"""What is to be scored, as token ids: contexts and the answers that may follow them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from torch import Tensor

from cast_lens.errors import PromptError
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Row, continuation, encode, fit_prompt, leading_specials, rendered
from cast_lens.prompts.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely one answer is.

    Attributes:
        logprob: natural logarithm, summed over all its tokens.
        tokens: how many they are.
        greedy: whether every one of them is the model's first choice.
    """

    logprob: float
    tokens: int
    greedy: bool


@dataclass(frozen=True)
class Sheet:
    """One prompt and its answers in token ids.

    Attributes:
        context: the prompt; its last token is where `prompt_last` writes.
        answers: the ids of each answer.
        dropped: demonstrations that had to be left out to fit the context window.
    """

    context: Row
    answers: tuple[Row, ...]
    dropped: int = 0

    @property
    def leaves(self) -> tuple[Row, ...]:
        """The answer prefixes to read after the context so that every answer token is predicted.

        An answer's own last token is never read, and a prefix of another prefix is not repeated.
        """
        return _leaves_of(self.answers)

    @property
    def tree(self) -> Tree:
        """All answers as one tree; a beginning that several share stands once."""
        return _tree_of(self.answers)


@dataclass(frozen=True)
class Tree:
    """The tokens to read after a context so that every answer token is predicted.

    Attributes:
        ids, parents: of node 1, 2, ...; node 0 is the context's last token.
        steps: for each answer, for each of its tokens: the node that predicts it, and the token.
    """

    ids: Row
    parents: tuple[int, ...]
    steps: tuple[tuple[tuple[int, int], ...], ...]


@lru_cache(maxsize=4096)  # a task's sheets have the same answers
def _leaves_of(answers: tuple[Row, ...]) -> tuple[Row, ...]:
    kept: list[Row] = []
    for prefix in sorted({answer[:-1] for answer in answers}, reverse=True):
        if not kept or kept[-1][: len(prefix)] != prefix:
            kept.append(prefix)
    return tuple(kept)


@lru_cache(maxsize=4096)
def _tree_of(answers: tuple[Row, ...]) -> Tree:
    node_of: dict[Row, int] = {(): 0}
    parents: list[int] = []
    for answer in answers:
        for end in range(1, len(answer)):
            if answer[:end] not in node_of:
                node_of[answer[:end]] = len(node_of)
                parents.append(node_of[answer[: end - 1]])
    ids = tuple(beginning[-1] for beginning in node_of if beginning)
    steps = tuple(
        tuple((node_of[answer[:end]], answer[end]) for end in range(len(answer)))
        for answer in answers
    )
    return Tree(ids, tuple(parents), steps)


def make_sheet(lens: Lens, prompt: Prompt, answers: Sequence[str], room: int = 0) -> Sheet:
    """Tokenise a prompt jointly with each of its answers.

    Demonstrations are dropped from the front until the longest answer, or `room` tokens, fit too.

    Raises:
        PromptError: when there is no answer, one has no token, one merges with the end of the
            prompt so that the prompt's last token changes, or the query does not fit.
    """
    if not answers:
        raise PromptError(f"{prompt.query_id}: no answer to score.")
    spoken = [continuation(prompt, answer) for answer in answers]
    bos = len(leading_specials(lens.tokenizer))
    room = max(room, *(len(encode(lens.tokenizer, text)) - bos for text in spoken))
    fitted, context = fit_prompt(lens, prompt, room)
    text = rendered(lens.tokenizer, fitted)
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
    dropped = len(prompt.demonstrations) - len(fitted.demonstrations)
    return Sheet(context, tuple(rows), dropped)


class StepScores:
    """Logits of a batch of answers, read off in float32.

    Attributes:
        logits: (row, token, d_vocab), each row from its context's last token on.
    """

    def __init__(self, logits: Tensor) -> None:
        self._logits = logits.float()
        self._norms = self._logits.logsumexp(dim=-1)
        self._best = self._logits.argmax(dim=-1).tolist()

    def of(self, row: int, sheet: Sheet, leaf: Row) -> dict[Row, Likelihood]:
        """Likelihood of the answers that `leaf`, read in this row, serves."""
        served = {a for a in sheet.answers if a[:-1] == leaf[: len(a) - 1]}
        return {answer: self._likelihood(row, answer) for answer in served}

    def _likelihood(self, row: int, answer: Row) -> Likelihood:
        steps = list(range(len(answer)))
        chosen = self._logits[row, steps, list(answer)] - self._norms[row, steps]
        greedy = self._best[row][: len(answer)] == list(answer)
        return Likelihood(float(chosen.double().sum()), len(answer), greedy)
