"""How many entities score above the right answer, and how many as high: densely, or pruned by cheap products."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from dsomgnn.errors import DsomError
from dsomgnn.rank import bounds

Logits = Callable[[Tensor], Tensor]
HALF = 2.0**-8  # the largest relative error of rounding to bfloat16
CROWD = 0.02  # share of the entities that is too many to list
CHUNK = 4096  # entities whose rounding is looked at together
SLACK = 1.01  # for the rounding of the bounds themselves


class Counter(Protocol):
    """Counts of the rivals of right answers among N entities; `bytes_per_score` is what it takes meanwhile."""

    bytes_per_score: int

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

    bytes_per_score = 8

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
        self.vectors, self.entities, self.rough = vectors, entities, entities.to(dtype)
        self.bytes_per_score = 2 * dtype.itemsize
        self.threads = ThreadPoolExecutor(torch.get_num_threads())
        parts = entities.split(CHUNK)
        self.size = torch.cat([part.norm(dim=1) for part in parts])
        self.lost = torch.cat([(part - part.bfloat16().float()).norm(dim=1) for part in parts])
        _refuse(torch.isfinite(self.size).all())

    def count(self, queries, row, target, known_row, known):
        query = self.vectors(queries)
        _refuse(torch.isfinite(query).all())
        scores = query.to(self.rough.dtype) @ self.rough.T
        scores[known_row, known] = -torch.inf
        right = self._exact(query, row, target)
        slope = self._slopes(query)
        above, level = torch.zeros(2, len(row), dtype=torch.long)
        for number, which in enumerate(shares(row, len(scores))):
            rows = row[which]
            part = scores[rows] if number else scores
            own = torch.arange(len(rows)), target[which]
            shown, part[own] = part[own], -torch.inf
            above[which], level[which] = self._all_rivals(part, query[rows], right[which], slope[rows])
            part[own] = shown
        return above, level + 1, right

    def _all_rivals(self, *of_rows: Tensor) -> Tensor:
        """`_rivals`, some rows in each thread: what looks up positions would else keep all but one waiting."""
        size = -(-len(of_rows[0]) // torch.get_num_threads())
        parts = zip(*(x.split(size) for x in of_rows), strict=True)
        return torch.cat(list(self.threads.map(lambda part: torch.stack(self._rivals(*part)), parts)), 1)

    def _rivals(self, scores: Tensor, query: Tensor, right: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        """Entities above and level with `right` (n,), by rows of `scores` (n, N).

        Most are told by a margin for all entities, most of the others by their own.
        """
        rows, width = scores.shape
        rounding = 2 * HALF * SLACK * right.abs()
        margin = slope @ torch.stack([self.size.max(), self.lost.max()]) + rounding
        open_to, crowd = bounds.at_least(scores, right - margin), torch.zeros_like(right, dtype=torch.long)
        if np.count_nonzero(open_to) > CROWD * open_to.size:  # what is surely above is counted, not listed
            ahead_of = bounds.above(scores, right + margin)
            crowd = torch.tensor([np.count_nonzero(ahead) for ahead in ahead_of])
            open_to ^= ahead_of
        flat = torch.from_numpy(np.flatnonzero(open_to))
        line, score = flat // width, scores.view(-1)[flat]
        open_ = _where(score <= (right + margin)[line])
        row, entity, ahead = line[open_], flat[open_] - line[open_] * width, score[open_] - right[line[open_]]
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
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
            pairs = torch.sparse_csr_tensor(starts, entity, query.new_zeros(len(row)), size, check_invariants=False)
        return torch.sparse.sampled_addmm(pairs, query, self.entities.T, beta=0.0).values()


def _where(mask: Tensor) -> Tensor:
    """Flat positions where it is true; numpy finds them faster than torch."""
    return torch.from_numpy(np.flatnonzero(mask.numpy()))


def _refuse(finite: bool | Tensor) -> None:
    if not finite:
        raise DsomError("a score is NaN or infinite: the model has diverged; lower its learning rate")
