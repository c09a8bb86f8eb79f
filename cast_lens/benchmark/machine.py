"""What the machine and the model can do at best, and what passes the blocks."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from cast_lens.model.lens import Lens
from cast_lens.model.rate import ROWS, seconds_of

PRODUCTS = 30


def matmul_rate(lens: Lens, repeats: int = 5) -> float:
    """Floating-point operations a second of the model's own MLP product, median of repeats."""
    wide = int(getattr(lens.model.cfg, "d_mlp", None) or 4 * lens.d_model)
    left = torch.randn(ROWS, lens.d_model, dtype=lens.dtype, device=lens.device)
    right = torch.randn(lens.d_model, wide, dtype=lens.dtype, device=lens.device)

    def products() -> None:
        for _ in range(PRODUCTS):
            left @ right

    products()
    seconds = statistics.median(seconds_of(products, repeats, lens.device))
    return 2 * ROWS * lens.d_model * wide * PRODUCTS / seconds


@dataclass
class Passed:
    """How many (row, token) places passed all blocks, as a mean over blocks, padding included."""

    places: int = 0
    blocks: int = 1

    @property
    def tokens(self) -> float:
        """Tokens, each counted as the share of blocks it passed."""
        return self.places / self.blocks


@contextmanager
def tokens_passed(lens: Lens) -> Iterator[Passed]:
    """Count what passes the blocks inside."""
    passed = Passed(blocks=len(lens.model.blocks))

    def count(_module: Any, args: tuple[Any, ...]) -> None:
        passed.places += args[0].shape[0] * args[0].shape[1]

    handles = [block.register_forward_pre_hook(count) for block in lens.model.blocks]
    try:
        yield passed
    finally:
        for handle in handles:
            handle.remove()
