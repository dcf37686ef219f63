"""Known answers of queries in CSR form: built and looked up without a loop over triples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dsomgnn.ragged import ragged


@dataclass(frozen=True)
class Answers:
    """Answers of Q distinct queries: those of query i are `tails[indptr[i]:indptr[i + 1]]`, sorted.

    `keys` (Q,) int64, sorted: head * 2R + relation. `indptr` (Q + 1,). `tails` (number of distinct triples,).
    """

    keys: Tensor
    indptr: Tensor
    tails: Tensor
    width: int

    @classmethod
    def of(cls, triples: Tensor, num_entities: int, num_relations: int) -> Answers:
        """From triples (n, 3), in both directions: the head side of (h, r, t) is the query (t, r + R)."""
        head, relation, tail = triples.unbind(1)
        width = 2 * num_relations
        asks_tail = (head * width + relation) * num_entities + tail
        asks_head = (tail * width + relation + num_relations) * num_entities + head
        facts = torch.cat([asks_tail, asks_head]).unique()
        keys, counts = (facts // num_entities).unique_consecutive(return_counts=True)
        indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return cls(keys, indptr, facts % num_entities, width)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def queries(self) -> Tensor:
        """The distinct queries (Q, 2): head, relation."""
        return torch.stack([self.keys // self.width, self.keys % self.width], 1)

    def find(self, queries: Tensor) -> Tensor:
        """Position (B,) of each query (B, 2) among the Q known ones, or -1."""
        key = queries[:, 0] * self.width + queries[:, 1]
        if not len(self.keys):
            return torch.full_like(key, -1)
        position = torch.searchsorted(self.keys, key).clamp_(max=len(self.keys) - 1)
        return torch.where(self.keys[position] == key, position, -1)

    def gather(self, position: Tensor) -> tuple[Tensor, Tensor]:
        """Row and answer of every known answer of the queries at `position` (B,); -1 has none."""
        start = self.indptr[position.clamp(min=0)]
        end = self.indptr[(position + 1).clamp(min=0)]
        row, at = ragged(start, end - start)
        return row, self.tails[at]
