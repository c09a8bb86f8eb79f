"""Large tensors are not paid for twice."""

from __future__ import annotations

import subprocess
import sys

import pytest

TRY = """
import resource, sys, torch
from cast_lens.model.allocator import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "keep" else False
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(16_000_000)
before = faults()
for _ in range(10):
    torch.ones(16_000_000)
print(int(kept), faults() - before)
"""


def _tried(how: str, **environment: str) -> tuple[bool, int]:
    words = [sys.executable, "-c", TRY, how]
    done = subprocess.run(
        words, capture_output=True, text=True, check=True, env=environment or None
    )
    kept, faults = done.stdout.split()
    return kept == "1", int(faults)


@pytest.mark.skipif(sys.platform != "linux", reason="it is glibc that asks the system anew")
def test_pages_of_a_large_tensor_are_asked_for_once() -> None:
    kept, faults = _tried("keep")
    if not kept:
        pytest.skip("this C library has no such setting")
    assert faults < 1_000
    assert _tried("leave")[1] > 100_000  # 64 MB are 15,625 pages


@pytest.mark.skipif(sys.platform != "linux", reason="it is glibc that asks the system anew")
def test_what_the_user_has_set_stays() -> None:
    kept, faults = _tried("keep", MALLOC_MMAP_THRESHOLD_="1048576")
    assert not kept
    assert faults > 100_000
