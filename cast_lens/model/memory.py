"""How many tokens a batch may hold, and what to do when it was too many after all."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from cast_lens.errors import ConfigError, ModelError

log = logging.getLogger("cast_lens")
SHARE = 0.5  # of the memory that is free when the model has been loaded
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
SIZE = re.compile(r"([0-9.]+) *([KMGT]?)i?B?", re.IGNORECASE)
NEW_TOKENS = {"cpu": 1024}  # more is slower on a CPU, whose caches it leaves
NEW_TOKENS_ELSEWHERE = 32_768
CACHED_TOKENS = {"cpu": 16_384}
CACHED_TOKENS_ELSEWHERE = 262_144
HELD = 6  # tensors of a block's widest layer that are alive at once
CACHE_COPIES = 4  # of keys and values: stem, rows, grown and repeated for grouped heads


@dataclass(frozen=True)
class Budget:
    """Bounds on one batch.

    Attributes:
        new_tokens: tokens run through the blocks at once, padding included.
        cached_tokens: tokens whose keys and values are held at once.
        logit_rows: rows of logits over the whole vocabulary held at once.
    """

    new_tokens: int
    cached_tokens: int
    logit_rows: int


def parse_memory(text: str) -> int:
    """Bytes of ``4GB``, ``500 MB`` or a plain number.

    Raises:
        ConfigError: when it is none of these.
    """
    found = SIZE.fullmatch(text.strip())
    try:
        size = float(found[1]) * UNITS[found[2].upper()] if found else 0.0
    except ValueError:
        size = 0.0
    if size < 1:
        raise ConfigError(f"memory = {text!r} is no size.", "Write for example 4GB or 500MB.")
    return int(size)


def free_memory(device: torch.device) -> int:
    """Bytes that one run may take: half of what is free on the device now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] * SHARE)
    import psutil

    return int(psutil.virtual_memory().available * SHARE)


def budget_of(config: Any, memory: int, kind: str, itemsize: int) -> Budget:
    """Batch bounds for a model of the library's config under `memory` bytes.

    Args:
        config: `cfg` of a bridge or `HookedTransformer`.
        memory: bytes.
        kind: device type; on ``cpu`` batches stay small enough for its caches.
        itemsize: bytes of one weight.
    """
    new, cached, logits = _bytes_each(config, itemsize)
    return Budget(
        new_tokens=_bounded(memory // 4, new, NEW_TOKENS.get(kind, NEW_TOKENS_ELSEWHERE)),
        cached_tokens=_bounded(
            memory // 2, cached, CACHED_TOKENS.get(kind, CACHED_TOKENS_ELSEWHERE)
        ),
        logit_rows=_bounded(memory // 4, logits, 256),
    )


def batch_bytes(config: Any, budget: Budget, itemsize: int) -> int:
    """Bytes that batches at the bounds of a budget take; see `budget_of`."""
    new, cached, logits = _bytes_each(config, itemsize)
    return budget.new_tokens * new + budget.cached_tokens * cached + budget.logit_rows * logits


def _bytes_each(config: Any, itemsize: int) -> tuple[int, int, int]:
    """Bytes of one new token, of one cached token, of one row of logits."""
    heads = getattr(config, "n_key_value_heads", None) or config.n_heads
    cached = 2 * config.n_layers * heads * config.d_head * itemsize * CACHE_COPIES
    widest = max(4 * config.d_model, int(getattr(config, "d_mlp", None) or 0))
    return HELD * widest * max(4, itemsize), cached, 12 * config.d_vocab


def _bounded(share: int, each: int, most: int) -> int:
    return max(1, min(most, share // each))


def run_batches(batches: Iterable[list[int]], work: Callable[[list[int]], None]) -> None:
    """Do some work batch by batch; one that does not fit the memory is halved and done again.

    Args:
        batches: indices of rows.
        work: must bear being begun twice on the same batch.

    Raises:
        ModelError: when even one row does not fit.
    """
    for batch in batches:
        waiting = [batch]
        while waiting:
            rows = waiting.pop()
            if not _fits(work, rows):
                if len(rows) == 1:
                    raise ModelError(
                        "Out of memory on a single prompt.",
                        "Give less text, a smaller model, or half precision.",
                    )
                log.warning("out of memory on %d rows; halving the batch", len(rows))
                half = len(rows) // 2
                waiting += [rows[half:], rows[:half]]


def _fits(work: Callable[[list[int]], None], rows: list[int]) -> bool:
    """Whether the work ended without running out of memory; what it held is let go first."""
    try:
        work(rows)
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
    else:
        return True
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return False


def _is_out_of_memory(error: BaseException) -> bool:
    known = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    return known or "DefaultCPUAllocator" in str(error)
