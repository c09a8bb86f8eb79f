"""Plain Hugging Face as the oracle: one unpadded sequence, no cache, edited by torch hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cast_lens.errors import ModelError
from cast_lens.model.fingerprints import BRIDGED
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Row

Edits = Mapping[int, Callable[[Tensor], Tensor]]


@dataclass(frozen=True)
class Pass:
    """One sequence read by plain Hugging Face.

    Attributes:
        states: after every block, the last one's before the final norm.
        logits: after every token.
    """

    states: Float[Tensor, "layer token d_model"]
    logits: Float[Tensor, "token d_vocab"]


def plain_model(lens: Lens) -> Any:
    """A plain Hugging Face model that shares the weights and the config of a bridge.

    The config names the attention that the bridge uses (`eager`), so that rounding is compared
    like with like.

    Raises:
        ModelError: when the lens holds no Hugging Face model, or it lies on several devices.
    """
    if lens.backend != "bridge":
        raise ModelError(
            f"{lens.name}: a HookedTransformer keeps no Hugging Face model to compare with.",
            "Pass plain=..., the Hugging Face model it was made of.",
        )
    original = lens.model.original_model
    if len({value.device for value in original.parameters()}) > 1:
        raise ModelError(f"{lens.name}: lies on several devices.", "Load it on one to examine it.")
    return _assembled(original, lens.dtype)


def in_dtype(plain: Any, dtype: torch.dtype) -> Any:
    """A copy of a plain model in another floating type."""
    return _assembled(plain, dtype)


def _assembled(source: Any, dtype: torch.dtype) -> Any:
    """A model of the source's class with its weights; those of the wanted type are not copied.

    It is made without memory and then filled, so its modules are Hugging Face's own.
    """
    weights = {name.replace(BRIDGED, ""): value for name, value in source.state_dict().items()}
    buffers = {name.replace(BRIDGED, ""): value for name, value in source.named_buffers()}
    with torch.device("meta"):
        plain = type(source)(source.config)
    wanted = {name: weights[name].to(dtype) for name, _ in plain.named_parameters()}
    plain.load_state_dict(wanted, strict=False, assign=True)
    plain.tie_weights()
    for name in [name for name, _ in plain.named_buffers()]:
        owner, _, leaf = name.rpartition(".")
        plain.get_submodule(owner)._buffers[leaf] = buffers[name].clone()
    return plain.requires_grad_(False).eval()


def decoder_layers(plain: Any) -> Any:
    """The list of blocks of any decoder-only model."""
    n_layers = plain.config.get_text_config().num_hidden_layers
    lists = (m for m in plain.modules() if isinstance(m, torch.nn.ModuleList))
    return next(m for m in lists if len(m) == n_layers)


@torch.no_grad()
def read(plain: Any, row: Row, edits: Edits | None = None) -> Pass:
    """Read one sequence, its blocks' outputs changed by `edits`."""
    seen: dict[int, Tensor] = {}
    device = plain.get_input_embeddings().weight.device
    with _edited(plain, edits or {}, seen):
        logits = plain(torch.tensor([row], device=device), use_cache=False).logits[0]
    return Pass(torch.stack([seen[i][0] for i in sorted(seen)]), logits)


@contextmanager
def _edited(plain: Any, edits: Edits, seen: dict[int, Tensor]) -> Iterator[None]:
    def hook_for(layer: int) -> Callable[..., Any]:
        def hook(_module: Any, _given: Any, output: Any) -> Any:
            states = output[0] if isinstance(output, tuple) else output
            states = edits[layer](states) if layer in edits else states
            seen[layer] = states
            return (states, *output[1:]) if isinstance(output, tuple) else states

        return hook

    blocks = enumerate(decoder_layers(plain))
    handles = [block.register_forward_hook(hook_for(i)) for i, block in blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def add_at(columns: slice, moved: Float[Tensor, " d_model"]) -> Callable[[Tensor], Tensor]:
    """An edit that adds a vector to the states of some columns, in float32."""

    def edit(states: Tensor) -> Tensor:
        states = states.clone()
        chosen = states[:, columns].float() + moved.to(states.device)
        states[:, columns] = chosen.to(states.dtype)
        return states

    return edit


def logprob(plain: Any, context: Row, answer: Row, edits: Edits | None = None) -> float:
    """Log-probability of an answer's tokens after a context, summed, in nats."""
    steps = read(plain, context + answer, edits).logits[len(context) - 1 : -1].double()
    chosen = steps.log_softmax(dim=-1)[range(len(answer)), list(answer)]
    return float(chosen.sum())


def relative(got: Tensor, expected: Tensor) -> float:
    """Largest difference as a share of the largest expected value."""
    got, expected = got.detach().float().cpu(), expected.detach().float().cpu()
    return float((got - expected).abs().max() / expected.abs().max())
