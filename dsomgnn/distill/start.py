"""A student that begins with what a teacher knows: the strongest columns of the teacher's vectors."""

from __future__ import annotations

import torch
from torch import Tensor

from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.models.model import Model

SOME = 1 << 16  # triples at a time


@torch.no_grad()
def begin_as(student: Model, teacher: FrozenTeacher, triples: Tensor) -> None:
    """Fill the student's tables, as far as they are wide, with columns of a teacher of the same score function.

    The strongest of the teacher's columns in train `triples` (n, 3) go first; what the teacher has none for stays.
    """
    table, parts = student.fusion.table, student.score.parts
    assert table is not None
    entities, relations = (_columns(x.to(table.dtype), parts) for x in (teacher.entities, teacher.relations))
    own = _columns(table, parts), _columns(student.relation, parts)
    chosen = _strength(entities, relations, triples).argsort(descending=True)[: own[0].shape[2]]
    for whole, known in zip(own, (entities, relations), strict=True):
        whole[:, :, : len(chosen)] = known[:, :, chosen]


def _columns(vectors: Tensor, parts: int) -> Tensor:
    """Vectors (n, parts d) as (n, parts, d): a column is a complex number where a score function has two parts."""
    return vectors.view(len(vectors), parts, -1)


def _strength(entities: Tensor, relations: Tensor, triples: Tensor) -> Tensor:
    """Sum over triples of each column's |h| |r| |t|, the most that it may add to a score, (d,)."""
    head, relation, tail = triples.to(entities.device).unbind(1)
    of_entity, of_relation = entities.norm(dim=1), relations.norm(dim=1)
    total = entities.new_zeros(of_entity.shape[1])
    for h, r, t in zip(head.split(SOME), relation.split(SOME), tail.split(SOME), strict=True):
        total += (of_entity[h] * of_relation[r] * of_entity[t]).sum(0)
    return total
