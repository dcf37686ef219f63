"""1-vs-all cross entropy over all entities, with a hand-written backward that works in the score buffer."""

from __future__ import annotations

import torch
from torch import Tensor

from dsomgnn.pool import EVERYONE, Pool
from dsomgnn.unwaited import counts


def cross_entropy(logits: Tensor, row: Tensor, target: Tensor) -> Tensor:
    """Mean over the triples of -log softmax(logits)[row, target]; plain form.

    `logits` (B, N); triple i asks row[i] for target[i]. Several triples may share a row: sum_t CE = n lse - sum_t s_t.
    """
    count = counts(row, len(logits)).to(logits.dtype)
    return ((count * logits.logsumexp(1)).sum() - logits[row, target].sum()) / len(row)


class _FusedCrossEntropy(torch.autograd.Function):
    """Softmax in the score buffer is its own gradient, but for the targets; rows are weighted outside of it."""

    @staticmethod
    def forward(ctx, query, candidates, row, target, dtype, pool):
        query, candidates = query.to(dtype), candidates.to(dtype)
        p = pool.weigh(query @ candidates.T)
        torch.softmax(p, 1, out=p)
        right = p[row, target].to(torch.promote_types(dtype, torch.float32))
        loss = -right.clamp(min=torch.finfo(dtype).tiny).log().mean()
        count = counts(row, len(query))
        p.index_put_((row, target), -(1 / count).to(dtype)[row], accumulate=True)
        ctx.save_for_backward(p, query, candidates, (count / len(row)).to(dtype))
        return loss

    @staticmethod
    def backward(ctx, upstream):
        gradient, query, candidates, weight = ctx.saved_tensors
        weight = weight[:, None] * upstream.to(weight.dtype)
        return (gradient @ candidates) * weight, gradient.T @ (query * weight), None, None, None, None


def fused_cross_entropy(
    query: Tensor,
    candidates: Tensor,
    row: Tensor,
    target: Tensor,
    dtype: torch.dtype | None = None,
    pool: Pool = EVERYONE,
) -> Tensor:
    """`cross_entropy(pool.weigh(query @ candidates.T), row, target)` with one (B, N) buffer in all.

    Its value, not its gradient, counts a triple of a probability below the least number of `dtype` as of that.
    `dtype`: of the products and that buffer; bfloat16 is about twice as fast where the processor has it. `candidates`
    are the pool's rows, `target` places in it.
    """
    return _FusedCrossEntropy.apply(query, candidates, row, target, dtype or query.dtype, pool)
