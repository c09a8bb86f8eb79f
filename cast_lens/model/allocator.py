"""How the process holds memory that tensors have left."""

from __future__ import annotations

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
LARGEST = 2**30  # bytes of a buffer, and at the end of the heap
OWN = "MALLOC_MMAP_THRESHOLD_"  # the user's word


def keep_freed_memory() -> bool:
    """Let glibc keep what large tensors have left, for the next ones; says whether it does.

    Else it asks the system anew for every buffer beyond 32 MB, such as the attention of a long
    prompt, and each page of it is cleared again: with prompts of 1,300 tokens that took a third of
    all processor time. Nothing is changed on other systems, or where the user has set the same.
    """
    if sys.platform != "linux" or OWN in os.environ:
        return False
    change = getattr(ctypes.CDLL(None), "mallopt", None)
    if change is None:
        return False
    return all([change(M_MMAP_THRESHOLD, LARGEST), change(M_TRIM_THRESHOLD, LARGEST)])
