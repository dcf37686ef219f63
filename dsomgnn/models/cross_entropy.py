"""1-vs-all cross entropy over all entities, with a hand-written backward that works in the score buffer."""

from __future__ import annotations

import torch
from torch import Tensor


def cross_entropy(logits: Tensor, row: Tensor, target: Tensor) -> Tensor:
    """Mean over the triples of -log softmax(logits)[row, target]; plain form.

    `logits` (B, N); triple i asks row[i] for target[i]. Several triples may share a row: sum_t CE = n lse - sum_t s_t.
    """
    count = torch.bincount(row, minlength=len(logits)).to(logits.dtype)
    return ((count * logits.logsumexp(1)).sum() - logits[row, target].sum()) / len(row)


class _FusedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, query, candidates, row, target):
        scores = query @ candidates.T
        count = torch.bincount(row, minlength=len(query)).to(scores.dtype)
        right = scores[row, target].sum()
        lse = scores.logsumexp(1)
        gradient = scores.sub_(lse[:, None]).exp_().mul_(count[:, None] / len(row))
        gradient.index_put_((row, target), scores.new_full((), -1 / len(row)), accumulate=True)
        ctx.save_for_backward(gradient, query, candidates)
        return ((count * lse).sum() - right) / len(row)

    @staticmethod
    def backward(ctx, upstream):
        gradient, query, candidates = ctx.saved_tensors
        return gradient @ candidates * upstream, gradient.T @ (query * upstream), None, None


def fused_cross_entropy(query: Tensor, candidates: Tensor, row: Tensor, target: Tensor) -> Tensor:
    """`cross_entropy(query @ candidates.T, row, target)` with one (B, N) buffer in all."""
    return _FusedCrossEntropy.apply(query, candidates, row, target)
