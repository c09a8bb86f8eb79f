"""What a piece of a run took: seconds and peak memory. Both differ from run to run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeVar

import torch

from cast_lens.records import Record

T = TypeVar("T")
MEGABYTE = 10**6


class Spent(Record):
    """What one piece took when it was computed.

    Attributes:
        piece: its name.
        seconds: wall clock.
        peak_memory_mb: on a GPU the most that was allocated while it was computed, weights
            included; on the CPU the most that the process had held by then, which never falls.
    """

    piece: str
    seconds: float
    peak_memory_mb: float


def measured(device: torch.device, piece: str, compute: Callable[[], T]) -> tuple[T, Spent]:
    """Compute a piece and measure what it takes."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    start = time.perf_counter()
    found = compute()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - start
    megabytes = _peak_bytes(device) / MEGABYTE
    return found, Spent(piece=piece, seconds=round(seconds, 3), peak_memory_mb=round(megabytes, 1))


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
