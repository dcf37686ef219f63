"""Cross entropy and decoupled distillation in one pass, with a hand-written backward.

Equal to `cross_entropy` plus gamma times `losses.distillation`, without (B, N) masks, K teacher tensors or a graph:
one buffer of soft labels, one of student scores that becomes the gradient. Per row only sums are kept; neighbours are
gathered, set to zero, and mended at the end. Mass outside the neighbourhood is summed directly: as 1 - m it would be
lost to rounding where a teacher is confident.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dsomgnn.batches import Batch
from dsomgnn.distill.losses import LossWeights
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.neighbourhood import Neighbourhood

ROWS = 64  # of a pass that needs a temporary: it stays in cache


@torch.no_grad()
def mean_soft_labels(
    teachers: Sequence[FrozenTeacher], batch: Batch, weights: Tensor, tau: float, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Soft labels (B, N): sum over teachers of weights (B, K) times softmax(logits / (temperature tau)).

    A teacher is multiplied only for the rows that chose it, in `dtype`.
    """
    mean: Tensor | None = None
    for teacher, weight in zip(teachers, weights.unbind(1), strict=True):
        rows = torch.nonzero(weight)[:, 0]
        whole = len(rows) == len(weight)
        if mean is None:
            mean = weight.new_zeros(len(weight), len(teacher.entities))
        if len(rows):
            heat = teacher.temperature * tau
            scores = teacher.logits(batch.queries[rows], batch.index[rows], dtype).div_(heat)
            torch.softmax(scores, 1, out=scores).mul_(weight[rows, None].to(dtype))
            mean = mean.add_(scores) if whole else mean.index_add_(0, rows, scores.float())
    assert mean is not None
    return mean


class _Taught(torch.autograd.Function):
    @staticmethod
    def forward(ctx, query, table, scores, row, target, soft, near_row, near_node, number, weights, measure, dtype):
        total, rows = len(row), len(query)
        tau, alpha, beta = weights.tau, weights.alpha, weights.beta
        if not weights.split:
            near_row, near_node, alpha, beta = near_row[:0], near_node[:0], 0.0, 1.0
        binary = float(weights.binary and weights.split)

        def per_row(values: Tensor) -> Tensor:
            return values.new_zeros(rows).index_add_(0, near_row, values)

        count = torch.bincount(row, minlength=rows).to(scores.dtype)
        p_in, s_in = soft[near_row, near_node], scores[near_row, near_node] / tau
        soft[near_row, near_node] = 0
        p_out, m_p = soft.sum(1), per_row(p_in)
        crossed = _outside(soft, scores, tau) if measure else torch.full_like(p_out, torch.nan)

        right, top = scores[row, target], scores.amax(1)
        hard = None if tau == 1 else scores.softmax(1)
        u = torch.softmax(scores.div_(tau) if tau != 1 else scores, 1, out=scores)
        hot = top / tau - u.amax(1).log()
        lse = hot if hard is None else top - hard.amax(1).log()
        fit = ((count * lse).sum() - right.sum()) / total
        log_u_in = s_in - hot[near_row]
        u_in = log_u_in.exp()
        u[near_row, near_node] = 0
        u_out, m_u = u.sum(1), per_row(u_in)

        inner = per_row(torch.xlogy(p_in, p_in) - p_in * log_u_in)
        kl_in = _ratio(inner, m_p) + _log_ratio(m_u, m_p)
        kl_out = _ratio(crossed + hot * p_out, p_out) + _log_ratio(u_out, p_out)
        kl_bin = -m_p * _log_ratio(m_u, m_p) - p_out * _log_ratio(u_out, p_out)
        each = tau**2 * (binary * kl_bin + alpha * kl_in + beta * kl_out)
        taught = weights.gamma * (each * number).sum() / total

        scale = weights.gamma * tau * number / total
        shift = binary * (m_u - m_p)
        from_u, from_p = scale * _ratio(beta - shift, u_out), scale * _ratio(beta * torch.ones_like(p_out), p_out)
        mend = scale[near_row] * (
            u_in * _ratio(alpha + shift, m_u)[near_row] - alpha * p_in * _ratio(torch.ones_like(m_p), m_p)[near_row]
        )
        if hard is None:
            from_u = from_u + count / total
            mend = mend + u_in * (count / total)[near_row]
        gradient = u.mul_(from_u[:, None]).sub_(soft.mul_(from_p[:, None]))
        gradient[near_row, near_node] = mend
        if hard is not None:
            gradient.add_(hard.mul_(count[:, None] / total))
        gradient.index_put_((row, target), scores.new_full((), -1 / total), accumulate=True)
        ctx.save_for_backward(gradient.to(dtype), query.to(dtype), table.to(dtype))
        return fit + taught, fit, taught

    @staticmethod
    def backward(ctx, upstream, *_):
        gradient, query, table = ctx.saved_tensors
        to_query, to_table = gradient @ table, gradient.T @ query
        return (to_query.to(upstream.dtype) * upstream, to_table.to(upstream.dtype) * upstream, *[None] * 10)


def _outside(soft: Tensor, scores: Tensor, tau: float) -> Tensor:
    """Sum of p (log p - s / tau) per row, neighbours already at zero."""
    parts = zip(soft.split(ROWS), scores.split(ROWS), strict=True)
    return torch.cat([-torch.special.entr(p).sum(1) - torch.linalg.vecdot(p, s) / tau for p, s in parts])


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
    scores: Tensor,
    batch: Batch,
    soft: Tensor,
    near: Neighbourhood,
    number: Tensor,
    weights: LossWeights,
    measure: bool = True,
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, and its parts: mean cross entropy of the batch's triples and gamma L_nd.

    `scores` (B, N) are the products of `query` (B, d) and `table` (N, d), without gradient; `soft` (B, N) are the soft
    labels at tau. Both are overwritten: one becomes the gradient. `number` (B,) how many triples of a
    row chose a teacher. The parts carry no gradient. Without `measure` the gradients are the same, but the loss and the
    taught part are NaN: a logarithm of every soft label is what costs most, and a step needs none. `dtype`: of the
    products of the backward pass.
    """
    at = (batch.row, batch.target, soft, near.row, near.node, number)
    loss, fit, taught = _Taught.apply(query, table, scores, *at, weights, measure, dtype or query.dtype)
    return loss, fit.detach(), taught.detach()
