"""The student on one batch: everything that its steps and the agent's lessons read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from dsomgnn.batches import Batch, rows_within, step_memory
from dsomgnn.models.model import Model, Reading
from dsomgnn.neighbourhood import Neighbourhood, Neighbours
from dsomgnn.pool import Pool
from dsomgnn.unwaited import moved


@dataclass(frozen=True)
class Span:
    """Where some rows of a batch, what is asked of them, and what is around them, stand in it."""

    rows: slice
    triples: slice
    around: slice
    near: slice


@dataclass(frozen=True)
class View:
    """The student on a batch.

    `near` is M, the targets included; `around` does not tell them; their nodes and `target` (T,) are places in the
    pool. `factors` are `query` (B, d) and the pool's entities (P, d) in the number format of the products, `logits`
    (B, P) their product, without the pool's weights; neither carries a gradient. `spans`: parts whose scores fit in
    memory.
    """

    batch: Batch
    pool: Pool
    target: Tensor
    around: Neighbourhood
    near: Neighbourhood
    seen: Reading
    query: Tensor
    factors: tuple[Tensor, Tensor]
    spans: tuple[Span, ...] = ()

    @property
    def table(self) -> Tensor:
        return self.seen.table

    @property
    def asked(self) -> Batch:
        """The batch with the targets' places."""
        return replace(self.batch, target=self.target)

    @cached_property
    def logits(self) -> Tensor:
        return self.factors[0] @ self.factors[1].T

    def part(self, at: Span) -> View:
        """The same of some rows."""
        query, candidates = self.factors
        return View(
            self.batch.part(at.rows, at.triples),
            self.pool,
            self.target[at.triples],
            self.around.part(at.around, at.rows.start),
            self.near.part(at.near, at.rows.start),
            replace(self.seen, head=self.seen.head[at.rows], relation=self.seen.relation[at.rows]),
            self.query[at.rows],
            (query[at.rows], candidates),
        )


def look(
    student: Model,
    neighbours: Neighbours,
    batch: Batch,
    dtype: torch.dtype,
    candidates: int = 0,
    also: Tensor | None = None,
) -> View:
    """The student on a batch; its pool holds the entities `also` too. `candidates`: as in `Pool.around`."""
    entities, device = student.fusion.num_entities, student.relation.device
    around = neighbours.around(batch.queries, batch.row, batch.target)
    own = [batch.queries[:, 0], batch.target, around.node, *([] if also is None else [also])]
    pool = Pool.around(torch.cat(own), candidates, entities)
    target, around = pool.place(batch.target), around.placed(pool)
    near = around.with_targets(batch.row, target, entities)
    width = entities if pool.ids is None else len(pool.ids)
    rows = rows_within(width, 3, dtype, step_memory(device))
    spans = tuple(_spans(batch, around, near, rows))
    there = pool.to(device)
    seen = student.read(batch, pool, there)
    query = student.score.query(seen.head, seen.relation)
    factors = query.detach().to(dtype), seen.table.detach().to(dtype)
    here = batch.to(device), there, moved(target, device), around.to(device), near.to(device)
    return View(*here, seen, query, factors, spans)


def _spans(batch: Batch, around: Neighbourhood, near: Neighbourhood, rows: int) -> Iterator[Span]:
    for own, triples in batch.spans(rows):
        yield Span(own, triples, around.within(own), near.within(own))
