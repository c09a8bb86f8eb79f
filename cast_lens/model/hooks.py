"""Hooks after blocks that count their firings and are gone when the block of code ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from cast_lens.errors import HookError
from cast_lens.model.lens import Lens

Edit = Callable[[Tensor], Tensor | None]


@contextmanager
def hooked(lens: Lens, edits: Mapping[int, Edit]) -> Iterator[None]:
    """Place a hook on `hook_resid_post` of some blocks for the calls made inside.

    Args:
        lens: the model.
        edits: by layer, a function of the states (prompt, token, d_model) that returns new states,
            or None to leave them.

    Raises:
        ModelError: when a layer does not exist.
        HookError: when the model has no such hook, or one did not fire although the code inside
            ended well: a silent no-op must not pass for a null result.
    """
    fired: Counter[int] = Counter()

    def hook_for(layer: int, edit: Edit) -> Callable[..., Tensor | None]:
        def hook(states: Tensor, hook: Any) -> Tensor | None:  # noqa: ARG001 - passed by name
            fired[layer] += 1
            return edit(states)

        return hook

    # an unknown name is silently ignored by some versions of the library
    unknown = [n for n in map(lens.hook_name, edits) if n not in lens.model.hook_dict]
    if unknown:
        raise HookError(f"The model has no hook {unknown[0]}.")
    hooks = [(lens.hook_name(layer), hook_for(layer, edit)) for layer, edit in edits.items()]
    with lens.model.hooks(fwd_hooks=hooks):
        yield
    silent = sorted(set(edits) - set(fired))
    if silent:
        raise HookError(f"The hooks of layers {silent} did not fire: those blocks were not run.")
