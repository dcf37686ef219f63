"""Each query's own neighbourhood: the entities that decoupled distillation treats as neighbours.

METHOD: the sampled k-hop neighbourhood of the head in the train graph without the query's own edges, plus its
targets. The other kinds are controls.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from dsomgnn._dgl import dgl, drawn
from dsomgnn.batches import between
from dsomgnn.data.answers import Answers
from dsomgnn.data.mkg import MKG
from dsomgnn.pool import Pool
from dsomgnn.ragged import ragged
from dsomgnn.unwaited import moved

KINDS = ("sampled", "khop", "answers", "random", "target", "none")


@dataclass(frozen=True)
class Neighbourhood:
    """Pairs of a row of the batch and an entity: `row` (M,), `node` (M,), sorted and distinct."""

    row: Tensor
    node: Tensor

    @classmethod
    def of(cls, row: Tensor, node: Tensor, num_entities: int) -> Neighbourhood:
        key = distinct(row * num_entities + node)
        return cls(key // num_entities, key % num_entities)

    def with_targets(self, row: Tensor, target: Tensor, num_entities: int) -> Neighbourhood:
        return Neighbourhood.of(torch.cat([row, self.row]), torch.cat([target, self.node]), num_entities)

    def within(self, rows: slice) -> slice:
        """Where the pairs of some rows stand."""
        return between(self.row, rows)

    def part(self, pairs: slice, first: int) -> Neighbourhood:
        """Some of the pairs, their rows counted from `first`."""
        return Neighbourhood(self.row[pairs] - first, self.node[pairs])

    def of_rows(self, rows: Tensor) -> Neighbourhood:
        """Those of the rows at `rows` (n,), which any may be named twice in, as rows 0 to n - 1."""
        first = torch.searchsorted(self.row, rows)
        row, at = ragged(first, torch.searchsorted(self.row, rows, right=True) - first)
        return Neighbourhood(row, self.node[at])

    def placed(self, pool: Pool) -> Neighbourhood:
        """With places in a pool that holds all nodes."""
        return Neighbourhood(self.row, pool.place(self.node))

    def to(self, device: torch.device | str) -> Neighbourhood:
        return Neighbourhood(moved(self.row, device), moved(self.node, device))


class Neighbours:
    """Neighbourhoods of one kind. `walks` random walks of `hops` steps per query make the sampled kind."""

    def __init__(self, mkg: MKG, kind: str = "sampled", hops: int = 2, walks: int = 16):
        if kind not in KINDS:
            raise ValueError(f"unknown neighbourhood {kind!r}")
        self.mkg, self.kind, self.hops, self.walks = mkg, kind, hops, walks
        self.answers = Answers.of(mkg.train, mkg.num_entities, mkg.num_relations) if kind == "answers" else None

    def around(self, queries: Tensor, row: Tensor, target: Tensor) -> Neighbourhood:
        """Neighbourhoods of queries (B, 2) that do not tell the targets: `target[i]` belongs to query `row[i]`.

        The own edges of a query are those to its targets, in both directions; no walk takes them.
        """
        rows, nodes = getattr(self, f"_{self.kind}")(queries, row, target)
        return Neighbourhood.of(rows, nodes, self.mkg.num_entities)

    def of(self, queries: Tensor, row: Tensor, target: Tensor) -> Neighbourhood:
        """`around`, and the targets themselves: the set M of the loss."""
        return self.around(queries, row, target).with_targets(row, target, self.mkg.num_entities)

    def _sampled(self, queries: Tensor, row: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        start = torch.repeat_interleave(queries[:, 0], self.walks)
        walk = dgl.sampling.random_walk
        nodes, edges, _ = drawn(walk, self.mkg.homogeneous, start, length=self.hops, return_eids=True)
        owner = torch.repeat_interleave(torch.arange(len(queries)), self.walks * self.hops)
        shut = Own(queries, row, target, self.mkg).holds(owner, edges.clamp(min=0).flatten())
        went = (edges >= 0) & ~shut.view_as(edges)
        for before, after in pairwise(went.unbind(1)):
            after &= before
        return owner.masked_select(went.flatten()), nodes[:, 1:].masked_select(went)

    def _khop(self, queries: Tensor, row: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        own = Own(queries, row, target, self.mkg)
        reached = Neighbourhood(torch.arange(len(queries)), queries[:, 0])
        found = [reached]
        for _ in range(self.hops):
            owner, edge = self._out_edges(reached)
            kept = ~own.holds(owner, edge)
            reached = Neighbourhood.of(owner[kept], self.mkg.edges[edge[kept], 2], self.mkg.num_entities)
            found.append(reached)
        return torch.cat([f.row for f in found[1:]]), torch.cat([f.node for f in found[1:]])

    def _out_edges(self, reached: Neighbourhood) -> tuple[Tensor, Tensor]:
        """Row and edge id of all edges that leave the reached nodes."""
        indptr, _, edge = self.mkg.homogeneous.adj_tensors("csr")
        pair, at = ragged(indptr[reached.node], indptr.diff()[reached.node])
        return reached.row[pair], (edge[at] if len(edge) else at)

    def _answers(self, queries: Tensor, row: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        assert self.answers is not None
        found, node = self.answers.gather(self.answers.find(queries))
        rest = ~Own(queries, row, target, self.mkg).is_target(found, node)
        return found[rest], node[rest]

    def _random(self, queries: Tensor, row: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        sampled = Neighbourhood.of(*self._sampled(queries, row, target), self.mkg.num_entities).row
        return sampled, torch.randint(self.mkg.num_entities, sampled.shape)

    def _target(self, queries: Tensor, row: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return row[:0], target[:0]

    _none = _target  # plain KL: there is no split


class Own:
    """Which edges are a query's own: between its head and one of its targets under its relation, both ways."""

    def __init__(self, queries: Tensor, row: Tensor, target: Tensor, mkg: MKG):
        self.mkg, self.queries = mkg, queries
        self.keys = distinct(row * mkg.num_entities + target)

    def holds(self, row: Tensor, edge: Tensor) -> Tensor:
        """Whether edge[i] is an own edge of query row[i], (n,) bool."""
        head, relation, tail = self.mkg.edges.index_select(0, edge).unbind(1)
        wanted_head, wanted = self.queries.index_select(0, row).unbind(1)
        count = self.mkg.num_relations
        forward = (head == wanted_head) & (relation == wanted)
        found = forward | (tail == wanted_head) & (relation == (wanted + count) % (2 * count))
        few = torch.nonzero(found)[:, 0]
        found[few] = self.is_target(row[few], torch.where(forward[few], tail[few], head[few]))
        return found

    def is_target(self, row: Tensor, node: Tensor) -> Tensor:
        key = row * self.mkg.num_entities + node
        if not len(self.keys):
            return torch.zeros_like(key, dtype=torch.bool)
        at = torch.searchsorted(self.keys, key).clamp(max=len(self.keys) - 1)
        return self.keys[at] == key


def distinct(keys: Tensor) -> Tensor:
    """Keys (n,) of the CPU, sorted and each once. Numpy sorts several times faster than torch."""
    return torch.from_numpy(np.sort(keys.numpy())).unique_consecutive()
