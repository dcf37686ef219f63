"""Transfer queries: plausible queries without a fact of train, which teachers alone teach the student.

What a student is taught on need not be what teachers were trained on (Hinton et al. 2015, arXiv 1503.02531, call it the
transfer set). Train asks only of pairs of an entity and a relation that hold some fact; a sixth to a half of the
queries of test triples in the field's data sets are not among them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dsomgnn.batches import Batch


class TransferQueries:
    """Pairs of an entity and a relation that `queries` (Q, 2), those of training, do not ask.

    The entity is drawn alike from all that train knows; the relation by a walk: one of the entity's relations, another
    entity that has it too, one of the relations of that. `share`: draws per query of a batch.
    """

    def __init__(self, queries: Tensor, share: float):
        self.share = share
        self.width = int(queries[:, 1].max()) + 1
        self.keys = (queries[:, 0] * self.width + queries[:, 1]).unique()
        self.head, self.relation = self.keys // self.width, self.keys % self.width
        self.entities = self.head.unique()
        self.of_head, self.of_relation = _Groups(self.head), _Groups(self.relation)

    def added_to(self, batch: Batch) -> Batch:
        return batch.joined_by(self.draw(round(self.share * len(batch.queries))))

    def draw(self, number: int) -> Tensor:
        """Queries (n, 2) of so many draws from torch's global generator: those that train asks are left out."""
        head = self.entities[torch.randint(len(self.entities), (number,))]
        shared = self.relation[self.of_head.pick(head)]
        other = self.head[self.of_relation.pick(shared)]
        relation = self.relation[self.of_head.pick(other)]
        key = head * self.width + relation
        new = self.keys[torch.searchsorted(self.keys, key).clamp(max=len(self.keys) - 1)] != key
        return torch.stack([head[new], relation[new]], 1)


class _Groups:
    """Places of a list, by the value that stands there."""

    def __init__(self, values: Tensor):
        self.order = torch.argsort(values, stable=True)
        self.count = torch.bincount(values)
        self.first = self.count.cumsum(0) - self.count

    def pick(self, values: Tensor) -> Tensor:
        """Of each value one of its places, at random."""
        at = torch.rand(len(values), dtype=torch.float64) * self.count[values]
        return self.order[self.first[values] + at.long()]
