"""Cross entropy and decoupled distillation in one pass, with a hand-written backward.

Equal to `cross_entropy` plus gamma times `losses.distillation`, without (B, N) masks, K teacher tensors or a graph:
one buffer of soft labels, one of student scores that becomes the gradient. Neighbours are taken out of both before a
softmax over the rest: mass outside the neighbourhood, as 1 - m, would be lost to rounding where a teacher is confident.
What goes over all entities goes block by block of rows, so that it stays in cache from one operation to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from dsomgnn.batches import Batch
from dsomgnn.distill.losses import EMPTY, LossWeights
from dsomgnn.neighbourhood import Neighbourhood
from dsomgnn.pool import EVERYONE, Pool
from dsomgnn.threads import apart

CACHED = 2**19  # scores of a block


def by_blocks(work: Callable[..., object], *tensors: Tensor) -> None:
    """Work on the tensors' rows, in step: on a GPU on all at once, on a CPU on block by block, one thread to each."""
    on_gpu, rows = tensors[0].is_cuda, max(1, CACHED // tensors[0].shape[1])
    parts = list(zip(*(tensor.split(len(tensor) if on_gpu else rows) for tensor in tensors), strict=True))
    apart(lambda part: work(*part), parts, min(len(parts), torch.get_num_threads()))


@dataclass(frozen=True)
class Lecture:
    """What some rows of a batch are taught.

    `factors` are their query vectors (B, d) and the candidates (P, d) in the number format of the products, `scores`
    (B, P) their product without the pool's weights, `soft` (B, P) the soft labels at tau with them, in that format
    too; targets of the `batch` and neighbours are places in the pool. `number` (B,): how many triples of a row chose a
    teacher.
    """

    factors: tuple[Tensor, Tensor]
    scores: Tensor
    batch: Batch
    soft: Tensor
    near: Neighbourhood
    number: Tensor


class _Known(torch.autograd.Function):
    """A loss whose gradients are known already."""

    @staticmethod
    def forward(ctx, loss, query, table, to_query, to_table):
        ctx.save_for_backward(to_query, to_table)
        return loss.clone()

    @staticmethod
    def backward(ctx, upstream):
        to_query, to_table = ctx.saved_tensors
        return None, to_query * upstream, to_table.mul_(upstream), None, None


@torch.no_grad()
def taught_cross_entropy(
    query: Tensor,
    table: Tensor,
    lectures: Iterable[tuple[slice, Lecture]],
    triples: int,
    weights: LossWeights,
    measure: bool = True,
    pool: Pool = EVERYONE,
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, and its parts: mean cross entropy of the batch's triples and gamma L_nd.

    `query` (B, d) and `table` (P, d), the pool's entities, get the gradients, which are made here, lecture by lecture:
    every one, with the rows it is for, is made after the one before is gone. Its scores and soft labels are
    overwritten. The parts carry no gradient. Without `measure` the gradients are the same, but the loss and the taught
    part are NaN: a logarithm of every soft label is what costs most, and a step needs none.
    """
    fit = taught = query.new_zeros(())
    to_query, to_table = torch.zeros_like(query), torch.zeros_like(table)
    for rows, lecture in lectures:
        own, candidates = lecture.factors
        part, more = _scores_to_gradient(lecture, triples, weights, measure, pool)
        fit, taught = fit + part, taught + more
        gradient = lecture.scores
        to_query[rows] = (gradient @ candidates).to(query.dtype)
        _accumulate(to_table, gradient.T, own)
        del lecture, gradient
    with torch.enable_grad():
        loss = _Known.apply(fit + taught, query, table, to_query, to_table)
    return loss, fit, taught


def _accumulate(total: Tensor, a: Tensor, b: Tensor) -> None:
    """Add a product to a total."""
    if total.dtype == a.dtype:
        total.addmm_(a, b)
    else:
        total.add_(a @ b)


def _scores_to_gradient(
    lecture: Lecture, total: int, weights: LossWeights, measure: bool, pool: Pool
) -> tuple[Tensor, Tensor]:
    """The parts of the loss that some rows have in a mean over `total` triples; scores become its gradient."""
    scores, soft, number = lecture.scores, lecture.soft, lecture.number
    row, target, rows = lecture.batch.row, lecture.batch.target, len(scores)
    near_row, near_node = lecture.near.row, lecture.near.node
    full = torch.promote_types(scores.dtype, torch.float32)
    tau, alpha, beta = weights.tau, weights.alpha, weights.beta
    if not weights.split:
        near_row, near_node, alpha, beta = near_row[:0], near_node[:0], 0.0, 1.0
    binary = float(weights.binary and weights.split)

    def per_row(values: Tensor) -> Tensor:
        return values.new_zeros(rows).index_add_(0, near_row, values)

    hard, lse = (None, None) if tau == 1 else _softmax(scores, pool)
    right = scores[row, target].to(full)
    p_in, s_in = soft[near_row, near_node].to(full), scores[near_row, near_node].to(full) / tau
    soft[near_row, near_node] = 0
    scores[near_row, near_node] = EMPTY
    lse_out, p_out, crossed = _outside(scores, soft, tau, measure, pool)
    most = s_in.new_full((rows,), EMPTY).scatter_reduce_(0, near_row, s_in, "amax").maximum(lse_out)
    e_in, e_out = per_row((s_in - most[near_row]).exp()), (lse_out - most).exp()
    hot = most + (e_in + e_out).log()
    m_u, u_out, m_p = e_in / (e_in + e_out), e_out / (e_in + e_out), per_row(p_in)
    log_u_in = s_in - hot[near_row]
    u_in = log_u_in.exp()

    count = torch.bincount(row, minlength=rows).to(full)
    lse = hot if lse is None else lse
    fit = ((count * lse).sum() - right.sum()) / total
    inner = per_row(torch.xlogy(p_in, p_in) - p_in * log_u_in)
    kl_in = _ratio(inner, m_p) + _log_ratio(m_u, m_p)
    kl_out = _ratio(crossed + hot * p_out, p_out) + _log_ratio(u_out, p_out)
    kl_bin = -m_p * _log_ratio(m_u, m_p) - p_out * _log_ratio(u_out, p_out)
    each = tau**2 * (binary * kl_bin + alpha * kl_in + beta * kl_out)
    taught = weights.gamma * (each * number).sum() / total

    scale = weights.gamma * tau * number / total
    shift, one = binary * (m_u - m_p), torch.ones_like(m_p)
    from_u, from_p = scale * (beta * (p_out > 0) - shift), scale * _ratio(beta * one, p_out)
    mend = scale[near_row] * (u_in * _ratio(alpha + shift, m_u)[near_row] - alpha * p_in * _ratio(one, m_p)[near_row])
    if hard is None:
        from_u = from_u + u_out * count / total
        mend = mend + u_in * (count / total)[near_row]
    weigh = (x[:, None].to(scores.dtype) for x in (from_u, from_p))
    by_blocks(lambda u, p, a, b: u.mul_(a).addcmul_(p, b, value=-1), scores, soft, *weigh)
    gradient = scores
    gradient[near_row, near_node] = mend.to(gradient.dtype)
    if hard is not None:
        gradient.add_(hard.mul_(count[:, None] / total))
    gradient.index_put_((row, target), gradient.new_full((), -1 / total), accumulate=True)
    return fit, taught


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


def _softmax(scores: Tensor, pool: Pool) -> tuple[Tensor, Tensor]:
    """Softmax over all candidates, and its log normaliser."""
    scores = pool.weighed(scores)
    p, full = scores.softmax(1), torch.promote_types(scores.dtype, torch.float32)
    return p, scores.amax(1).to(full) - p.amax(1).to(full).log()


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    """a / b, and 0 where the group b is empty."""
    return torch.where(b > 0, a / _positive(b), 0)


def _log_ratio(a: Tensor, b: Tensor) -> Tensor:
    """log(a / b), and 0 where the group b is empty."""
    return torch.where(b > 0, _positive(a).log() - _positive(b).log(), 0)


def _positive(x: Tensor) -> Tensor:
    return x.clamp(min=torch.finfo(x.dtype).tiny)
