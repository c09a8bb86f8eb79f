"""Run-time checked tensor shapes: a record built with the wrong shape raises at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, dataclass_transform

from beartype import beartype
from jaxtyping import jaxtyped

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def shaped(cls: type[T]) -> type[T]:
    """Check the jaxtyping annotations of a frozen dataclass whenever one is constructed."""
    from dataclasses import dataclass

    check: Callable[[type[T]], type[T]] = jaxtyped(typechecker=beartype)
    return check(dataclass(frozen=True, eq=False)(cls))
