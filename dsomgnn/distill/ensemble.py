"""All teachers as one: the mean of their probabilities, each at its own temperature."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dsomgnn.distill.teachers import FrozenTeacher


class Ensemble:
    """What a student of all teachers' mean is taught, at tau 1: the mean of those that speak of the head."""

    def __init__(self, teachers: Sequence[FrozenTeacher]):
        self.teachers = list(teachers)

    def logits(self, queries: Tensor) -> Tensor:
        """Log of the mean probabilities (B, N) of queries (B, 2); of all teachers where none speaks of the head."""
        total: Tensor | None = None
        for teacher, weight in zip(self.teachers, self._weights(queries[:, 0]).log().unbind(1), strict=True):
            part = teacher.log_probs(queries).add_(weight[:, None])
            total = part if total is None else torch.logaddexp(total, part, out=total)
        assert total is not None
        return total

    def _weights(self, head: Tensor) -> Tensor:
        """Share of each teacher in the mean, (B, K)."""
        speaks = torch.stack([teacher.speaks[head] for teacher in self.teachers], 1).float()
        speaks[speaks.sum(1) == 0] = 1
        return speaks / speaks.sum(1, keepdim=True)
