"""The tables of a trained model, cheaply: how long ranking takes depends on how near the rivals are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from dsomgnn.processor import fast_dtype
from speed.plain import n3, query
from speed.work import Work, batches

BATCH, SAMPLED, RATE, N3, INIT = 1000, 4000, 0.2, 0.005, 0.1


def with_tables(work: Work) -> Work:
    """The work with tables that `work.sizes.trained` steps have trained, each against some of the entities."""
    torch.manual_seed(0)
    sizes = (work.entities, 2 * work.relations)
    tables = [INIT * torch.randn(n, 2 * work.sizes.rank) for n in sizes]
    squares = [torch.zeros_like(t) for t in tables]
    triples = torch.from_numpy(work.directed(work.train))
    order = batches(len(triples), BATCH)
    for _ in range(work.sizes.trained):
        _step(tables, squares, triples[torch.from_numpy(next(order))])
    entity, relation = (np.ascontiguousarray(t.numpy()) for t in tables)
    return replace(work, entity_table=entity, relation_table=relation)


def _step(tables: list[Tensor], squares: list[Tensor], triples: Tensor) -> None:
    """Adagrad on the rows that the batch and its sampled entities touch."""
    head, relation, tail = triples.T.contiguous()
    rows = torch.cat([head, tail, torch.randint(len(tables[0]), (SAMPLED,))]).unique(), relation.unique()
    entities, relations = parts = [t[r].requires_grad_() for t, r in zip(tables, rows, strict=True)]
    at = [torch.searchsorted(rows[0], x) for x in (head, tail)]
    h, t, r = entities[at[0]], entities[at[1]], relations[torch.searchsorted(rows[1], relation)]
    scores = query(h, r).to(fast_dtype()) @ entities.to(fast_dtype()).T
    loss = cross_entropy(scores.float(), at[1]) + N3 * n3(h, r, t)
    gradients = torch.autograd.grad(loss, parts)
    for table, square, row, gradient in zip(tables, squares, rows, gradients, strict=True):
        square[row] += gradient.square()
        table[row] -= RATE * gradient / (square[row].sqrt() + 1e-10)
