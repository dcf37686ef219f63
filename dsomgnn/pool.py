"""Entities that stand for all: those of a batch, and a random few of the others, each for many."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from dsomgnn.unwaited import moved


@dataclass(frozen=True)
class Pool:
    """Candidates of a batch: `ids` (P,), sorted and distinct, and the log of how many each stands for (P,).

    Both None: all entities, each for itself, in place of which nothing is copied or added.

    A sum over entities is estimated by the weighted sum over the pool. So is the partition function, without bias, at
    any temperature. Its logarithm, and with it the loss and its gradient, is not free of bias: the logarithm of a mean
    is at least the mean of logarithms (Jensen), so the estimated loss is on average too low, by about half the relative
    variance of the estimated partition function. That falls as 1/`candidates`.
    """

    ids: Tensor | None = None
    log_weight: Tensor | None = None

    @classmethod
    def around(cls, own: Tensor, candidates: int, num_entities: int, generator: torch.Generator | None = None) -> Pool:
        """The entities `own` (n,), each for itself, and `candidates` of the rest, drawn without replacement.

        All entities where `candidates` is 0. Draws by torch's global generator, unless another is given.
        """
        if not candidates:
            return EVERYONE
        own = own.unique()
        rest = num_entities - len(own)
        drawn = _some_below(rest, candidates, generator)
        others = drawn + torch.searchsorted(own - torch.arange(len(own)), drawn, right=True)
        ids, order = torch.cat([own, others]).sort()
        each = math.log(rest / len(drawn)) if rest else 0.0
        return cls(ids, each * (order >= len(own)))

    def place(self, entities: Tensor) -> Tensor:
        """Where entities of the pool stand in it."""
        return entities if self.ids is None else torch.searchsorted(self.ids, entities.contiguous())

    def holds(self, entities: Tensor) -> Tensor:
        """Whether entities are in the pool, bool."""
        if self.ids is None:
            return torch.ones_like(entities, dtype=torch.bool)
        return self.ids[self.place(entities).clamp(max=len(self.ids) - 1)] == entities

    def rows(self, table: Tensor) -> Tensor:
        """The pool's rows of a table (N, d)."""
        return table if self.ids is None else table[self.ids]

    def weigh(self, scores: Tensor) -> Tensor:
        """Scores (B, P), over their temperature, become logits of the estimated softmax; in place."""
        return scores if self.log_weight is None else scores.add_(self.log_weight)

    def weighed(self, scores: Tensor) -> Tensor:
        """As `weigh`, but the scores stay as they are."""
        return scores if self.log_weight is None else self.weigh(scores.clone())

    def to(self, device: torch.device | str) -> Pool:
        if self.ids is None or self.log_weight is None:
            return self
        return Pool(moved(self.ids, device), moved(self.log_weight, device))


EVERYONE = Pool()


def _some_below(number: int, size: int, generator: torch.Generator | None) -> Tensor:
    """`size` distinct numbers below `number`, or all of them, every set as likely."""
    if number < 8 * size:
        return torch.randperm(number, generator=generator)[:size]
    drawn = torch.randint(number, (4 * size,), generator=generator).unique()
    return drawn[torch.randperm(len(drawn), generator=generator)[:size]]
