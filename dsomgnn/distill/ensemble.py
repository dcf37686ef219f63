"""All teachers as one, each at its own temperature: what a student of all of them is taught."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dsomgnn.distill.teachers import FrozenTeacher


class Ensemble:
    """The soft labels of all teachers at tau 1, in all rows of those that speak of the head.

    `combine`: the "mean" of their probabilities, or their normalised "product".
    """

    def __init__(self, teachers: Sequence[FrozenTeacher], combine: str = "mean"):
        self.teachers = list(teachers)
        self.combine = combine

    def logits(self, queries: Tensor) -> Tensor:
        """Their log (B, N), of queries (B, 2); of all teachers where none speaks of the head."""
        shares = self._shares(queries[:, 0])
        return self._product(queries, shares) if self.combine == "product" else self._mean(queries, shares)

    def _mean(self, queries: Tensor, shares: Tensor) -> Tensor:
        total: Tensor | None = None
        for teacher, share in zip(self.teachers, shares.log().unbind(1), strict=True):
            part = teacher.log_probs(queries).add_(share[:, None])
            total = part if total is None else torch.logaddexp(total, part, out=total)
        assert total is not None
        return total

    def _product(self, queries: Tensor, shares: Tensor) -> Tensor:
        """Of their logarithms the mean, as a distribution."""
        total: Tensor | None = None
        for teacher, share in zip(self.teachers, shares.unbind(1), strict=True):
            part = teacher.log_probs(queries).mul_(share[:, None])
            total = part if total is None else total.add_(part)
        assert total is not None
        return total.log_softmax(1)

    def _shares(self, head: Tensor) -> Tensor:
        """Share of each teacher, (B, K)."""
        speaks = torch.stack([teacher.speaks[head] for teacher in self.teachers], 1).float()
        speaks[speaks.sum(1) == 0] = 1
        return speaks / speaks.sum(1, keepdim=True)
