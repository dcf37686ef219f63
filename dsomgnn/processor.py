"""What this processor is fast at: measured once, never assumed."""

from __future__ import annotations

import time
from functools import cache

import torch

ROWS, WIDTH, COLUMNS, ROUNDS = 128, 256, 4096, 3


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
