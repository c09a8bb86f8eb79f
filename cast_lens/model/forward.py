"""One way to run the model, whichever of the library's classes it is."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cast_lens.model.boot import empty_cache, select_rows
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Tokens


@torch.no_grad()
def forward(lens: Lens, tokens: Tokens) -> Float[Tensor, "prompt token d_vocab"]:
    """Logits of whole sequences; positions follow the mask, on either padding side."""
    batch = tokens.to(lens.device)
    logits: Tensor = lens.model(batch.ids, attention_mask=batch.mask.long(), return_type="logits")
    return logits


@torch.no_grad()
def run_blocks(lens: Lens, tokens: Tokens, last_layer: int) -> None:
    """Run the blocks up to `last_layer` for the sake of the hooks on them."""
    batch = tokens.to(lens.device)
    if last_layer + 1 < lens.n_layers or lens.backend == "hooked":
        rest = {"stop_at_layer": last_layer + 1}
    else:
        rest = _few_logits(lens)
    lens.model(batch.ids, attention_mask=batch.mask.long(), **rest)


def _few_logits(lens: Lens) -> dict[str, Any]:
    """Keep a Hugging Face model from unembedding every position, where it can be told."""
    accepted = inspect.signature(lens.model.original_model.forward).parameters
    return {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}


class KeyValues:
    """Keys and values of what a batch has read, so that going on costs only the new tokens.

    Rows are padded on the left. The object changes with every `read`; `select` copies it.
    """

    def __init__(self, lens: Lens, rows: int) -> None:
        self._lens = lens
        self._cache = empty_cache(lens, rows)
        self._mask = torch.zeros(rows, 0, dtype=torch.long, device=lens.device)

    def read(self, tokens: Tokens) -> Float[Tensor, "prompt token d_vocab"]:
        """Read more tokens; logits after each of them."""
        logits: Tensor = self._run(tokens, {})
        return logits

    def read_for_next(self, tokens: Tokens) -> Float[Tensor, "prompt d_vocab"]:
        """Read more tokens; logits after the last column only."""
        options = _few_logits(self._lens) if self._lens.backend == "bridge" else {}
        last: Tensor = self._run(tokens, options)[:, -1]
        return last

    def prefill(self, tokens: Tokens) -> None:
        """Read more tokens without asking for logits."""
        if self._lens.backend == "bridge":
            self._run(tokens, _few_logits(self._lens))
        else:
            self._run(tokens, {"stop_at_layer": self._lens.n_layers})

    def select(self, rows: Int[Tensor, " row"]) -> KeyValues:
        """A copy with the given rows, each as often as it is named."""
        twin = copy.copy(self)
        chosen = rows.to(self._mask.device)
        twin._cache = select_rows(self._lens, self._cache, chosen)
        twin._mask = self._mask[chosen]
        return twin

    @torch.no_grad()
    def _run(self, tokens: Tokens, options: dict[str, Any]) -> Any:
        batch = tokens.to(self._lens.device)
        new = batch.mask.long()
        self._mask = torch.cat([self._mask, new], dim=1)
        if self._lens.backend == "hooked":
            return self._lens.model(
                batch.ids, attention_mask=new, past_kv_cache=self._cache, **options
            )
        logits, self._cache = self._lens.model(
            batch.ids,
            attention_mask=self._mask,
            past_key_values=self._cache,
            return_type="logits_and_cache",
            **options,
        )
        return logits
