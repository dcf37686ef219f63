"""How many entities score above the right answer, and how many as high: densely, or pruned by cheap products."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from dsomgnn.errors import DsomError

Logits = Callable[[Tensor], Tensor]
HALF = 2.0**-8  # the largest relative error of rounding to bfloat16
SLACK = 1.01  # for the rounding of the bounds themselves


class Counter(Protocol):
    """Counts of the rivals of right answers among N entities."""

    def count(
        self, queries: Tensor, row: Tensor, target: Tensor, known_row: Tensor, known: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """For T right answers target[i] of query row[i]: rivals above, and as high, itself included; its score; (T,).

        `queries` (B, 2); `row` sorted, every query in it. `known[j]` is an answer of query known_row[j] that does not
        compete.
        """
        ...


def shares(row: Tensor, size: int) -> Iterator[Tensor]:
    """Positions of a sorted `row` (T,): the first of every row, then the rest in pieces of at most `size`."""
    first = torch.ones_like(row, dtype=torch.bool)
    first[1:] = row[1:] != row[:-1]
    yield torch.nonzero(first)[:, 0]
    rest = torch.nonzero(~first)[:, 0]
    yield from rest.split(size) if len(rest) else ()


class Dense:
    """Counts in the score matrix of any model: `logits(queries)` gives (B, N), which is overwritten.

    The right answer's score is read from the same matrix, so that it ties with itself exactly.
    """

    def __init__(self, logits: Logits):
        self.logits = logits

    def count(self, queries, row, target, known_row, known):
        scores = self.logits(queries)
        row, target, known_row, known = (x.to(scores.device) for x in (row, target, known_row, known))
        right = scores[row, target]
        _refuse(torch.isfinite(right).all() and not scores.amax(1).isnan().any())
        scores[known_row, known] = -torch.inf
        above, level = torch.empty(2, len(row), dtype=torch.long, device=row.device)
        for number, which in enumerate(shares(row, len(scores))):
            part, value = scores[row[which]] if number else scores, right[which, None]
            above[which] = (part > value).sum(1, dtype=torch.int32).long()
            level[which] = (part == value).sum(1, dtype=torch.int32).long()
        hidden = scores[row, target] == -torch.inf
        return above.cpu(), (level + hidden).cpu(), right.float().cpu()


class Pruned:
    """Counts for scores that are products: `vectors(queries)` (B, d) with `entities` (N, d).

    Products in `dtype` tell which entities are surely above or below the right answer; those too near to tell are
    multiplied once more, one by one, in float32, as is the right answer: so ranks do not depend on `dtype`.
    The bound holds for inputs rounded to bfloat16 at the worst, as float32 products may be too inside a library.
    """

    def __init__(self, vectors: Logits, entities: Tensor, dtype: torch.dtype = torch.float32):
        _refuse(torch.isfinite(entities).all())
        self.vectors, self.entities, self.rough = vectors, entities, entities.to(dtype)
        self.size = entities.norm(dim=1).max()
        self.lost = (entities - entities.bfloat16().float()).norm(dim=1).max()

    def count(self, queries, row, target, known_row, known):
        query = self.vectors(queries)
        _refuse(torch.isfinite(query).all())
        scores = query.to(self.rough.dtype) @ self.rough.T
        scores[known_row, known] = -torch.inf
        right = self._exact(query, row, target)
        margin = self._margin(query)[row] * SLACK + 2 * HALF * SLACK * right.abs()
        above, level = torch.zeros(2, len(row), dtype=torch.long)
        for number, which in enumerate(shares(row, len(scores))):
            rows = row[which]
            part = scores[rows] if number else scores
            own = torch.arange(len(rows)), target[which]
            shown, part[own] = part[own], -torch.inf
            above[which], level[which] = self._rivals(part, query[rows], right[which], margin[which])
            part[own] = shown
        return above, level + 1, right

    def _rivals(self, scores: Tensor, query: Tensor, right: Tensor, margin: Tensor) -> tuple[Tensor, Tensor]:
        """Entities above and level with `right` (n,), by rows of `scores` (n, N)."""
        rows, width = scores.shape
        flat = torch.from_numpy(np.flatnonzero((scores >= (right - margin)[:, None]).numpy()))
        line = flat // width
        sure = scores.view(-1)[flat] > (right + margin)[line]
        near = line[~sure]
        value = self._exact(query, near, flat[~sure] - near * width)
        above = torch.cat([line[sure], near[value > right[near]]])
        return above.bincount(minlength=rows), near[value == right[near]].bincount(minlength=rows)

    def _margin(self, query: Tensor) -> Tensor:
        """How far a rough score can be from the exact one before its own rounding, (B,)."""
        rounded = query.bfloat16().float()
        inputs = (query - rounded).norm(dim=1) * self.size + rounded.norm(dim=1) * self.lost
        sums = query.norm(dim=1) * self.size * query.shape[1] * 2.0**-23
        return inputs + sums

    def _exact(self, query: Tensor, row: Tensor, entity: Tensor) -> Tensor:
        """Scores of pairs (n,), `row` sorted; each is summed in the same order, so that equal vectors tie exactly."""
        ends = torch.bincount(row, minlength=len(query)).cumsum(0)
        starts, size = torch.cat([ends.new_zeros(1), ends]), (len(query), len(self.entities))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
            pairs = torch.sparse_csr_tensor(starts, entity, query.new_zeros(len(row)), size, check_invariants=False)
        return torch.sparse.sampled_addmm(pairs, query, self.entities.T, beta=0.0).values()


def _refuse(finite: bool | Tensor) -> None:
    if not finite:
        raise DsomError("a score is NaN or infinite: the model has diverged; lower its learning rate")
