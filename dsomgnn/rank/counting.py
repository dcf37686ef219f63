"""How many entities score above the right answer, and how many as high: densely, or pruned by cheap products."""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from dsomgnn.errors import DsomError
from dsomgnn.processor import own_pages
from dsomgnn.rank import bounds

Logits = Callable[[Tensor], Tensor]
HALF = 2.0**-8  # the largest relative error of rounding to bfloat16
CROWD = 0.02  # share of the entities that is too many to list
CHUNK = 1024  # entities whose rounding is looked at together
ROWS = 256  # queries of a tile, so that the product makes up for laying out its entities
BUDGET = 64 << 20  # bytes of scores at a time
SLACK = 1.01  # for the rounding of the bounds themselves


class NotFiniteError(DsomError):
    """Scores that cannot be ranked."""


class RankCounter(Protocol):
    """Counts of the rivals of right answers among N entities, so many `threads` at a time."""

    threads: int

    def rows(self, entities: int) -> int:
        """Queries whose scores of so many entities fit the memory budget; at least one."""
        ...

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

    threads = 1

    def __init__(self, logits: Logits, budget: int = BUDGET):
        self.logits, self.budget = logits, budget

    def rows(self, entities: int) -> int:
        return max(1, self.budget // (8 * entities))

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
    Entities go by in tiles, and every thread counts for queries of its own.
    """

    def __init__(self, vectors: Logits, entities: Tensor, dtype: torch.dtype = torch.float32, budget: int = BUDGET):
        self.vectors, self.entities, self.rough = vectors, entities, entities
        if dtype != entities.dtype:
            self.rough = own_pages(entities.shape, dtype).copy_(entities)
        sizes = torch.empty(2, len(entities))
        for part, size in zip(entities.split(CHUNK), sizes.split(CHUNK, 1), strict=True):  # in place: nothing left over
            size[0] = part.norm(dim=1)
            size[1] = (part - part.bfloat16().float()).norm(dim=1)
        self.size, self.lost = sizes
        self.threads = torch.get_num_threads()
        self.scores = max(1, budget // (2 * self.threads * dtype.itemsize))  # a mask and copies take as much again
        self.own = threading.local()
        _refuse(torch.isfinite(self.size).all())
        _hush()

    def rows(self, entities: int) -> int:
        return min(ROWS, math.isqrt(self.scores))

    def count(self, queries, row, target, known_row, known):
        query, parts = self.vectors(queries), list(shares(row, len(queries)))
        _refuse(torch.isfinite(query).all())
        rough, slope, right = query.to(self.rough.dtype), self._slopes(query), self._exact(query, row, target)
        above, level = torch.zeros(2, len(row), dtype=torch.long)
        for tile in self._tiles(len(queries)):
            scores = self._multiply(rough, self.rough[tile])
            scores[_inside(tile, known_row, known)] = -torch.inf
            for number, which in enumerate(parts):
                at = row[which]
                part = scores[at] if number else scores
                own = _inside(tile, torch.arange(len(at)), target[which])
                shown, part[own] = part[own], -torch.inf
                more, as_many = self._rivals(part, tile.start, query[at], right[which], slope[at])
                above[which] += more
                level[which] += as_many
                part[own] = shown
        return above, level + 1, right

    def _tiles(self, rows: int) -> Iterator[slice]:
        """Entities in pieces of which so many rows of scores fit the budget."""
        width, entities = max(1, self.scores // rows), len(self.rough)
        return (slice(start, min(start + width, entities)) for start in range(0, entities, width))

    def _multiply(self, query: Tensor, entities: Tensor) -> Tensor:
        """Scores (n, W), in the same memory for every tile of a thread: allocators hoard what comes and goes."""
        size = len(query) * len(entities)
        if len(getattr(self.own, "scores", ())) < size:
            self.own.scores = query.new_empty(size)
        return torch.mm(query, entities.T, out=self.own.scores[:size].view(len(query), -1))

    def _rivals(self, scores: Tensor, first: int, query: Tensor, right: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        """Entities above and level with `right` (n,), by rows of `scores` (n, W) of the entities from `first` on.

        Most are told by a margin for all of them, most of the others by their own.
        """
        rows, width = scores.shape
        tile = slice(first, first + width)
        rounding = 2 * HALF * SLACK * right.abs()
        margin = slope @ torch.stack([self.size[tile].max(), self.lost[tile].max()]) + rounding
        flat, crowd = _between(scores, right - margin, right + margin)
        line, score = flat // width, scores.view(-1)[flat]
        open_ = _where(score <= (right + margin)[line])
        row, ahead = line[open_], score[open_] - right[line[open_]]
        entity = flat[open_] - row * width + first
        own = slope[row, 0] * self.size[entity] + slope[row, 1] * self.lost[entity] + rounding[row]
        near = _where(ahead.abs() <= own)
        value, row_near = self._exact(query, row[near], entity[near]), row[near]
        sure = crowd + line.bincount(minlength=rows) - row[ahead <= own].bincount(minlength=rows)
        above = sure + row_near[value > right[row_near]].bincount(minlength=rows)
        return above, row_near[value == right[row_near]].bincount(minlength=rows)

    def _slopes(self, query: Tensor) -> Tensor:
        """How far a rough score can be from the exact one, before its own rounding, per length of the entity and per
        length that the entity lost to rounding, (B, 2)."""
        rounded = query.bfloat16().float()
        sums = query.norm(dim=1) * query.shape[1] * 2.0**-23
        return SLACK * torch.stack([(query - rounded).norm(dim=1) + sums, rounded.norm(dim=1)], 1)

    def _exact(self, query: Tensor, row: Tensor, entity: Tensor) -> Tensor:
        """Scores of pairs (n,), `row` sorted; each is summed in the same order, so that equal vectors tie exactly."""
        ends = torch.bincount(row, minlength=len(query)).cumsum(0)
        starts, size = torch.cat([ends.new_zeros(1), ends]), (len(query), len(self.entities))
        pairs = torch.sparse_csr_tensor(starts, entity, query.new_zeros(len(row)), size, check_invariants=False)
        return torch.sparse.sampled_addmm(pairs, query, self.entities.T, beta=0.0).values()


@cache
def _hush() -> None:
    """Let torch say what it says once in a process: that sparse CSR tensors are in beta."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        torch.sparse_csr_tensor([0], [], [], (0, 0), check_invariants=False)


def _inside(tile: slice, row: Tensor, entity: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column in the tile of those pairs (n,) whose entity stands there."""
    there = (entity >= tile.start) & (entity < tile.stop)
    return row[there], entity[there] - tile.start


def _between(scores: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Flat positions of scores (n, W) from `low` (n,) on, and how many of a row are not listed (n,).

    In a row where these are many, those above `high` (n,) are counted, not listed.
    """
    rows, width = scores.shape
    crowd, open_to = np.zeros(rows, dtype=np.int64), bounds.at_least(scores, low)
    flat = np.flatnonzero(open_to)
    crowded = np.flatnonzero(np.diff(np.searchsorted(flat, np.arange(rows + 1) * width)) > CROWD * width)
    if len(crowded):
        ahead = bounds.above(scores[crowded], high[crowded])
        crowd[crowded] = [np.count_nonzero(row) for row in ahead]
        open_to[crowded] ^= ahead
        flat = np.flatnonzero(open_to)
    return torch.from_numpy(flat), torch.from_numpy(crowd)


def _where(mask: Tensor) -> Tensor:
    """Flat positions where it is true; numpy finds them faster than torch."""
    return torch.from_numpy(np.flatnonzero(mask.numpy()))


def _refuse(finite: bool | Tensor) -> None:
    if not finite:
        raise NotFiniteError("a score is NaN or infinite: the model has diverged; lower its learning rate")
