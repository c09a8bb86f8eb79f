"""One way to run the model, whichever of the library's classes it is."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cast_lens.model.boot import new_cache
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Tokens


@torch.no_grad()
def forward(
    lens: Lens, tokens: Tokens, *, stop_after: int | None = None
) -> Float[Tensor, "prompt token d_vocab"]:
    """Run whole sequences; positions and attention follow the mask, on either padding side.

    Args:
        lens: the model.
        tokens: the batch.
        stop_after: last block to run; the result is then the residual stream instead of logits.

    Returns:
        Logits, on the model's device and in its dtype.
    """
    batch = tokens.to(lens.device)
    stop = None if stop_after is None or stop_after + 1 >= lens.n_layers else stop_after + 1
    result: Tensor = lens.model(
        batch.ids, attention_mask=batch.mask.long(), return_type="logits", stop_at_layer=stop
    )
    return result


class Decoder:
    """Token-by-token decoding with a key-value cache, for one left-padded batch."""

    def __init__(self, lens: Lens, tokens: Tokens) -> None:
        self._lens = lens
        self._mask = tokens.to(lens.device).mask.long()
        self._cache: Any = new_cache(lens, len(tokens.ids))
        self._ids = tokens.to(lens.device).ids

    def prefill(self) -> Float[Tensor, "prompt d_vocab"]:
        """Read the prompts; logits of each one's last token."""
        return self._run(self._ids)

    def step(self, ids: Int[Tensor, " prompt"]) -> Float[Tensor, "prompt d_vocab"]:
        """Read one more token a row; logits of the next."""
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        return self._run(ids[:, None].to(self._lens.device))

    @torch.no_grad()
    def _run(self, ids: Tensor) -> Tensor:
        if self._lens.backend == "bridge":
            logits, self._cache = self._lens.model(
                ids,
                attention_mask=self._mask,
                past_key_values=self._cache,
                return_type="logits_and_cache",
            )
        else:
            logits = self._lens.model(
                ids, attention_mask=self._mask[:, -ids.shape[1] :], past_kv_cache=self._cache
            )
        last: Tensor = logits[:, -1]
        return last
