"""ComplEx as one writes it in plain PyTorch: training by autograd, and kbc's way of ranking."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from speed.work import Done, Work, batches

RANK_BATCH = 500


def query(head: Tensor, relation: Tensor) -> Tensor:
    (a, b), (c, d) = head.chunk(2, 1), relation.chunk(2, 1)
    return torch.cat([a * c - b * d, a * d + b * c], 1)


def n3(*factors: Tensor) -> Tensor:
    """Sum of cubed moduli, mean over the rows."""
    moduli = [torch.linalg.vector_norm(torch.stack(f.chunk(2, 1)), dim=0) for f in factors]
    return torch.stack([(m**3).sum() for m in moduli]).sum() / len(factors[0])


def train(work: Work) -> Iterator[Done | None]:
    """One row per directed triple, default precision, every entity a candidate."""
    sizes, triples = work.sizes, torch.from_numpy(work.directed(work.train))
    torch.manual_seed(0)
    entity, relation = (
        torch.nn.Parameter(1e-3 * torch.randn(n, 2 * sizes.rank)) for n in (work.entities, 2 * work.relations)
    )
    optimiser = torch.optim.Adagrad([entity, relation], lr=0.1)
    order = batches(len(triples), sizes.batch)
    yield None
    while True:
        rows = 0
        for index in islice(order, sizes.slow_steps):
            h, r, t = triples[torch.from_numpy(index)].unbind(1)
            head, rel = entity[h], relation[r]
            loss = cross_entropy(query(head, rel) @ entity.T, t) + 0.05 * n3(head, rel, entity[t])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rows += len(index)
        yield Done(rows)


@torch.no_grad()
def rank(work: Work) -> Iterator[Done | None]:
    """Filtered ranks of the test split in both directions; the filter is made anew in every turn."""
    entity, relation = torch.from_numpy(work.entity_table), torch.from_numpy(work.relation_table)
    asked = torch.from_numpy(work.directed(work.test))
    yield None
    while True:
        known = Filter(work)
        ranks = []
        for part in asked.split(RANK_BATCH):
            scores = query(entity[part[:, 0]], relation[part[:, 1]]) @ entity.T
            right = scores.gather(1, part[:, 2:])
            scores[known.of(part)] = -torch.inf
            ranks.append(1 + (scores >= right).sum(1))
        yield Done(len(asked), mrr=float((1 / torch.cat(ranks)).mean()))


class Filter:
    """Known answers of all splits in CSR form."""

    def __init__(self, work: Work):
        known = torch.from_numpy(work.directed(np.concatenate(work.splits)))
        self.width = 2 * work.relations
        key = self._key(known)
        self.key, order = key.sort()
        self.tail = known[order, 2]

    def _key(self, triples: Tensor) -> Tensor:
        return triples[:, 0] * self.width + triples[:, 1]

    def of(self, asked: Tensor) -> tuple[Tensor, Tensor]:
        """Row and answer of every known answer of the triples' queries."""
        key = self._key(asked)
        start, end = torch.searchsorted(self.key, key), torch.searchsorted(self.key, key, right=True)
        count = end - start
        row = torch.repeat_interleave(torch.arange(len(asked)), count)
        within = torch.arange(len(row)) - (count.cumsum(0) - count)[row]
        return row, self.tail[start[row] + within]
