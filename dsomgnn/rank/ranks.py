"""Filtered ranks of the right answers among all entities, in chunks that fit a memory budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dsomgnn.data.answers import Answers
from dsomgnn.errors import DsomError

BUDGET = 256 << 20  # bytes of scores at a time


@dataclass(frozen=True)
class Ranks:
    """Ranks (n,) float64 of n queries under three readings of ties; `side` 0: head asked for, 1: tail asked for."""

    optimistic: Tensor
    pessimistic: Tensor
    relation: Tensor
    side: Tensor

    @property
    def realistic(self) -> Tensor:
        """Mean of optimistic and pessimistic: the expected rank under random order of ties."""
        return (self.optimistic + self.pessimistic) / 2

    def by(self, ties: str) -> Tensor:
        return {"realistic": self.realistic, "optimistic": self.optimistic, "pessimistic": self.pessimistic}[ties]


def filtered_ranks(logits: Tensor, target: Tensor, row: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Optimistic and pessimistic rank (B,) of target[i] in row i of `logits` (B, N), which is overwritten.

    `known[j]` is an answer of query row[j] that does not compete. The right answer's score is read from the same
    matrix, so that it ties with itself exactly.
    """
    index = torch.arange(len(target), device=logits.device)
    right = logits[index, target]
    if not torch.isfinite(right).all() or logits.isnan().any():
        raise DsomError("a score is NaN or infinite: the model has diverged; lower its learning rate")
    logits[row, known] = -torch.inf
    logits[index, target] = right
    above = (logits > right[:, None]).sum(1)
    level = (logits == right[:, None]).sum(1)
    return (1 + above).double(), (above + level).double()


def rank_triples(
    logits: Callable[[Tensor], Tensor],
    triples: Tensor,
    known: Answers,
    num_entities: int,
    num_relations: int,
    budget: int = BUDGET,
) -> Ranks:
    """Ranks of both directions of triples (n, 3): tails first, then heads.

    `logits(queries)` gives scores (B, N) of queries (B, 2) of head and relation; the head side of (h, r, t) is the
    query (t, r + R). `known` answers are filtered out, in the matrix that
    `logits` returned. Scores take at most about `budget` bytes.
    """
    head, relation, tail = triples.unbind(1)
    queries = torch.cat([torch.stack([head, relation], 1), torch.stack([tail, relation + num_relations], 1)])
    targets = torch.cat([tail, head])
    size = max(1, budget // (4 * 2 * num_entities))
    optimistic: list[Tensor] = []
    pessimistic: list[Tensor] = []
    for start in range(0, len(queries), size):
        part = queries[start : start + size]
        scores = logits(part)
        row, answer = known.gather(known.find(part))
        at = [x.to(scores.device) for x in (targets[start : start + size], row, answer)]
        for ranks, out in zip(filtered_ranks(scores, *at), (optimistic, pessimistic), strict=True):
            out.append(ranks.cpu())
    side = torch.arange(2).flip(0).repeat_interleave(len(triples))
    return Ranks(torch.cat(optimistic), torch.cat(pessimistic), relation.repeat(2), side)
