"""Cross entropy and decoupled distillation in one pass, with a hand-written backward.

Equal to `cross_entropy` plus gamma times `losses.distillation`, without (B, N) masks, K teacher tensors or a graph:
one buffer of soft labels, one of student scores that becomes the gradient. Neighbours are taken out of both before a
softmax over the rest: mass outside the neighbourhood, as 1 - m, would be lost to rounding where a teacher is confident.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from dsomgnn.batches import Batch
from dsomgnn.distill.losses import LossWeights
from dsomgnn.distill.masses import Masses, masses, per_row, softmax
from dsomgnn.neighbourhood import Neighbourhood
from dsomgnn.pool import EVERYONE, Pool
from dsomgnn.threads import by_blocks
from dsomgnn.unwaited import counts


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
    row, target, near, tau = lecture.batch.row, lecture.batch.target, lecture.near, weights.tau
    near = near if weights.split else near.part(slice(0), 0)
    full = torch.promote_types(scores.dtype, torch.float32)
    count = counts(row, len(scores)).to(full) / total
    hard, lse = (None, None) if tau == 1 else softmax(scores, pool)
    right = scores[row, target].to(full)
    found = masses(scores, soft, near, tau, measure, pool)
    fit = (count * (found.lse if lse is None else lse)).sum() - right.sum() / total
    taught = weights.gamma * tau**2 * (_divergence(found, near.row, weights) * number).sum() / total

    by_u, by_p, inside = _slopes(found, near.row, weights, weights.gamma * tau * number / total)
    if hard is None:
        by_u, inside = by_u + found.u_out * count, inside + found.u_each * count[near.row]
    _write(scores, soft, near, by_u, by_p, inside)
    if hard is not None:
        scores.add_(hard.mul_(count[:, None]))
    scores.index_put_((row, target), scores.new_full((), -1 / total), accumulate=True)
    return fit, taught


@torch.no_grad()
def distillation_slope(
    scores: Tensor, soft: Tensor, near: Neighbourhood, weights: LossWeights, pool: Pool = EVERYONE
) -> Tensor:
    """Derivative of `losses.distillation` by scores (B, P), which it takes the place of; soft labels (B, P) are
    overwritten too."""
    near = near if weights.split else near.part(slice(0), 0)
    found = masses(scores, soft, near, weights.tau, False, pool)
    _write(scores, soft, near, *_slopes(found, near.row, weights, torch.full_like(found.lse, weights.tau)))
    return scores


def _write(u: Tensor, p: Tensor, near: Neighbourhood, by_u: Tensor, by_p: Tensor, inside: Tensor) -> None:
    """In place of u (B, P): by_u u - by_p p, and at the neighbours what is `inside` (M,)."""
    each_row = (x[:, None].to(u.dtype) for x in (by_u, by_p))
    by_blocks(lambda u, p, a, b: u.mul_(a).addcmul_(p, b, value=-1), u, p, *each_row)
    u[near.row, near.node] = inside.to(u.dtype)


def _divergence(m: Masses, row: Tensor, weights: LossWeights) -> Tensor:
    """L_nd without its tau^2, (B,)."""
    binary, alpha, beta = _parts(weights)
    inner = per_row(torch.xlogy(m.p_each, m.p_each) - m.p_each * m.log_u_each, row, len(m.lse))
    in_ratio, out_ratio = _log_ratio(m.u_in, m.p_in), _log_ratio(m.u_out, m.p_out)
    kl_in = _ratio(inner, m.p_in) + in_ratio
    kl_out = _ratio(m.crossed + m.lse * m.p_out, m.p_out) + out_ratio
    return -binary * (m.p_in * in_ratio + m.p_out * out_ratio) + alpha * kl_in + beta * kl_out


def _slopes(m: Masses, row: Tensor, weights: LossWeights, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Its derivative by the scores over tau, times `scale` (B,): outside a u - b p with a and b (B,), inside (M,)."""
    binary, alpha, beta = _parts(weights)
    shift, one = binary * (m.u_in - m.p_in), torch.ones_like(m.p_in)
    by_u, by_p = scale * (beta * _there(m.p_out) - shift), scale * _ratio(beta * one, m.p_out)
    of_u, of_p = alpha * _there(m.p_in) + shift, alpha * _ratio(one, m.p_in)
    return by_u, by_p, scale[row] * (m.u_share * of_u[row] - m.p_each * of_p[row])


def _parts(weights: LossWeights) -> tuple[float, float, float]:
    """Weights of the binary part, the neighbours' and the others'; without a split all are others, plain KL."""
    return (float(weights.binary), weights.alpha, weights.beta) if weights.split else (0.0, 0.0, 1.0)


def _there(mass: Tensor) -> Tensor:
    """Whether a group has any mass: too little to divide by is none."""
    return mass >= torch.finfo(mass.dtype).tiny


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    """a / b, and 0 where the group b is empty."""
    return torch.where(_there(b), a / _positive(b), 0)


def _log_ratio(a: Tensor, b: Tensor) -> Tensor:
    """log(a / b), and 0 where the group b is empty."""
    return torch.where(_there(b), _positive(a).log() - _positive(b).log(), 0)


def _positive(x: Tensor) -> Tensor:
    return x.clamp(min=torch.finfo(x.dtype).tiny)
