"""Training queries in batches: triples that share a query are merged into one row, or not."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dsomgnn.data.mkg import MKG
from dsomgnn.ragged import ragged
from dsomgnn.unwaited import counts, moved

MEMORY, ON_GPU = 5 * 2**25, 2**31  # bytes that a step's scores of all entities may take, on a CPU and on a GPU


def step_memory(device: torch.device) -> int:
    """Bytes for a step's scores: a GPU is idle over small parts, a processor's cache is full with large ones."""
    return MEMORY if device.type == "cpu" else ON_GPU


def rows_within(entities: int, buffers: int, dtype: torch.dtype, memory: int) -> int:
    """Queries whose scores of so many entities fit `memory` bytes, with so many (rows, N) buffers at a time; at least
    one."""
    return max(1, memory // (entities * buffers * dtype.itemsize))


def between(row: Tensor, rows: slice) -> slice:
    """Where the given rows stand in a sorted list of rows, on the CPU."""
    first, last = torch.searchsorted(row, torch.tensor([rows.start, rows.stop])).tolist()
    return slice(first, last)


@dataclass(frozen=True)
class Batch:
    """B queries with their T triples: triple i asks query `row[i]` for `target[i]`.

    `queries` (B, 2) head, relation; `row`, `target` (T,), row sorted; `index` (B,) the queries' place among all
    training queries, -1 of transfer queries, of which there are `transfers`, the last; `position` (T,) the triples'
    place in training order.
    """

    queries: Tensor
    row: Tensor
    target: Tensor
    index: Tensor
    position: Tensor
    transfers: int = 0

    @property
    def count(self) -> Tensor:
        """Triples per query, (B,)."""
        return counts(self.row, len(self.queries))

    @property
    def pairs(self) -> Tensor:
        """Head and target of each triple, (T, 2)."""
        return torch.stack([self.queries[self.row, 0], self.target], 1)

    def keep(self, mask: Tensor) -> Batch:
        """The same queries with only the triples where `mask` (T,) is true."""
        return replace(self, row=self.row[mask], target=self.target[mask], position=self.position[mask])

    @property
    def transfer(self) -> Tensor:
        """Rows of the transfer queries."""
        last = len(self.queries)
        return torch.arange(last - self.transfers, last, device=self.row.device)

    def joined_by(self, queries: Tensor) -> Batch:
        """With transfer queries (n, 2) after its own."""
        index = self.index.new_full((len(queries),), -1)
        return replace(
            self,
            queries=torch.cat([self.queries, queries]),
            index=torch.cat([self.index, index]),
            transfers=self.transfers + len(queries),
        )

    def spans(self, rows: int) -> Iterator[tuple[slice, slice]]:
        """Pieces of about the same size, of at most `rows` queries: where their queries stand, and where their
        triples."""
        size = -(-len(self.queries) // -(-len(self.queries) // max(1, rows)))
        for first in range(0, len(self.queries), size):
            own = slice(first, min(first + size, len(self.queries)))
            yield own, between(self.row, own)

    def part(self, own: slice, triples: slice) -> Batch:
        """The batch of some of the queries."""
        row, target, position = self.row[triples] - own.start, self.target[triples], self.position[triples]
        transfers = max(0, own.stop - max(own.start, len(self.queries) - self.transfers))
        return Batch(self.queries[own], row, target, self.index[own], position, transfers)

    def parts(self, rows: int) -> Iterator[Batch]:
        return (self.part(*span) for span in self.spans(rows))

    def to(self, device: torch.device | str) -> Batch:
        tensors = (self.queries, self.row, self.target, self.index, self.position)
        queries, row, target, index, position = (moved(x, device) for x in tensors)
        return Batch(queries, row, target, index, position, self.transfers)


class TrainingQueries:
    """All directed train triples as Q queries with their targets in CSR form.

    Merged: the distinct queries, those of more than `most` targets, where that is not 0, several times, each with other
    targets. Otherwise every directed triple is a query of its own. `edge` keeps the id of each triple in `mkg.edges`.
    """

    def __init__(self, mkg: MKG, merge: bool = True, most: int = 0):
        head, relation, tail = mkg.edges.unbind(1)
        key = head * 2 * mkg.num_relations + relation
        self.edge = torch.argsort(key, stable=True)
        if merge:
            _, count = key[self.edge].unique_consecutive(return_counts=True)
            count = _at_most(count, most) if most else count
        else:
            count = torch.ones(len(key), dtype=torch.long)
        self.indptr = torch.cat([count.new_zeros(1), count.cumsum(0)])
        first = self.edge[self.indptr[:-1]]
        self.queries = torch.stack([head[first], relation[first]], 1)
        self.target = tail[self.edge]

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def num_triples(self) -> int:
        return len(self.target)

    def only(self, index: Tensor) -> TrainingQueries:
        """The queries at `index` (n,) alone."""
        batch, some = self.at(index), copy(self)
        some.edge, some.queries, some.target = self.edge[batch.position], batch.queries, batch.target
        some.indptr = torch.cat([batch.row.new_zeros(1), batch.count.cumsum(0)])
        return some

    def at(self, index: Tensor) -> Batch:
        """The batch of the queries at `index` (B,)."""
        start = self.indptr[index]
        row, at = ragged(start, self.indptr[index + 1] - start)
        return Batch(self.queries[index], row, self.target[at], index, at)

    def around(self, position: Tensor) -> tuple[Batch, Tensor]:
        """The batch of the queries that triples at `position` (n,) ask, and the row of each triple in it."""
        queries, row = (torch.searchsorted(self.indptr, position, right=True) - 1).unique(return_inverse=True)
        return self.at(queries), row

    def batches(self, size: int, steps: int = 0) -> Iterator[Batch]:
        """One epoch in random order (torch's global generator), `size` queries at a time; at most `steps` batches,
        where that is not 0. One query that is left over joins the last batch: of one alone there is no variance."""
        parts = list(torch.randperm(len(self)).split(size))
        if len(parts) > 1 and len(parts[-1]) == 1 < size:
            parts[-2:] = [torch.cat(parts[-2:])]
        for index in parts[: steps or None]:
            yield self.at(index)


def _at_most(count: Tensor, most: int) -> Tensor:
    """Counts (n,) in pieces of at most `most`, one after the other."""
    pieces = -(-count // most)
    owner, before = ragged(torch.zeros_like(pieces), pieces)
    return (count[owner] - before * most).clamp(max=most)
