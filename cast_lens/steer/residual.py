"""Read the residual stream of many prompts, keeping only what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from cast_lens.errors import PromptError
from cast_lens.model.forward import run_blocks
from cast_lens.model.hooks import Edit, hooked
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Tokens, fit_prompt, length_sorted_batches, pad_rows
from cast_lens.progress import progress_bar
from cast_lens.prompts.prompt import Prompt
from cast_lens.steer.identity import identity_of, template_of
from cast_lens.steer.states import ResidualMoments, ResidualStates

ReadPosition = Literal["last", "mean"] | int
TOKEN_BUDGET = 4096


def _reader(position: ReadPosition, tokens: Tokens) -> Callable[[Tensor], Tensor]:
    """A function that takes the asked position out of states of shape (prompt, token, d_model)."""
    if position == "mean":
        weights = (tokens.mask / tokens.lengths[:, None]).float()
        return lambda states: torch.einsum("pt,ptd->pd", weights.to(states.device), states.float())
    offset = -1 if position == "last" else position
    if not isinstance(offset, int) or offset >= 0:
        raise PromptError(
            f"Read position {position!r} is not 'last', 'mean' or a negative number "
            "(-1 is the last token, -2 the one before it)."
        )
    if int(tokens.lengths.min()) < -offset:
        raise PromptError(f"Read position {offset} lies before the start of a prompt.")
    rows, columns = torch.arange(len(tokens.ids)), tokens.last + offset + 1
    return lambda states: states[rows, columns.to(states.device)].float()


def _capture(
    lens: Lens, tokens: Tokens, layers: Sequence[int], position: ReadPosition
) -> Float[Tensor, "layer prompt d_model"]:
    read = _reader(position, tokens)
    captured: dict[int, Tensor] = {}

    def capture_for(layer: int) -> Edit:
        def capture(states: Tensor) -> None:
            # a fresh tensor, so that the whole batch's states are not kept alive
            captured[layer] = read(states.detach()).clone().cpu()

        return capture

    with hooked(lens, {layer: capture_for(layer) for layer in layers}):
        run_blocks(lens, tokens, max(layers))
    return torch.stack([captured[layer] for layer in layers])


def _layers(lens: Lens, layers: Sequence[int] | None) -> tuple[int, ...]:
    chosen = tuple(range(lens.n_layers)) if layers is None else tuple(sorted(set(layers)))
    if not chosen:
        raise PromptError("No layer was asked for.")
    for layer in chosen:
        lens.hook_name(layer)
    return chosen


def _batches(
    lens: Lens,
    prompts: Sequence[Prompt],
    layers: Sequence[int],
    position: ReadPosition,
    description: str,
) -> Iterator[tuple[list[int], Tensor]]:
    rows = [fit_prompt(lens, prompt)[1] for prompt in prompts]
    with progress_bar(sum(map(len, rows)), description) as bar:
        for indices in length_sorted_batches([len(row) for row in rows], TOKEN_BUDGET):
            tokens = pad_rows([rows[i] for i in indices], lens.pad_id)
            yield indices, _capture(lens, tokens, layers, position)
            bar.update(int(tokens.lengths.sum()))


def read_residual(
    lens: Lens,
    prompts: Sequence[Prompt],
    *,
    layers: Sequence[int] | None = None,
    position: ReadPosition = "last",
    description: str = "reading states",
) -> ResidualStates:
    """Residual states after blocks, one row a prompt, in the order given.

    Args:
        lens: the model.
        prompts: all of one template; demonstrations are dropped from the front of one that does
            not fit the context (see `fit_prompt`).
        layers: blocks to read, 0-based; all when None. The last block's state is before the
            model's final norm.
        position: `last` prompt token, `mean` over all tokens, or a negative offset from the end.
        description: what the progress bar says.

    Raises:
        PromptError: when there is no prompt, or one does not fit even without demonstrations.
        ModelError: when a layer does not exist.
        HookError: when a hook did not fire.
    """
    identity = identity_of(lens, template_of(prompts))
    chosen = _layers(lens, layers)
    values = torch.empty(len(chosen), len(prompts), lens.d_model)
    for indices, states in _batches(lens, prompts, chosen, position, description):
        values[:, indices] = states
    return ResidualStates(values, chosen, tuple(p.query_id for p in prompts), identity)


def residual_moments(
    lens: Lens,
    prompts: Sequence[Prompt],
    *,
    layers: Sequence[int] | None = None,
    position: ReadPosition = "last",
    description: str = "reading moments",
) -> ResidualMoments:
    """Mean and mean square of residual states, summed in float64 without keeping single states.

    Arguments and errors are those of `read_residual`.
    """
    identity = identity_of(lens, template_of(prompts))
    chosen = _layers(lens, layers)
    total = torch.zeros(len(chosen), lens.d_model, dtype=torch.float64)
    squares = torch.zeros_like(total)
    for _, states in _batches(lens, prompts, chosen, position, description):
        total += states.double().sum(dim=1)
        squares += states.double().square().sum(dim=1)
    n = len(prompts)
    return ResidualMoments(total / n, squares / n, n, chosen, identity)
