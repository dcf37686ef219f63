"""Soft labels of the teachers that a row chose: the mean of their distributions, or the normalised product.

The product, a weighted geometric mean, is a softmax of summed logits. A mean of distributions is to first order worth
the mean of what its members are worth; a product can be worth more than each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from dsomgnn.batches import Batch
from dsomgnn.distill.losses import LossWeights
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.pool import EVERYONE, Pool
from dsomgnn.threads import by_blocks


@torch.no_grad()
def soft_labels(
    teachers: Sequence[FrozenTeacher],
    batch: Batch,
    shares: Tensor,
    weights: LossWeights,
    dtype: torch.dtype = torch.float32,
    pool: Pool = EVERYONE,
) -> Tensor:
    """Soft labels (B, P) in `dtype` at weights.tau; `shares` (B, K) of the teachers, rows of which sum to 1 or are 0.

    A teacher is multiplied only for the rows that chose it, in `dtype`.
    """
    make = _product if weights.combine == "product" else _mean
    found = make(teachers, batch, shares, weights.tau, dtype, pool)
    if found is None:
        return shares.new_zeros(len(shares), len(pool.rows(teachers[0].speaks)), dtype=dtype)
    return found


def _chosen(teachers: Sequence[FrozenTeacher], shares: Tensor) -> Iterator[tuple[FrozenTeacher, Tensor, Tensor]]:
    """Every teacher that some row chose, with those rows (n,) and its share in each, (n, 1).

    On a GPU every teacher with all rows, a share of 0 included: to be told which chose it costs more than a product.
    """
    for teacher, share in zip(teachers, shares.unbind(1), strict=True):
        on_cpu = share.device.type == "cpu"
        rows = torch.nonzero(share)[:, 0] if on_cpu else torch.arange(len(share), device=share.device)
        if len(rows):
            yield teacher, rows, share[rows, None]


def _mean(
    teachers: Sequence[FrozenTeacher], batch: Batch, shares: Tensor, tau: float, dtype: torch.dtype, pool: Pool
) -> Tensor | None:
    """Sum over teachers of shares times softmax(logits / (temperature tau))."""
    mean: Tensor | None = None
    for teacher, rows, share in _chosen(teachers, shares.to(dtype)):
        heat = teacher.temperature * tau
        asked = batch.queries[rows], batch.index[rows], dtype, heat, pool
        mean = _joined(mean, pool.weigh(teacher.logits(*asked)), share, rows, len(shares))
    return mean


def _joined(mean: Tensor | None, scores: Tensor, share: Tensor, rows: Tensor, size: int) -> Tensor:
    """The mean (size, P), with one more teacher's distributions for some rows; scores are overwritten."""
    whole = len(rows) == size
    if mean is None and whole:
        by_blocks(lambda s, w: torch.softmax(s, 1, out=s).mul_(w), scores, share)
        return scores
    mean = scores.new_zeros(size, scores.shape[1]) if mean is None else mean
    if whole:
        by_blocks(lambda m, s, w: m.addcmul_(torch.softmax(s, 1, out=s), w), mean, scores, share)
    else:
        by_blocks(lambda s, w, at: mean.index_add_(0, at, torch.softmax(s, 1, out=s).mul_(w)), scores, share, rows)
    return mean


def _product(
    teachers: Sequence[FrozenTeacher], batch: Batch, shares: Tensor, tau: float, dtype: torch.dtype, pool: Pool
) -> Tensor | None:
    """Softmax of the sum over teachers of shares times logits / (temperature tau)."""
    total: Tensor | None = None
    for teacher, rows, share in _chosen(teachers, shares):
        heat = teacher.temperature * tau / share
        asked = batch.queries[rows], batch.index[rows], dtype, heat, pool
        if len(rows) == len(shares):
            total = teacher.logits(*asked, total)
        else:
            scores = teacher.logits(*asked)
            total = scores.new_zeros(len(shares), scores.shape[1]) if total is None else total
            total.index_add_(0, rows, scores)
    if total is not None:
        by_blocks(lambda part: torch.softmax(pool.weigh(part), 1, out=part), total)
    return total
