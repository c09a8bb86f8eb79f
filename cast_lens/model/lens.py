"""The lens: a model the library can hook, and what must be known about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch

from cast_lens.errors import ModelError
from cast_lens.model.memory import Budget

Backend = Literal["bridge", "hooked"]


@dataclass(frozen=True, eq=False)
class Lens:
    """A `TransformerBridge` or `HookedTransformer` with its tokenizer and its facts.

    Attributes:
        model: the model itself, neither subclassed nor wrapped.
        tokenizer: the Hugging Face tokenizer, used for every text.
        name: what the user called the model.
        backend: which of the library's classes `model` is.
        n_layers: number of blocks; layer l is the output of block l, counted from 0.
        d_model: width of the residual stream.
        n_ctx: longest sequence in tokens.
        window: how far back a sliding-window block sees, in tokens; None without such blocks.
        pad_id: id that fills padding; the mask hides it.
        eos_ids: ids that end a generated answer.
        dtype: floating type of the weights.
        device: where token ids are sent.
        fingerprint: digest of weights and architecture; the same however the model is loaded,
            except for a `HookedTransformer` in hand, which stores its weights in another form.
        tokenizer_fingerprint: digest of vocabulary and merges.
        budget: how much a batch may hold.
    """

    model: Any
    tokenizer: Any
    name: str
    backend: Backend
    n_layers: int
    d_model: int
    n_ctx: int
    window: int | None
    pad_id: int
    eos_ids: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    fingerprint: str
    tokenizer_fingerprint: str
    budget: Budget

    def __repr__(self) -> str:
        kind = str(self.dtype).removeprefix("torch.")
        return (
            f"Lens({self.name}, {self.backend}, {self.n_layers} blocks, "
            f"d_model {self.d_model}, {kind}, {self.device})"
        )

    def hook_name(self, layer: int) -> str:
        """Name of the hook after block `layer`.

        Raises:
            ModelError: when `layer` is not one of 0 .. n_layers-1 (negative ones are refused).
        """
        if not 0 <= layer < self.n_layers:
            raise ModelError(
                f"Layer {layer} is not in {self.name}, which has layers 0 to {self.n_layers - 1}."
            )
        return f"blocks.{layer}.hook_resid_post"

    def depth(self, layer: int) -> float:
        """Relative depth of a layer: 0 for the first block, 1 for the last."""
        return layer / max(1, self.n_layers - 1)
