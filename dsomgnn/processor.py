"""The processor and its memory: what it is fast at, measured once, never assumed; and freed memory kept for reuse."""

from __future__ import annotations

import ctypes
import time
from functools import cache

import torch

ROWS, WIDTH, COLUMNS, ROUNDS = 128, 256, 4096, 3
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX, ARENA_MAX = -1, -2, -4, -8  # of glibc's mallopt


@cache
def fast_dtype() -> torch.dtype:
    """The number format of the faster products on the CPU: bfloat16 where it pays, else float32."""
    took = {dtype: _seconds(dtype) for dtype in (torch.float32, torch.bfloat16)}
    return min(took, key=took.__getitem__)


def _seconds(dtype: torch.dtype) -> float:
    query, candidates = torch.ones(ROWS, WIDTH, dtype=dtype), torch.ones(COLUMNS, WIDTH, dtype=dtype)
    out = torch.empty(ROWS, COLUMNS, dtype=dtype)
    rounds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        torch.mm(query, candidates.T, out=out)
        rounds.append(time.perf_counter() - started)
    return min(rounds)


@cache
def keep_memory() -> bool:
    """Have glibc keep what torch frees, for the process's whole life, in two places for all threads; whether it does.

    It would hand large buffers back to the system, and every step would wait for them to be mapped anew, page by page:
    a third of its time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    settings = ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, 2**26), (ARENA_MAX, 2))
    return all(mallopt(*setting) for setting in settings)
