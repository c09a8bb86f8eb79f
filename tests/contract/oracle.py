"""Plain Hugging Face as the oracle: one unpadded sequence, read and edited by torch hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cast_lens.model.lens import Lens
from cast_lens.prompts.prompt import Prompt
from cast_lens.steer.identity import identity_of
from cast_lens.steer.vectors import SteeringVector

Edit = Callable[[Tensor], Tensor]
TEXTS = (
    "Definition: name the city.\nred dog",
    "Q: one\nA:",
    "say",
    "the man says yes and the woman says no\ngood cat sun of blue water\nis it big or small",
    "Definition: good or bad?\nthe red house positive\nthe dog negative\nblue water",
    "Zürich, 42 words it does not know",
)


@dataclass(frozen=True, eq=False)
class Case:
    """A lens, a plain Hugging Face model of the same weights, and how far they may differ."""

    plain: Any
    lens: Lens
    tolerance: float

    @property
    def middle(self) -> int:
        return self.lens.n_layers // 2


def prompt(text: str) -> Prompt:
    return Prompt(
        query_id=text,
        head="",
        demonstrations=(),
        demonstration_ids=(),
        query=text,
        content_free_query="N/A",
    )


def prompts(texts: tuple[str, ...] = TEXTS) -> list[Prompt]:
    return [prompt(text) for text in texts]


def ids_of(case: Case, text: str) -> Tensor:
    """The tokenizer's own ids of a text, (1, token); nothing of cast_lens is used."""
    return torch.tensor([case.lens.tokenizer(text)["input_ids"]])


def decoder_layers(hf: Any) -> Any:
    for path in ("model.layers", "transformer.h", "gpt_neox.layers"):
        try:
            return hf.get_submodule(path)
        except AttributeError:
            continue
    raise AssertionError(f"where are the layers of {type(hf).__name__}?")


@contextmanager
def edited(
    hf: Any, edits: Mapping[int, Edit], seen: dict[int, Tensor] | None = None
) -> Iterator[None]:
    """Change, and note, the output of decoder layers."""

    def hook_for(layer: int) -> Callable[..., Any]:
        def hook(_module: Any, _given: Any, output: Any) -> Any:
            states = output[0] if isinstance(output, tuple) else output
            if layer in edits:
                states = edits[layer](states)
            if seen is not None:
                seen[layer] = states
            return (states, *output[1:]) if isinstance(output, tuple) else states

        return hook

    handles = [
        block.register_forward_hook(hook_for(i)) for i, block in enumerate(decoder_layers(hf))
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def hf_pass(hf: Any, ids: Tensor, edits: Mapping[int, Edit] | None = None) -> tuple[Tensor, Tensor]:
    """States after every block (layer, token, d_model) and logits (token, d_vocab)."""
    seen: dict[int, Tensor] = {}
    with torch.no_grad(), edited(hf, edits or {}, seen):
        logits = hf(ids).logits[0]
    return torch.stack([seen[i][0] for i in sorted(seen)]), logits


def at_columns(columns: slice | int, rule: Callable[[Tensor], Tensor]) -> Edit:
    """An edit of some columns of a batch of states."""

    def edit(states: Tensor) -> Tensor:
        states = states.clone()
        states[:, columns] = rule(states[:, columns])
        return states

    return edit


def hf_logprob(
    hf: Any, context: Tensor, answer: Tensor, edits: Mapping[int, Edit] | None = None
) -> float:
    """Sum of log-probabilities of the answer's tokens after the context, in float64."""
    _, logits = hf_pass(hf, torch.cat([context, answer], dim=1), edits)
    steps = logits[context.shape[1] - 1 : -1].double().log_softmax(dim=-1)
    return float(steps[torch.arange(answer.shape[1]), answer[0]].sum())


def relative(got: Tensor, expected: Tensor) -> float:
    """Largest difference as a share of the largest expected value."""
    assert got.shape == expected.shape
    difference = (got.detach() - expected.detach()).abs().max()
    return float(difference / expected.detach().abs().max())


def random_vector(lens: Lens, layer: int, seed: int = 0, length: float = 3.0) -> SteeringVector:
    """A random direction of about the length of a tiny model's states."""
    noise = torch.randn(lens.d_model, generator=torch.Generator().manual_seed(seed))
    direction = length * noise / noise.norm()
    return SteeringVector(direction, layer, identity_of(lens, "plain"), {"method": "test"})


def hooks_in(lens: Lens) -> int:
    """How many hooks torch itself knows of on the model's hook points."""
    # a bridge lists one point under several names
    points = {id(point): point for point in lens.model.hook_dict.values()}
    return sum(len(point._forward_hooks) for point in points.values())
