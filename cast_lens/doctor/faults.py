"""Faults to plant: things that go wrong silently in other people's code.

A fault sits in a wrapper around the lens' model or tokenizer, or in `KeyValues.select`; the code
under examination does not know of it, and the plain Hugging Face model never passes through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, Literal, get_args
from unittest.mock import patch

import torch
from torch import Tensor

from cast_lens.errors import ConfigError, ModelError
from cast_lens.model.forward import KeyValues
from cast_lens.model.lens import Lens

Fault = Literal["pad", "bos", "mask", "layer", "sign", "cache"]
NAMED_BY: dict[Fault, str] = {
    "bos": "BOS, plain",
    "layer": "every block",
    "pad": "padding side",
    "mask": "padding is hidden",
    "cache": "cache, copies",
    "sign": "injection, its place",
}


class _Through:
    """Stands before an object and hands everything on."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._inner(*args, **options)


class _SecondBos(_Through):
    """A tokenizer that adds one BOS more than it did."""

    def __call__(self, text: str, **options: Any) -> Any:
        ids = self._inner(text, **options)["input_ids"]
        again = [self._inner.bos_token_id] if options.get("add_special_tokens", True) else []
        return {"input_ids": again + ids}


class _Unmasked(_Through):
    """A model that is told nothing of padding."""

    def __call__(self, ids: Tensor, *, attention_mask: Tensor, **options: Any) -> Any:
        if attention_mask.ndim == 2:
            attention_mask = torch.ones_like(attention_mask)
        return self._inner(ids, attention_mask=attention_mask, **options)


class _PaddedRight(_Through):
    """A model whose batches are padded on the right, whatever was asked."""

    def __call__(self, ids: Tensor, *, attention_mask: Tensor, **options: Any) -> Any:
        if attention_mask.ndim == 2:
            past, new = attention_mask.tensor_split([attention_mask.shape[1] - ids.shape[1]], 1)
            order = new.argsort(dim=1, descending=True, stable=True)
            ids, new = ids.gather(1, order), new.gather(1, order)
            attention_mask = torch.cat([past, new], dim=1)
        return self._inner(ids, attention_mask=attention_mask, **options)


class _BlockBelow(_Through):
    """A model whose hooks sit one block too low."""

    def hooks(self, fwd_hooks: list[tuple[str, Callable[..., Any]]]) -> Any:
        return self._inner.hooks(fwd_hooks=[(_below(name), hook) for name, hook in fwd_hooks])


def _below(name: str) -> str:
    start, layer, point = name.split(".")
    return f"{start}.{max(0, int(layer) - 1)}.{point}"


class _Flipped(_Through):
    """A model to which hooks write the opposite of what they return."""

    def hooks(self, fwd_hooks: list[tuple[str, Callable[..., Any]]]) -> Any:
        return self._inner.hooks(
            fwd_hooks=[(name, partial(_opposite, hook)) for name, hook in fwd_hooks]
        )


def _opposite(inner: Callable[..., Tensor | None], states: Tensor, hook: Any) -> Tensor | None:
    found = inner(states, hook=hook)
    if found is None or found.shape != states.shape:  # nothing written, or copies appended
        return found
    return 2 * states - found


@contextmanager
def _cache_in_place() -> Iterator[None]:
    """A selection of a cache's rows is the cache itself."""
    select = KeyValues.select

    def in_place(self: KeyValues, rows: Tensor) -> KeyValues:
        vars(self).update(vars(select(self, rows)))
        return self

    with patch.object(KeyValues, "select", in_place):
        yield


def check_known(fault: str | None) -> None:
    """Refuse a fault that cannot be planted.

    Raises:
        ConfigError: when no fault has that name.
    """
    if fault is not None and fault not in get_args(Fault):
        raise ConfigError(f"fault {fault!r} is not one of {', '.join(get_args(Fault))}.")


@contextmanager
def planted(lens: Lens, fault: str | None) -> Iterator[Lens]:
    """The lens with a fault in it, as long as the block lasts; the lens given stays sound.

    Raises:
        ConfigError: when no fault has that name.
        ModelError: when the model cannot have it.
    """
    check_known(fault)
    if fault == "bos" and lens.tokenizer.bos_token_id is None:
        raise ModelError(f"{lens.name}: its tokenizer has no BOS, so none can be doubled.")
    wrappers = {"mask": _Unmasked, "pad": _PaddedRight, "layer": _BlockBelow, "sign": _Flipped}
    if fault in wrappers:
        lens = replace(lens, model=wrappers[fault](lens.model))
    elif fault == "bos":
        lens = replace(lens, tokenizer=_SecondBos(lens.tokenizer))
    during: AbstractContextManager[None] = _cache_in_place() if fault == "cache" else nullcontext()
    with during:
        yield lens
