"""Filtered ranks of the right answers among all entities, in chunks that fit a memory budget."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dsomgnn.data.answers import Answers
from dsomgnn.rank.counting import RankCounter
from dsomgnn.threads import apart


@dataclass(frozen=True)
class Ranks:
    """Ranks (n,) float64 of n queries under three readings of ties; `side` 0: head asked for, 1: tail asked for.

    `score` (n,) float32: of the right answers.
    """

    optimistic: Tensor
    pessimistic: Tensor
    relation: Tensor
    side: Tensor
    score: Tensor

    @property
    def realistic(self) -> Tensor:
        """Mean of optimistic and pessimistic: the expected rank under random order of ties."""
        return (self.optimistic + self.pessimistic) / 2

    def by(self, ties: str) -> Tensor:
        return {"realistic": self.realistic, "optimistic": self.optimistic, "pessimistic": self.pessimistic}[ties]


def queries_of(triples: Tensor, num_relations: int) -> tuple[Tensor, Tensor]:
    """Queries (2n, 2) of triples (n, 3) with their right answers (2n,): tails first, then heads."""
    head, relation, tail = triples.unbind(1)
    queries = torch.cat([torch.stack([head, relation], 1), torch.stack([tail, relation + num_relations], 1)])
    return queries, torch.cat([tail, head])


def rank_triples(
    counter: RankCounter,
    triples: Tensor,
    known: Answers,
    num_entities: int,
    num_relations: int,
) -> Ranks:
    """Ranks of both directions of triples (n, 3): tails first, then heads.

    The head side of (h, r, t) is the query (t, r + R); a query that several triples ask is scored once. `known`
    answers are filtered out.
    """
    queries, targets = queries_of(triples, num_relations)
    distinct, place = queries.unique(dim=0, return_inverse=True)
    order = torch.argsort(place, stable=True)
    ends = torch.searchsorted(place[order], torch.arange(len(distinct) + 1))
    above, level = torch.empty(2, len(queries), dtype=torch.long)
    score = torch.empty(len(queries))

    def count(first: int) -> None:
        last = min(first + size, len(distinct))
        mine = order[int(ends[first]) : int(ends[last])]
        row, answer = known.gather(known.find(distinct[first:last]))
        counted = counter.count(distinct[first:last], place[mine] - first, targets[mine], row, answer)
        above[mine], level[mine], score[mine] = counted

    size = max(1, min(counter.rows(num_entities), -(-len(distinct) // counter.threads)))
    apart(count, range(0, len(distinct), size), counter.threads)
    side = torch.arange(2).flip(0).repeat_interleave(len(triples))
    return Ranks((1 + above).double(), (above + level).double(), triples[:, 1].repeat(2), side, score)
