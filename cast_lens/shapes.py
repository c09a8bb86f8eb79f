"""Run-time checked tensor shapes: a record built with the wrong shape raises at once."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

from beartype import beartype
from jaxtyping import jaxtyped

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def shaped(cls: type[T]) -> type[T]:
    """Check the jaxtyping annotations of a frozen dataclass whenever one is constructed.

    Its repr gives the shape of what is large, unless the class has its own.
    """
    from dataclasses import dataclass

    if "__repr__" not in vars(cls):
        cls.__repr__ = _told  # type: ignore[method-assign]
    check: Callable[[type[T]], type[T]] = jaxtyped(typechecker=beartype)
    return check(dataclass(frozen=True, eq=False, repr=False)(cls))


def as_array(values: Any, dtype: Any, copy: bool | None) -> np.ndarray:
    """What numpy's `__array__` asks for; without a copy, a view that cannot be written to."""
    import numpy as np

    found = np.array(values, dtype=dtype, copy=copy)
    if np.may_share_memory(found, values):
        found.flags.writeable = False
    return found


def _told(self: object) -> str:
    parts = (f"{name}={_short(value)}" for name, value in vars(self).items())
    return f"{type(self).__name__}({', '.join(parts)})"


def _short(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return reprlib.repr(value) if shape is None else f"{value.dtype} {tuple(shape)}"
