"""Prompts' last tokens under several variants at once: their states, and what follows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor

from cast_lens.model.branches import HALF_TOLERANCE, TOLERANCE
from cast_lens.model.forward import KeyValues, forward
from cast_lens.model.hooks import Edit, hooked
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Row, Tokens, pad_rows
from cast_lens.score.contexts import read_contexts
from cast_lens.score.likelihood import leaves_prompt_alone
from cast_lens.steer.injection import Variant, injected_by_row


def last_states(
    lens: Lens,
    contexts: Sequence[Row],
    variants: Sequence[Variant],
    layers: Sequence[int],
    description: str,
) -> Float[Tensor, "variant layer context d_model"]:
    """States after blocks at each context's last token, what a variant writes included.

    Args:
        lens: the model.
        contexts: token ids of whole prompts.
        variants: each a tuple of injections, empty for the plain model.
        layers: 0-based, in the order wanted.
        description: what the progress bar says.

    Returns:
        float32 on the CPU.
    """
    asked = _LastStates(lens, contexts, variants, layers)
    read_contexts(lens, contexts, [asked], description)
    return asked.found


class _LastStates:
    """The question, put to `read_contexts`, which has read all but the last tokens."""

    def __init__(
        self,
        lens: Lens,
        contexts: Sequence[Row],
        variants: Sequence[Variant],
        layers: Sequence[int],
    ) -> None:
        self.lens, self.contexts, self.variants, self.layers = lens, contexts, variants, layers
        written = [one.vector.layer for variant in variants for one in variant]
        self._top = max([*layers, *written])  # every hook must fire
        self.found = torch.empty(len(variants), len(layers), len(contexts), lens.d_model)

    def tokens_of(self, index: int) -> int:
        """See `Question`."""
        alone = sum(map(leaves_prompt_alone, self.variants))
        return alone + len(self.contexts[index]) * (len(self.variants) - alone)

    def ask(self, indices: Sequence[int], read: KeyValues | None) -> None:
        """See `Question`."""
        kept = [v for v, one in enumerate(self.variants) if read and leaves_prompt_alone(one)]
        whole = sorted(set(range(len(self.variants))) - set(kept))

        def go_on(rows: list[int]) -> tuple[KeyValues, list[Row]]:
            assert read is not None
            return read.select(torch.tensor(rows)), [self.contexts[indices[r]][-1:] for r in rows]

        def begin(rows: list[int]) -> tuple[KeyValues, list[Row]]:
            return KeyValues(self.lens, len(rows)), [self.contexts[indices[r]] for r in rows]

        self._run(indices, kept, go_on)
        self._run(indices, whole, begin)

    def _run(
        self,
        indices: Sequence[int],
        which: Sequence[int],
        start: Callable[[list[int]], tuple[KeyValues, list[Row]]],
    ) -> None:
        branches = [(v, row) for v in which for row in range(len(indices))]
        longest = max(len(self.contexts[i]) for i in indices)
        size = max(1, self.lens.budget.cached_tokens // longest)
        for at in range(0, len(branches), size):
            chunk = branches[at : at + size]
            read, rows = start([row for _, row in chunk])
            states = self._captured(read, rows, [self.variants[v] for v, _ in chunk])
            for (v, row), state in zip(chunk, states.unbind(dim=1), strict=True):
                self.found[v, :, indices[row]] = state

    def _captured(
        self, read: KeyValues, rows: Sequence[Row], variants: Sequence[Variant]
    ) -> Float[Tensor, "layer row d_model"]:
        tokens = pad_rows(rows, self.lens.pad_id, side="left")
        seen: dict[int, Tensor] = {}

        def keep_at(layer: int) -> Edit:
            def keep(states: Tensor) -> None:
                seen[layer] = states[:, -1].float().cpu()

            return keep

        writing = injected_by_row(self.lens, variants, tokens, tokens.last)
        # placed after the injections, so it sees what they have written
        with writing, hooked(self.lens, {layer: keep_at(layer) for layer in self.layers}):
            read.prefill(tokens, self._top)
        return torch.stack([seen[layer] for layer in self.layers])


_CHECKED: WeakKeyDictionary[Lens, bool] = WeakKeyDictionary()


@torch.no_grad()
def next_token_logits(
    lens: Lens, states: Float[Tensor, "state d_model"]
) -> Float[Tensor, "state d_vocab"]:
    """What the model would say next if its last block had put out these states; float32, CPU.

    Final norm, unembedding and cap of the logits are the model's own. Where calling these modules
    does not give what the whole model makes of a state (tried once a lens), the whole model is run.
    Hold no more than `lens.budget.logit_rows` at once.
    """
    if lens not in _CHECKED:
        _CHECKED[lens] = _agrees(lens)
    put = states.to(lens.device, lens.dtype)[:, None]
    logits = _by_modules(lens, put) if _CHECKED[lens] else _by_model(lens, put)
    return logits[:, 0].float().cpu()


def _by_modules(
    lens: Lens, states: Float[Tensor, "state 1 d_model"]
) -> Float[Tensor, "state 1 d_vocab"]:
    logits: Tensor = lens.model.unembed(lens.model.ln_final(states))
    cap = lens.model.cfg.output_logits_soft_cap
    return cap * torch.tanh(logits / cap) if cap > 0 else logits


def _by_model(
    lens: Lens, states: Float[Tensor, "state 1 d_model"]
) -> Float[Tensor, "state 1 d_vocab"]:
    """The states take the place of the last block's output, whatever was read."""
    ids = torch.zeros(states.shape[:2], dtype=torch.long)
    with hooked(lens, {lens.n_layers - 1: lambda _: states}):
        return forward(lens, Tokens(ids, torch.ones_like(ids, dtype=torch.bool)))


def _agrees(lens: Lens) -> bool:
    noise = torch.randn(3, 1, lens.d_model, generator=torch.Generator().manual_seed(0))
    states = noise.to(lens.device, lens.dtype)
    right = _by_model(lens, states).float()
    try:
        found = _by_modules(lens, states).float()
    except (AttributeError, TypeError):
        return False  # this architecture's modules have other names or arguments
    tolerance = TOLERANCE if lens.dtype == torch.float32 else HALF_TOLERANCE
    return bool((found - right).abs().max() <= tolerance * right.abs().max())
