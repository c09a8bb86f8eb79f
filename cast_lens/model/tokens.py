"""From prompts to token ids: one BOS, nothing truncated, the mask always carried."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Protocol

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from cast_lens.errors import ModelError, PromptError
from cast_lens.prompts.prompt import Prompt
from cast_lens.shapes import shaped

log = logging.getLogger("cast_lens")
PaddingSide = Literal["left", "right"]
Row = tuple[int, ...]


class Tokenising(Protocol):
    """What tokenising needs of a lens."""

    @property
    def tokenizer(self) -> Any:
        """The Hugging Face tokenizer."""

    @property
    def n_ctx(self) -> int:
        """Longest sequence in tokens."""

    @property
    def pad_id(self) -> int:
        """Id that fills padding."""


@shaped
class Tokens:
    """A padded batch.

    Attributes:
        ids: token ids; padding holds a pad id that the mask hides.
        mask: True where a token is real.
    """

    ids: Int[Tensor, "prompt token"]
    mask: Bool[Tensor, "prompt token"]

    @property
    def lengths(self) -> Int[Tensor, " prompt"]:
        """Number of real tokens of each prompt."""
        return self.mask.sum(dim=1)

    @property
    def last(self) -> Int[Tensor, " prompt"]:
        """Column of each prompt's last real token, whichever side is padded."""
        columns = torch.arange(self.mask.shape[1], device=self.mask.device)
        return (self.mask * columns).argmax(dim=1)

    def to(self, device: torch.device) -> Tokens:
        """The same batch on another device."""
        return Tokens(self.ids.to(device), self.mask.to(device))


def pad_rows(rows: Sequence[Row], pad_id: int, side: PaddingSide = "right") -> Tokens:
    """Pad rows of ids to one width.

    Raises:
        PromptError: when there is no row or a row is empty.
    """
    if not rows or not all(rows):
        raise PromptError("Cannot pad an empty batch or an empty row of tokens.")
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), pad_id, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.bool)
    for i, row in enumerate(rows):
        span = slice(width - len(row), width) if side == "left" else slice(0, len(row))
        ids[i, span] = torch.tensor(row)
        mask[i, span] = True
    return Tokens(ids, mask)


def length_sorted_batches(lengths: Sequence[int], token_budget: int) -> Iterator[list[int]]:
    """Split row indices into batches of similar length whose padded size stays in the budget.

    Longest first, so that an out-of-memory shows at once. A single row longer than the budget
    makes a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batch: list[int] = []
    for i in order:
        if batch and (len(batch) + 1) * lengths[batch[0]] > token_budget:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def leading_specials(tokenizer: Any) -> Row:
    """The ids that the tokenizer itself puts before a text: its BOS, if it has that habit."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return tuple(full[:start])
    return ()


def encode(tokenizer: Any, text: str) -> Row:
    """Token ids of a text with the tokenizer's BOS exactly once, and nothing appended.

    A text that already starts with the BOS (a chat template may hold it) does not get a second.
    """
    ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    specials = leading_specials(tokenizer)
    return ids if ids[: len(specials)] == specials else specials + ids


def rendered(tokenizer: Any, prompt: Prompt) -> str:
    """The exact text the model reads.

    Raises:
        ModelError: when a chat template is asked of a tokenizer that has none.
    """
    if prompt.template == "plain":
        return prompt.text
    if not getattr(tokenizer, "chat_template", None):
        raise ModelError("This model's tokenizer has no chat template.", "Use template = 'plain'.")
    messages = [{"role": "user", "content": prompt.text}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return str(text)


def continuation(prompt: Prompt, answer: str) -> str:
    """How an answer follows a prompt: after a space in plain text, at once in a chat turn."""
    return f" {answer}" if prompt.template == "plain" else answer


def fit_prompt(lens: Tokenising, prompt: Prompt, room: int = 0) -> tuple[Prompt, Row]:
    """Drop demonstrations from the front until the prompt and `room` more tokens fit; say so.

    Args:
        room: tokens to leave free for a label or a generated answer.

    Returns:
        The prompt that fits and its token ids.

    Raises:
        PromptError: when even the query alone does not fit, or the prompt has no token.
    """
    asked = len(prompt.demonstrations)
    while True:
        row = encode(lens.tokenizer, rendered(lens.tokenizer, prompt))
        if not row:
            raise PromptError(f"{prompt.query_id}: the prompt has no token.")
        if len(row) + room <= lens.n_ctx:
            dropped = asked - len(prompt.demonstrations)
            if dropped:
                log.warning("%s: dropped %d of %d demonstrations", prompt.query_id, dropped, asked)
            return prompt, row
        if not prompt.demonstrations:
            raise PromptError(
                f"{prompt.query_id}: {len(row)} tokens and {room} for the answer exceed "
                f"the model's context of {lens.n_ctx}.",
                "Leave this item out or take a model with a longer context.",
            )
        prompt = prompt.without_first_demonstration()


def tokenise(
    lens: Tokenising, prompts: Sequence[Prompt], *, room: int = 0, side: PaddingSide = "right"
) -> Tokens:
    """Tokenise prompts into one padded batch; see `fit_prompt` for prompts that are too long."""
    return pad_rows([fit_prompt(lens, p, room)[1] for p in prompts], lens.pad_id, side)
