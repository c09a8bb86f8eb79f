"""Write vectors into the residual stream through `hook_resid_post`.

Hooks count their firings (`cast_lens.model.hooks`). At strength 0 nothing is written, so the
model's output is bitwise unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cast_lens.errors import HookError, VectorError
from cast_lens.model.hooks import Edit, hooked
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Tokens
from cast_lens.prompts.prompt import Template
from cast_lens.steer.identity import identity_of
from cast_lens.steer.vectors import SteeringVector

Policy = Literal["prompt_last", "each_step", "all"]
Rule = Literal["add", "norm_preserving", "replace"]
Where = Callable[[Policy, Tensor], Bool[Tensor, "prompt token"]]


@dataclass(frozen=True, eq=False)
class Injection:
    """One vector, how strongly, where and by which rule.

    Attributes:
        vector: what is written, after block `vector.layer`.
        strength: multiplies the vector; 0 leaves the model bitwise unchanged.
        policy: `prompt_last` writes at the last prompt token only, `each_step` there and at every
            token after it, `all` at every real token.
        rule: `add`: h + s v. `norm_preserving`: the sum rescaled to the length of h.
            `replace`: (1 - s) h + s v, so strength 1 replaces h by v.
        allow_mismatch: write even where the vector's identity differs from the model's.

    Raises:
        VectorError: when the strength is not finite or policy or rule is unknown.
    """

    vector: SteeringVector
    strength: float = 1.0
    policy: Policy = "prompt_last"
    rule: Rule = "add"
    allow_mismatch: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.strength):
            raise VectorError(f"Strength must be a finite number, got {self.strength}.")
        for value, kind in ((self.policy, Policy), (self.rule, Rule)):
            if value not in get_args(kind):
                raise VectorError(f"{value!r} is not one of {', '.join(get_args(kind))}.")


Variant = tuple[Injection, ...]


def as_variant(given: Injection | Sequence[Injection] | None) -> Variant:
    """Nothing, one injection or several at once, as a tuple."""
    if given is None:
        return ()
    return (given,) if isinstance(given, Injection) else tuple(given)


def check_at_home(lens: Lens, variant: Variant, template: Template) -> None:
    """Refuse vectors of another model.

    Raises:
        VectorError: naming each differing field; a wrong width or layer is never overridden.
    """
    home = identity_of(lens, template)
    for injection in variant:
        vector = injection.vector
        lens.hook_name(vector.layer)
        differing = vector.identity.differences(home)
        fatal = vector.identity.d_model != lens.d_model
        if differing and (fatal or not injection.allow_mismatch):
            raise VectorError(
                f"{vector!r} was made elsewhere (its value, this model's): {'; '.join(differing)}.",
                "" if fatal else "Pass allow_mismatch=True to write it all the same.",
            )


def write(
    states: Float[Tensor, "prompt token d_model"],
    where: Bool[Tensor, "prompt token"],
    injection: Injection,
) -> Float[Tensor, "prompt token d_model"]:
    """Apply one injection to the states of a batch, in float32; other places keep their bits."""
    if injection.strength == 0:
        return states
    added = injection.strength * injection.vector.direction.to(states.device)
    old = states.float()
    kept = (1.0 - injection.strength) * old if injection.rule == "replace" else old
    new = kept + added
    if injection.rule == "norm_preserving":
        new = new * (old.norm(dim=-1, keepdim=True) / new.norm(dim=-1, keepdim=True))
    return torch.where(where.to(states.device)[..., None], new.to(states.dtype), states)


def places(policy: Policy, tokens: Tokens, prompt_last: Tensor) -> Bool[Tensor, "prompt token"]:
    """Where a policy writes in a batch of whole sequences.

    Args:
        policy: see `Injection`.
        tokens: the batch.
        prompt_last: column of each row's last prompt token; later real tokens are the answer.
    """
    columns = torch.arange(tokens.mask.shape[1], device=tokens.mask.device)[None, :]
    if policy == "all":
        return tokens.mask
    if policy == "each_step":
        return tokens.mask & (columns >= prompt_last[:, None])
    return tokens.mask & (columns == prompt_last[:, None])


@contextmanager
def injected(lens: Lens, variant: Variant, where: Where) -> Iterator[None]:
    """Hook a variant into the model for the calls made inside the block.

    Args:
        lens: the model.
        variant: injections; those of one layer are applied in order.
        where: gives the places to write for a policy and the states at hand.

    Raises:
        HookError: when a hook did not fire although the block ended well.
    """

    def edit(layer: int, states: Tensor) -> Tensor:
        for injection in variant:
            if injection.vector.layer == layer:
                states = write(states, where(injection.policy, states), injection)
        return states

    with hooked(lens, _by_layer(variant, edit)):
        yield


def _by_layer(
    injections: Iterable[Injection], edit: Callable[[int, Tensor], Tensor]
) -> dict[int, Edit]:
    return {i.vector.layer: partial(edit, i.vector.layer) for i in injections}


@contextmanager
def injected_by_row(
    lens: Lens, variants: Sequence[Variant], tokens: Tokens, prompt_last: Tensor
) -> Iterator[None]:
    """Hook a batch in which each row has its own variant.

    Args:
        lens: the model.
        variants: one a row of `tokens`.
        tokens: what will be read.
        prompt_last: see `places`.
    """
    rows: dict[Injection, list[int]] = {}
    for row, variant in enumerate(variants):
        for injection in variant:
            rows.setdefault(injection, []).append(row)

    def edit(layer: int, states: Tensor) -> Tensor:
        states = states.clone()
        for injection, which in rows.items():
            if injection.vector.layer == layer:
                at = places(injection.policy, tokens, prompt_last)[which]
                states[which] = write(states[which], at, injection)
        return states

    with hooked(lens, _by_layer(rows, edit)):
        yield


@contextmanager
def steering(
    lens: Lens,
    injections: Injection | Sequence[Injection],
    *,
    template: Template = "plain",
    mask: Bool[Tensor, "prompt token"] | None = None,
) -> Iterator[None]:
    """Steer whatever the caller runs on `lens.model` inside the block.

    A pass over more than one token counts as reading a prompt, whose last token is the last
    column; a pass over one token counts as a generated step. So rows must be unpadded or padded
    on the left, as the library's own `generate` does. For right-padded rows give `mask`.

    Args:
        mask: True at real tokens of the prompts that will be read.

    Raises:
        VectorError: when a vector belongs to another model; see `check_at_home`.
        HookError: when the model was not run inside the block.
    """
    variant = as_variant(injections)
    check_at_home(lens, variant, template)

    def where(policy: Policy, states: Tensor) -> Tensor:
        rows, width = states.shape[:2]
        if width == 1:
            return torch.full((rows, 1), policy != "prompt_last")
        real = torch.ones(rows, width, dtype=torch.bool) if mask is None else mask.cpu()
        if real.shape != (rows, width):
            raise HookError(f"The mask is {tuple(real.shape)}, the batch {(rows, width)}.")
        tokens = Tokens(torch.zeros(rows, width, dtype=torch.long), real)
        return places(policy, tokens, tokens.last)

    with injected(lens, variant, where):
        yield
