"""Cross entropy and decoupled distillation in one pass, with a hand-written backward.

Equal to `cross_entropy` plus gamma times `losses.distillation`, without (B, N) masks, K teacher tensors or a graph:
one buffer of soft labels, one of student scores that becomes the gradient. Neighbours are taken out of both before a
softmax over the rest: mass outside the neighbourhood, as 1 - m, would be lost to rounding where a teacher is confident.
What goes over all entities goes block by block of rows, so that it stays in cache from one operation to the next.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from dsomgnn.batches import Batch
from dsomgnn.distill.losses import EMPTY, LossWeights
from dsomgnn.neighbourhood import Neighbourhood
from dsomgnn.pool import EVERYONE, Pool

CACHED = 2**19  # scores of a block


def blocks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The tensors' rows, in step; on a GPU all at once."""
    rows = len(tensors[0]) if tensors[0].is_cuda else CACHED // tensors[0].shape[1]
    return zip(*(tensor.split(max(1, rows)) for tensor in tensors), strict=True)


class _Taught(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx, query, table, factors, scores, row, target, soft, near_row, near_node, number, weights, measure, pool
    ):
        total, rows = len(row), len(query)
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
        mend = scale[near_row] * (
            u_in * _ratio(alpha + shift, m_u)[near_row] - alpha * p_in * _ratio(one, m_p)[near_row]
        )
        if hard is None:
            from_u = from_u + u_out * count / total
            mend = mend + u_in * (count / total)[near_row]
        for u, p, a, b in blocks(scores, soft, *(x[:, None].to(scores.dtype) for x in (from_u, from_p))):
            u.mul_(a).addcmul_(p, b, value=-1)
        gradient = scores
        gradient[near_row, near_node] = mend.to(gradient.dtype)
        if hard is not None:
            gradient.add_(hard.mul_(count[:, None] / total))
        gradient.index_put_((row, target), gradient.new_full((), -1 / total), accumulate=True)
        ctx.save_for_backward(gradient, *factors)
        return fit + taught, fit, taught

    @staticmethod
    def backward(ctx, upstream, *_):
        gradient, query, table = ctx.saved_tensors
        to_query = (gradient @ table).to(upstream.dtype) * upstream
        return to_query, gradient.T @ (query * upstream.to(query.dtype)), *[None] * 11


def _outside(scores: Tensor, soft: Tensor, tau: float, measure: bool, pool: Pool) -> tuple[Tensor, Tensor, Tensor]:
    """Outside the neighbourhood, per row: log sum of exp(s / tau), mass of p, and, where it is measured, the sum of
    p (log p - s / tau). Scores become their softmax at tau."""
    found = []
    full = torch.promote_types(scores.dtype, torch.float32)
    for s, p in blocks(scores, soft):
        pool.weigh(s.div_(tau) if tau != 1 else s)
        top, mass = s.amax(1).to(full), p.sum(1).to(full)
        crossed = (
            -torch.special.entr(p).sum(1, dtype=full) - torch.linalg.vecdot(p, s).to(full)
            if measure
            else torch.full_like(mass, torch.nan)
        )
        torch.softmax(s, 1, out=s)
        found.append((top - s.amax(1).to(full).log(), mass, crossed))
    lse, mass, crossed = (torch.cat(parts) for parts in zip(*found, strict=True))
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


def taught_cross_entropy(
    query: Tensor,
    table: Tensor,
    factors: tuple[Tensor, Tensor],
    scores: Tensor,
    batch: Batch,
    soft: Tensor,
    near: Neighbourhood,
    number: Tensor,
    weights: LossWeights,
    measure: bool = True,
    pool: Pool = EVERYONE,
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, and its parts: mean cross entropy of the batch's triples and gamma L_nd.

    `table`, `scores` and `soft` are of the pool's entities, targets and neighbours are places in it; its weights are
    in the soft labels, but not in the scores.
    `factors` are `query` (B, d) and `table` (N, d) in the number format of the products, `scores` (B, N) their product,
    both without gradient; `soft` (B, N) are the soft labels at tau in that format. Scores and soft labels are
    overwritten: one becomes the gradient. `number` (B,): how many triples of a row chose a teacher. The parts carry no
    gradient. Without `measure` the gradients are the same, but the loss and the taught part are NaN: a logarithm of
    every soft label is what costs most, and a step needs none.
    """
    at = (batch.row, batch.target, soft, near.row, near.node, number)
    loss, fit, taught = _Taught.apply(query, table, factors, scores, *at, weights, measure, pool)
    return loss, fit.detach(), taught.detach()
