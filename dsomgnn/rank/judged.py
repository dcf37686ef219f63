"""What a model would have answered: its best entities and their probabilities, other known answers left out or not."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dsomgnn.data.answers import Answers
from dsomgnn.rank.counting import BUDGET, Logits
from dsomgnn.rank.ranks import queries_of

BEST = 3


@dataclass(frozen=True)
class Judged:
    """Per query (2n,), tails asked for first: its right answer `target`; `best` (2n, k) entities and `probability`
    (2n, k), best first, and `right` (2n,), the probability of the right answer, all without other known answers; and
    with all entities competing, the `first` (2n,) and its `first_probability` (2n,)."""

    target: Tensor
    best: Tensor
    probability: Tensor
    right: Tensor
    first: Tensor
    first_probability: Tensor


@torch.no_grad()
def judge(
    logits: Logits,
    temperature: float,
    triples: Tensor,
    known: Answers,
    num_entities: int,
    num_relations: int,
    budget: int = BUDGET,
) -> Judged:
    """Both directions of triples (n, 3). Probabilities are shares of the entities that compete.

    `logits(queries)` (B, N) are taken at `temperature`; `known`: the answers that are left out.
    """
    queries, target = queries_of(triples, num_relations)
    parts = []
    for rows in torch.arange(len(queries)).split(max(1, budget // (4 * 3 * num_entities))):
        scores = logits(queries[rows]).float().cpu() / temperature
        first = scores.max(1)
        certain = (first.values - scores.logsumexp(1)).exp()
        row, answer = known.gather(known.find(queries[rows]))
        own = torch.arange(len(rows)), target[rows]
        right = scores[own]
        scores[row, answer] = -torch.inf
        scores[own] = right
        top, whole = scores.topk(min(BEST, num_entities)), scores.logsumexp(1)
        shares = (top.values - whole[:, None]).exp(), (right - whole).exp()
        parts.append((top.indices, *shares, first.indices, certain))
    return Judged(target, *(torch.cat(column) for column in zip(*parts, strict=True)))
