"""Run the upper blocks alone, from what the lower ones put out before.

A vector written after block l changes nothing up to block l, so another strength needs only the
blocks above. The bridge's own `start_at_layer` runs the lower blocks all the same; here they hand
out what they put out when they last ran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from cast_lens.errors import HookError
from cast_lens.model.branches import HALF_TOLERANCE, TOLERANCE
from cast_lens.model.forward import KeyValues
from cast_lens.model.hooks import hooked
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import pad_rows


@contextmanager
def recorded(lens: Lens) -> Iterator[list[Any]]:
    """What every block puts out for one row, in the order of blocks, once the model has run."""
    outputs: list[Any] = []

    def keep(_module: Any, _args: Any, output: Any) -> None:
        outputs.append(_by_tensor(output, torch.clone))

    handles = [block.register_forward_hook(keep) for block in lens.model.blocks]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def resumed(lens: Lens, outputs: Sequence[Any], layer: int, rows: int) -> Iterator[None]:
    """The blocks before `layer` hand out what was recorded, to each of some equal rows.

    Their hooks do not fire and they read nothing into a cache, so what is read inside is good for
    its logits only.
    """
    below = list(lens.model.blocks)[:layer]
    before = [vars(block).get("forward") for block in below]
    for block, output in zip(below, outputs[:layer], strict=True):
        given = _by_tensor(output, lambda one: one.expand(rows, *one.shape[1:]))
        # not by setattr: the bridge passes attributes on to the module it wraps
        vars(block)["forward"] = lambda *_, given=given, **__: given
    try:
        yield
    finally:
        for block, own in zip(below, before, strict=True):
            if own is None:
                del vars(block)["forward"]
            else:
                vars(block)["forward"] = own


def _by_tensor(output: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(output, tuple):
        return tuple(_by_tensor(part, change) for part in output)
    return change(output) if isinstance(output, Tensor) else output


_CHECKED: WeakKeyDictionary[Lens, bool] = WeakKeyDictionary()


def can_resume(lens: Lens) -> bool:
    """Whether going on from a middle block equals a whole pass; tried once a lens."""
    if lens not in _CHECKED:
        _CHECKED[lens] = _agrees(lens)
    return _CHECKED[lens]


def _agrees(lens: Lens) -> bool:
    """Two rows, one of which is pushed after a middle block, whole and resumed."""
    rows, layer = 2, lens.n_layers // 2
    push = torch.randn(lens.d_model, generator=torch.Generator().manual_seed(0))
    push[0] = 0

    def edit(states: Tensor) -> Tensor:
        moved = states[:1] + states[:1].norm() * (push / push.norm()).to(states)
        return torch.cat([moved, states[1:]])

    def logits(copies: int) -> Tensor:
        read = KeyValues(lens, copies)
        read.prefill(pad_rows([(0, 1)] * copies, lens.pad_id, side="left"))
        return read.read_for_next(pad_rows([(2,)] * copies, lens.pad_id, side="left")).float()

    with hooked(lens, {layer: lambda states: edit(states) if states.shape[1] == 1 else None}):
        right = logits(rows)
    try:
        read = KeyValues(lens, 1)
        read.prefill(pad_rows([(0, 1)], lens.pad_id, side="left"))
        beside = read.select(torch.zeros(rows, dtype=torch.long))
        last = [(2,)]
        with recorded(lens) as outputs:
            read.read_for_next(pad_rows(last, lens.pad_id, side="left"))
        with hooked(lens, {layer: edit}), resumed(lens, outputs, layer, rows):
            found = beside.read_for_next(pad_rows(last * rows, lens.pad_id, side="left")).float()
    except (TypeError, ValueError, RuntimeError, AttributeError, HookError):
        return False  # this architecture's blocks hand on more than their states
    tolerance = TOLERANCE if lens.dtype == torch.float32 else HALF_TOLERANCE
    return bool((found - right).abs().max() <= tolerance * right.abs().max())
