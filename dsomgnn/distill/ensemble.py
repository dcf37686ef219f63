"""All teachers as one, each at its own temperature: what a student of all of them is taught."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce

import torch
from torch import Tensor

from dsomgnn.distill.teachers import FrozenTeacher


class Ensemble:
    """The soft labels at tau 1 of all teachers that speak of a query's head.

    `combine`: the "mean" of their probabilities, or their normalised "product".
    """

    def __init__(self, teachers: Sequence[FrozenTeacher], combine: str = "mean"):
        self.teachers = list(teachers)
        self.combine = combine

    def logits(self, queries: Tensor) -> Tensor:
        """Their log (B, N), of queries (B, 2); of all teachers where none speaks of the head."""
        if self.combine == "product":
            return reduce(torch.Tensor.add_, self._weighed(queries)).log_softmax(1)
        return reduce(lambda total, part: torch.logaddexp(total, part, out=total), self._weighed(queries))

    def _weighed(self, queries: Tensor) -> Iterator[Tensor]:
        """Log probabilities (B, N) of one teacher after another, each to the power of its share or times it."""
        for teacher, share in zip(self.teachers, self._shares(queries[:, 0]).unbind(1), strict=True):
            found, share = teacher.log_probs(queries), share[:, None]
            yield found.mul_(share) if self.combine == "product" else found.add_(share.log())

    def _shares(self, head: Tensor) -> Tensor:
        """Share of each teacher, (B, K)."""
        speaks = torch.stack([teacher.speaks[head] for teacher in self.teachers], 1).float()
        speaks[speaks.sum(1) == 0] = 1
        return speaks / speaks.sum(1, keepdim=True)
