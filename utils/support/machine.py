"""How this process uses the machine: its CPU threads, and the memory that it frees."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from functools import cache

import torch

# mallopt's names and numbers, from malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEPT = {
    M_MMAP_THRESHOLD: 32 * 2**20,  # bytes; the largest that glibc documents
    M_TRIM_THRESHOLD: 2**31 - 1,
    M_TOP_PAD: 64 * 2**20,
}
# The same wish for a process that starts with it in its environment.
ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(KEPT[M_MMAP_THRESHOLD]),
    "MALLOC_TRIM_THRESHOLD_": str(KEPT[M_TRIM_THRESHOLD]),
    "MALLOC_TOP_PAD_": str(KEPT[M_TOP_PAD]),
}


@cache
def keep_freed() -> bool:
    """Have this process keep the memory that it frees; ``False`` where that cannot be asked for.

    Every update makes its activations anew and frees them. Left alone, glibc may hand such large
    blocks back to the system at once, and the next update asks for them again, page by page and
    zeroed, which can take longer than the arithmetic. Which of the two happens changes within a
    run, so that times scatter. No number but the seconds depends on it. On Linux with glibc;
    mallopt(3) describes the settings.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    return mallopt is not None and all([mallopt(name, value) for name, value in KEPT.items()])


@contextlib.contextmanager
def cpu_threads(n: int) -> Iterator[None]:
    """torch computes with ``n`` CPU threads inside, with as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
