"""Run the law of one reader over many inputs and count how they end.

`python tests/trust/fuzz_many.py task 105000`, and the same with `vector`; FUZZ.md is the record.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
from fuzz_laws import (
    SOUND_FILES,
    VECTOR_BYTES,
    task_files,
    task_reader_survives,
    vector_reader_survives,
)

BATCH = 500  # examples; a long single search would remember every one
QUARTERS = (1, 2, 3)
READERS: dict[str, Any] = {
    "task": (task_files(), task_reader_survives),
    "vector": (VECTOR_BYTES, vector_reader_survives),
}


def relatives(given: bytes | dict[str, bytes]) -> Iterator[Any]:
    """What hypothesis drew, and nine more: cut off, turned round, one bit changed, at quarters."""
    if isinstance(given, dict):
        drawn = {name: content for name, content in given.items() if content != SOUND_FILES[name]}
        for changed in zip(*map(_relatives, drawn.values()), strict=True):
            yield given | dict(zip(drawn, changed, strict=True))
    else:
        yield from _relatives(given)


def _relatives(content: bytes) -> Iterator[bytes]:
    yield content
    for quarter in QUARTERS:
        at = len(content) * quarter // 4
        yield content[:at]
        yield content[at:] + content[:at]
        yield (
            content[:at]
            + bytes(byte ^ (1 << quarter) for byte in content[at : at + 1])
            + (content[at + 1 :])
        )


def count(name: str, strategy: Any, law: Callable[[Any, Path], str], wanted: int) -> None:
    """Feed a law until so many inputs were seen; a failure ends it with the smallest one.

    The counts so far are printed after every batch; the last line is the result.
    """
    ends: Counter[str] = Counter()
    drawn = Counter[str]()
    start = time.monotonic()
    seed = 0
    with tempfile.TemporaryDirectory() as place:

        def once(given: Any) -> None:
            drawn["examples"] += 1
            for one in relatives(given):
                ends[law(one, Path(place))] += 1

        while ends.total() < wanted:
            options = hypothesis.settings(
                max_examples=BATCH,
                deadline=None,
                database=None,
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            hypothesis.seed(seed)(options(hypothesis.given(strategy)(once)))()
            seed += 1
            seconds = time.monotonic() - start
            sys.stdout.write(
                f"{name}: {drawn.total()} examples, {ends.total()} inputs, {dict(ends)}, "
                f"{seconds:.0f} s\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    reader, wanted = sys.argv[1:]
    count(reader, *READERS[reader], int(wanted))
