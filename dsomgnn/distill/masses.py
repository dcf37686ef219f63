"""What teachers and student give a query's neighbours and all others: all that the distillation loss is made of.

What goes over all entities goes block by block of rows, so that it stays in cache from one operation to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dsomgnn.distill.losses import EMPTY
from dsomgnn.neighbourhood import Neighbourhood
from dsomgnn.pool import Pool
from dsomgnn.threads import by_blocks


@dataclass(frozen=True)
class Masses:
    """What teachers (p) and student (u) give the neighbours, each (M,) and in all (B,), and all others, (B,).

    `u_share` (M,): each neighbour's part of what the student gives them, which is there however little that is. `lse`:
    log normaliser of the student at tau. `crossed`: sum over the others of p (log p - s / tau).
    """

    p_each: Tensor
    p_in: Tensor
    p_out: Tensor
    u_each: Tensor
    u_share: Tensor
    log_u_each: Tensor
    u_in: Tensor
    u_out: Tensor
    lse: Tensor
    crossed: Tensor


def masses(scores: Tensor, soft: Tensor, near: Neighbourhood, tau: float, measure: bool, pool: Pool) -> Masses:
    """Takes the neighbours out of both; scores become the softmax, at tau, over all others."""
    row, full = near.row, torch.promote_types(scores.dtype, torch.float32)
    p, s = soft[row, near.node].to(full), scores[row, near.node].to(full) / tau
    soft[row, near.node] = 0
    scores[row, near.node] = EMPTY
    lse_out, p_out, crossed = _outside(scores, soft, tau, measure, pool)
    top = s.new_full((len(scores),), EMPTY).scatter_reduce_(0, row, s, "amax")
    each = (s - top[row]).exp()
    total = per_row(each, row, len(scores))
    lse_in = top + total.log()
    lse = torch.logaddexp(lse_in, lse_out)
    log_u, u_in, u_out = s - lse[row], (lse_in - lse).exp(), (lse_out - lse).exp()
    p_in = per_row(p, row, len(scores))
    return Masses(p, p_in, p_out, log_u.exp(), each / total[row], log_u, u_in, u_out, lse, crossed)


def per_row(values: Tensor, row: Tensor, rows: int) -> Tensor:
    """Sums of values (M,) over the neighbours of each row, (rows,)."""
    return values.new_zeros(rows).index_add_(0, row, values)


def _outside(scores: Tensor, soft: Tensor, tau: float, measure: bool, pool: Pool) -> tuple[Tensor, Tensor, Tensor]:
    """Outside the neighbourhood, per row: log sum of exp(s / tau), mass of p, and, where it is measured, the sum of
    p (log p - s / tau). Scores become their softmax at tau."""
    full = torch.promote_types(scores.dtype, torch.float32)
    lse, mass, crossed = scores.new_full((3, len(scores)), torch.nan, dtype=full)

    def work(s: Tensor, p: Tensor, lse: Tensor, mass: Tensor, crossed: Tensor) -> None:
        pool.weigh(s.div_(tau) if tau != 1 else s)
        top = s.amax(1).to(full)
        torch.sum(p, 1, dtype=full, out=mass)
        if measure:
            crossed.copy_(-torch.special.entr(p).sum(1, dtype=full) - torch.linalg.vecdot(p, s).to(full))
        torch.softmax(s, 1, out=s)
        lse.copy_(top - s.amax(1).to(full).log())

    by_blocks(work, scores, soft, lse, mass, crossed)
    return lse, mass, crossed


def softmax(scores: Tensor, pool: Pool) -> tuple[Tensor, Tensor]:
    """Softmax over all candidates, and its log normaliser."""
    scores = pool.weighed(scores)
    p, full = scores.softmax(1), torch.promote_types(scores.dtype, torch.float32)
    return p, scores.amax(1).to(full) - p.amax(1).to(full).log()
