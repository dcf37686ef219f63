"""What the agent sees of a training query: the student, the graph around the head, and the teachers' manner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dsomgnn.batches import Batch, TrainingQueries, rows_within, step_memory
from dsomgnn.data.mkg import MKG
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.distill.view import View
from dsomgnn.neighbourhood import Neighbourhood, Neighbours
from dsomgnn.pool import EVERYONE, Pool
from dsomgnn.unwaited import counts


@dataclass(frozen=True)
class TeacherCache:
    """Per training query (Q, K): entropy of the soft labels, most probable entity, mass on the neighbours, and
    whether the teacher speaks of the head. Per triple (T, K), where the state may know the target: log p(target) and
    its reciprocal rank."""

    entropy: Tensor
    top: Tensor
    mass: Tensor
    speaks: Tensor
    log_target: Tensor | None = None
    reciprocal_rank: Tensor | None = None

    def of(self, index: Tensor) -> TeacherCache:
        """That of the queries at `index` (B,), without their triples."""
        return TeacherCache(self.entropy[index], self.top[index], self.mass[index], self.speaks[index])


@torch.no_grad()
def describe(teachers: Sequence[FrozenTeacher], batch: Batch, near: Neighbourhood, pool: Pool) -> TeacherCache:
    """Of the queries of a batch alone, over a pool, in which neighbours and the most probable entity are places."""
    columns = zip(*(_describe(teacher, batch, near, False, pool) for teacher in teachers), strict=True)
    entropy, top, mass = (torch.stack(column, 1) for column in columns)
    return TeacherCache(entropy, top, mass, speak(teachers, batch.queries))


def speak(teachers: Sequence[FrozenTeacher], queries: Tensor) -> Tensor:
    """1 where a teacher has something to say of the head of a query, else 0; (B, K)."""
    return torch.stack([t.speaks[queries[:, 0].to(t.speaks.device)] for t in teachers], 1).to(teachers[0].relations)


@torch.no_grad()
def cache_teachers(
    teachers: Sequence[FrozenTeacher],
    training: TrainingQueries,
    neighbours: Neighbours,
    targets: bool = False,
    chunk: int = 256,
) -> TeacherCache:
    """One pass over all training queries and teachers, at temperature tau = 1."""
    # Made beforehand: small tensors kept between large ones that come and go would leave the heap in holes.
    shape, device = (len(training), len(teachers)), teachers[0].entities.device
    found = [torch.empty(shape, device=device), torch.empty(shape, dtype=torch.long, device=device)]
    found += [torch.empty(shape, device=device)]
    found += [torch.empty(training.num_triples, len(teachers), device=device) for _ in range(2 * targets)]
    chunk = min(chunk, rows_within(len(teachers[0].entities), 3, torch.float32, step_memory(device)))
    for index in torch.arange(len(training)).split(chunk):
        batch = training.at(index)
        near = neighbours.around(batch.queries, batch.row, batch.target)
        for k, teacher in enumerate(teachers):
            parts = _describe(teacher, batch, near, targets)
            for whole, part, at in zip(found, parts, [index] * 3 + [batch.position] * 2, strict=False):
                whole[at.to(device), k] = part.to(whole.dtype)
    entropy, top, mass, *rest = found
    return TeacherCache(entropy, top, mass, speak(teachers, training.queries), *rest)


def _describe(
    teacher: FrozenTeacher, batch: Batch, near: Neighbourhood, targets: bool, pool: Pool = EVERYONE
) -> tuple[Tensor, ...]:
    device = teacher.entities.device
    on = batch.to(device)
    scores = teacher.logits(on.queries, on.index, pool=pool).div_(teacher.temperature)
    weighed = pool.weighed(scores)
    top, p = scores.max(1), weighed.softmax(1)
    at = top.indices[:, None]
    lse = (weighed.gather(1, at) - p.gather(1, at).log())[:, 0]  # cheaper than a logsumexp
    row, node = near.row.to(device), near.node.to(device)
    mass = p.new_zeros(len(p)).index_add_(0, row, p[row, node])
    context = (lse - torch.linalg.vecdot(p, scores), top.indices, mass)
    return (*context, *_of_targets(scores, lse, on)) if targets else context


def _of_targets(scores: Tensor, lse: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """log p(target) and reciprocal rank of the target, per triple."""
    right = scores[batch.row, batch.target]
    pairs = zip(batch.row.split(256), right.split(256), strict=True)
    above = torch.cat([(scores[row] > score[:, None]).sum(1) for row, score in pairs])
    return right - lse[batch.row], 1 / (1 + above.to(scores.dtype))


class StateBuilder:
    """States (rows, F) from detached parts. Without a cache teachers are described batch by batch. One with target
    features adds what depends on the answer (an option to compare: it favours teachers that memorised the triple, and
    exists only for queries with a known answer).

    `asked`: the queries that the cache and the states are of, where they are not those of training.
    """

    def __init__(
        self,
        mkg: MKG,
        training: TrainingQueries,
        teachers: Sequence[FrozenTeacher],
        cache: TeacherCache | None,
        asked: TrainingQueries | None = None,
    ):
        degree = counts(mkg.edges[:, 0], mkg.num_entities)
        frequency = counts(mkg.edges[:, 1], 2 * mkg.num_relations)

        def logs(queries: Tensor) -> Tensor:
            return torch.stack([degree[queries[:, 0]], frequency[queries[:, 1]]], 1).float().log1p()

        seen = logs(training.queries)
        here = seen if asked is None else logs(asked.queries)
        device = teachers[0].entities.device
        self.graph = (here - seen.mean(0)).div(seen.std(0).clamp(min=1e-6)).to(device)
        self.teachers, self.cache = teachers, cache

    def width(self, student_width: int) -> int:
        teachers, targets = len(self.teachers), self.cache is not None and self.cache.log_target is not None
        return 3 * student_width + 2 + 4 * teachers + (2 * teachers + 1 if targets else 0)

    def of(self, view: View, logits: Tensor, lse: Tensor) -> Tensor:
        """One row per query of a view, with its scores (B, P) and their log normalisers (B,)."""
        index, near = view.batch.index, view.around
        said = self.cache.of(index) if self.cache else describe(self.teachers, view.batch, near, view.pool)
        context = view.table.new_zeros(view.query.shape).index_add_(0, near.row, view.table[near.node])
        count = counts(near.row, len(view.query)).clamp(min=1)[:, None]
        agreement = logits.gather(1, said.top) - lse[:, None]
        scalars = [said.entropy / 5, said.mass, agreement / 5, said.speaks]
        vectors = [_unit_variance(v) for v in (view.query, view.seen.relation, context / count)]
        return torch.cat([*vectors, self.graph[index], *scalars], 1).detach()

    def per_triple(self, state: Tensor, row: Tensor, position: Tensor, log_u_target: Tensor) -> Tensor:
        """States of triples from those of their queries; `position` (T,) is the triple's place in training order."""
        state, cache = state[row], self.cache
        if cache is None or cache.log_target is None or cache.reciprocal_rank is None:
            return state
        extra = [cache.log_target[position] / 5, cache.reciprocal_rank[position], log_u_target[:, None] / 5]
        return torch.cat([state, *extra], 1).detach()


def _unit_variance(vectors: Tensor) -> Tensor:
    return vectors / vectors.square().mean(1, keepdim=True).add(1e-12).sqrt()
