"""Right answers against what is not known to be one: as in filtered ranks, other known answers do not compete. Else a
teacher that knows them would seem to harm."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dsomgnn.distill.losses import EMPTY
from dsomgnn.distill.masses import softmax
from dsomgnn.pool import EVERYONE


@dataclass(frozen=True)
class Rivals:
    """Triples (n,) that each ask a `row` of scores (B, N) for a `target`; `known` (m,) answers of the rows `known_row`
    do not compete with it. Over a pool all are places in it, and its weights are in the scores."""

    row: Tensor
    target: Tensor
    known_row: Tensor
    known: Tensor

    def log_share(self, p: Tensor) -> Tensor:
        """Log of each target's share (n,) of what it and its rivals have of probabilities (B, N), which are
        overwritten."""
        right = self._taken_out(p, 0.0).to(torch.promote_types(p.dtype, torch.float32))
        right = right.clamp(min=torch.finfo(right.dtype).tiny)
        return (right / (right + p.sum(1, dtype=right.dtype)[self.row])).log()

    def slope(self, scores: Tensor) -> Tensor:
        """Derivative by scores (B, N), which are overwritten, of the sum over triples of -log_share of their softmax.

        With P the softmax over a row's entities that are no known answers, and q what a target leaves to its rivals,
        that of one triple is q (P - target).
        """
        right = self._taken_out(scores, EMPTY)
        p, lse = softmax(scores, EVERYONE)
        left = (lse[self.row] - torch.logaddexp(lse[self.row], right)).exp().to(p.dtype)
        p.mul_(p.new_zeros(len(p)).index_add_(0, self.row, left)[:, None])
        return p.index_put_((self.row, self.target), -left, accumulate=True)

    def _taken_out(self, values: Tensor, nothing: float) -> Tensor:
        """The targets' values; in place of all known answers' stands what is nothing."""
        right = values[self.row, self.target]
        values[self.known_row, self.known] = nothing
        values[self.row, self.target] = nothing
        return right
