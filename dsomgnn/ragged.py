"""Runs of consecutive places, one for each of many owners, without a loop over them."""

from __future__ import annotations

import torch
from torch import Tensor


def ragged(start: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Owner i, `count[i]` times, and beside it start[i], start[i] + 1, ...; for every i of `start`, `count` (n,)."""
    owner = torch.repeat_interleave(torch.arange(len(count), device=count.device), count)
    first = start - count.cumsum(0) + count
    return owner, torch.arange(len(owner), device=count.device) + first[owner]
