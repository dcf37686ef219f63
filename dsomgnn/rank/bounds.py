"""Scores (n, N) against a bound (n,) of their row, exactly; in bfloat16 by their bits, eight times as fast.

As integers, bfloat16 values above zero stand in their own order, and as unsigned integers those below it in the
opposite one. Half the bits of a float32 are a bfloat16, so a float32 bound lies between two of these integers.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SIGN = 0x8000


def at_least(scores: Tensor, bound: Tensor) -> np.ndarray:
    """Mask (n, N) of scores >= bound, which is float32 and not NaN."""
    if scores.dtype != torch.bfloat16:
        return scores.numpy() >= bound[:, None].numpy()
    return _from(scores, -(-_order(bound) >> 16))


def above(scores: Tensor, bound: Tensor) -> np.ndarray:
    """Mask (n, N) of scores > bound, which is float32 and not NaN."""
    if scores.dtype != torch.bfloat16:
        return scores.numpy() > bound[:, None].numpy()
    return _from(scores, (_order(bound) >> 16) + 1)


def _order(values: Tensor) -> Tensor:
    """Integers in the order of float32 values, zero for zero of either sign."""
    bits = values.view(torch.int32).long()
    return torch.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _from(scores: Tensor, least: Tensor) -> np.ndarray:
    """Mask (n, N) of bfloat16 scores whose integers in `_order` are `least` (n,) or more."""
    bits = scores.view(torch.int16).numpy()
    unsigned, mask = bits.view(np.uint16), np.empty(bits.shape, dtype=bool)
    for row, key in enumerate(least.tolist()):
        if key > 0:
            np.greater_equal(bits[row], np.int16(key), out=mask[row])
        else:
            np.less_equal(unsigned[row], np.uint16(SIGN - key), out=mask[row])
    return mask
