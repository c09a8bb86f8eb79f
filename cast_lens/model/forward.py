"""One way to run the model, whichever of the library's classes it is."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cast_lens.model.boot import empty_cache, select_rows, twin_of
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Tokens


@torch.no_grad()
def forward(lens: Lens, tokens: Tokens) -> Float[Tensor, "prompt token d_vocab"]:
    """Logits of whole sequences; positions follow the mask, on either padding side."""
    batch = tokens.to(lens.device)
    logits: Tensor = lens.model(batch.ids, attention_mask=batch.mask.long(), return_type="logits")
    return logits


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

    def prefill(self, tokens: Tokens, last_layer: int | None = None) -> None:
        """Read more tokens without asking for logits; only up to a block when one is named."""
        top = self._lens.n_layers - 1
        last_layer = top if last_layer is None else last_layer
        if self._lens.backend == "hooked" or last_layer < top:
            self._run(tokens, {"stop_at_layer": last_layer + 1})
        else:
            self._run(tokens, _few_logits(self._lens))

    @torch.no_grad()
    def read_nodes(
        self,
        ids: Int[Tensor, "row node"],
        sees: Bool[Tensor, "row node node"],
        depth: Int[Tensor, "row node"],
    ) -> None:
        """Run the model on a tree of tokens for the sake of the hooks; see `Nodes`.

        What has been read so far stays as it is.
        """
        device = self._lens.device
        past = self._mask.bool()
        before = past[:, None, :].expand(-1, ids.shape[1], -1)
        open_ = torch.cat([before, sees.to(device)], dim=2)[:, None]
        additive = torch.zeros(open_.shape, dtype=self._lens.dtype, device=device)
        additive.masked_fill_(~open_, torch.finfo(self._lens.dtype).min)
        self._lens.model(
            ids.to(device),
            attention_mask=additive,
            position_ids=past.sum(dim=1, keepdim=True) + depth.to(device),
            past_key_values=twin_of(self._cache),
            return_type="logits",
        )

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
        return self._lens.model(
            batch.ids,
            attention_mask=self._mask,
            past_key_values=self._cache,
            return_type="logits",
            **options,
        )
