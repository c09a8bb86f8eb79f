"""How long work takes on a device, and how fast it multiplies matrices."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

ROWS = 1024  # tokens in the matrix product that sets the rate
ENOUGH = 0.5  # seconds that a measurement lasts at least


def seconds_of(work: Callable[[], object], repeats: int, device: torch.device) -> list[float]:
    """Wall-clock seconds of each repeat; a GPU's queue is waited for."""
    found = []
    for _ in range(repeats):
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        found.append(time.perf_counter() - start)
    return found


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def quick_rate(d_model: int, d_mlp: int, dtype: torch.dtype, device: torch.device) -> float:
    """Floating-point operations a second of one MLP's product, measured in about a second."""
    left = torch.randn(ROWS, d_model, dtype=dtype, device=device)
    right = torch.randn(d_model, d_mlp, dtype=dtype, device=device)
    count = 1
    while True:

        def products(times: int = count) -> None:
            for _ in range(times):
                left @ right

        (seconds,) = seconds_of(products, 1, device)
        if seconds >= ENOUGH:
            return 2 * ROWS * d_model * d_mlp * count / seconds
        count *= 2
