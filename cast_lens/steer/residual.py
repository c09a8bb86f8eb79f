"""Read the residual stream of many prompts, keeping only what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from cast_lens.errors import PromptError
from cast_lens.model.hooks import Edit, hooked
from cast_lens.model.lens import Lens
from cast_lens.model.memory import run_batches
from cast_lens.model.stems import Stems
from cast_lens.model.tokens import Row, Tokens, fit_prompt
from cast_lens.progress import progress_bar
from cast_lens.prompts.prompt import Prompt
from cast_lens.steer.identity import identity_of, template_of
from cast_lens.steer.states import ResidualMoments, ResidualStates

ReadPosition = Literal["last", "mean"] | int


def _keep(position: ReadPosition, rows: Sequence[Row]) -> int:
    """How many last tokens of each prompt have to be read where the hooks are.

    Raises:
        PromptError: when there is no such position.
    """
    if position == "mean":
        return max(map(len, rows))
    offset = -1 if position == "last" else position
    if not isinstance(offset, int) or offset >= 0:
        raise PromptError(
            f"Read position {position!r} is not 'last', 'mean' or a negative number "
            "(-1 is the last token, -2 the one before it)."
        )
    if min(map(len, rows)) < -offset:
        raise PromptError(f"Read position {offset} lies before the start of a prompt.")
    return -offset


def _reader(position: ReadPosition, tokens: Tokens) -> Callable[[Tensor], Tensor]:
    """Takes the asked position out of left-padded states of shape (prompt, token, d_model)."""
    if position == "mean":
        weights = (tokens.mask / tokens.lengths[:, None]).float()
        return lambda states: torch.einsum("pt,ptd->pd", weights.to(states.device), states.float())
    offset = -1 if position == "last" else position
    return lambda states: states[:, offset].float()


def _capture(
    lens: Lens, stems: Stems, indices: Sequence[int], asked: _Asked
) -> Float[Tensor, "layer prompt d_model"]:
    read, tokens = stems.begin(indices)
    take = _reader(asked.position, tokens)
    captured: dict[int, Tensor] = {}

    def capture_for(layer: int) -> Edit:
        def capture(states: Tensor) -> None:
            # a fresh tensor, so that the whole batch's states are not kept alive
            captured[layer] = take(states.detach()).clone().cpu()

        return capture

    with hooked(lens, {layer: capture_for(layer) for layer in asked.layers}):
        read.prefill(tokens, max(asked.layers))
    return torch.stack([captured[layer] for layer in asked.layers])


@dataclass(frozen=True)
class _Asked:
    """Which states."""

    layers: tuple[int, ...]
    position: ReadPosition


def _layers(lens: Lens, layers: Sequence[int] | None) -> tuple[int, ...]:
    chosen = tuple(range(lens.n_layers)) if layers is None else tuple(sorted(set(layers)))
    if not chosen:
        raise PromptError("No layer was asked for.")
    for layer in chosen:
        lens.hook_name(layer)
    return chosen


def _read_all(
    lens: Lens,
    prompts: Sequence[Prompt],
    asked: _Asked,
    description: str,
    keep: Callable[[list[int], Tensor], None],
) -> None:
    """Read every prompt, its beginning shared where it can be, and hand each batch's states on."""
    rows = [fit_prompt(lens, prompt)[1] for prompt in prompts]
    stems = Stems(lens, rows, _keep(asked.position, rows), max(asked.layers))
    with progress_bar(len(rows), description, unit="prompt") as bar:

        def work(indices: list[int]) -> None:
            keep(indices, _capture(lens, stems, indices, asked))
            bar.update(len(indices))

        run_batches(stems.batches(), work)


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

    def keep(indices: list[int], states: Tensor) -> None:
        values[:, indices] = states

    _read_all(lens, prompts, _Asked(chosen, position), description, keep)
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

    def keep(_indices: list[int], states: Tensor) -> None:
        total.add_(states.double().sum(dim=1))
        squares.add_(states.double().square().sum(dim=1))

    _read_all(lens, prompts, _Asked(chosen, position), description, keep)
    n = len(prompts)
    return ResidualMoments(total / n, squares / n, n, chosen, identity)
