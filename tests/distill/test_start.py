"""A student that begins as a teacher: the same scores at the same rank, the strongest columns at a smaller one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from dsomgnn.build import Job, build, make_student
from dsomgnn.distill.start import begin_as
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.models.fusion import FUSIONS
from dsomgnn.models.model import Model
from dsomgnn.models.score import SCORES
from dsomgnn.recipe import load_recipe

N, R, TRIPLES = 6, 2, torch.tensor([[0, 0, 1], [2, 1, 3], [0, 1, 1]])


def student_of(rank: int, score: str = "complex") -> Model:
    function = SCORES[score]()
    return Model(function, FUSIONS["blocks"](torch.ones(N, dtype=torch.bool), {}, rank, 1, function.parts, init=0.1), R)


def teacher_of(entities: torch.Tensor, relations: torch.Tensor, score: str = "complex") -> FrozenTeacher:
    return FrozenTeacher("t", SCORES[score](), entities, entities, relations, torch.ones(N, dtype=torch.bool))


@pytest.mark.parametrize("score", ["complex", "distmult"])
def test_of_the_same_rank_it_scores_as_the_teacher_does(score: str):
    width = 5 * SCORES[score].parts
    teacher = teacher_of(torch.randn(N, width), torch.randn(2 * R, width), score)
    student = student_of(5, score)
    begin_as(student, teacher, TRIPLES)
    queries = torch.cartesian_prod(torch.arange(N), torch.arange(2 * R))
    head, relation = queries.unbind(1)
    table = student.fusion.table.detach()
    own = student.score.query(table[head], student.relation[relation]) @ table.T
    torch.testing.assert_close(own, teacher.logits(queries))


def test_a_smaller_one_has_the_columns_that_weigh_most_in_train():
    """Three complex columns: of the first |h| |r| |t| is 0.5 in each triple, of the second 0.1, 8 and 0.2; none reads
    where the third is large."""
    real, imaginary = torch.zeros(N, 3), torch.zeros(N, 3)
    real[:, 0], real[4:, 2] = 1.0, 100.0
    imaginary[:, 1] = torch.tensor([1.0, 0.1, 2.0, 2.0, 0.0, 0.0])
    relations = torch.tensor([[0.5, 0, 1, 0, 1, 0], [0.5, 0, 1, 0, 2, 0]]).repeat(2, 1)
    student = student_of(1)
    begin_as(student, teacher_of(torch.cat([real, imaginary], 1), relations), TRIPLES)
    assert torch.equal(student.fusion.table.detach(), torch.stack([real[:, 1], imaginary[:, 1]], 1))
    assert torch.equal(student.relation.detach(), relations[:, [1, 4]])


def test_what_a_larger_one_has_more_stays_as_it_was():
    student = student_of(3)
    before = student.fusion.table.detach().clone()
    begin_as(student, teacher_of(torch.full((N, 2), 7.0), torch.ones(2 * R, 2)), TRIPLES)
    table = student.fusion.table.detach()
    assert (table[:, [0, 3]] == 7).all()
    assert torch.equal(table[:, [1, 2, 4, 5]], before[:, [1, 2, 4, 5]])


def test_it_learns_from_there_and_leaves_the_teacher_as_it_is():
    teacher = teacher_of(torch.ones(N, 2), torch.ones(2 * R, 2))
    student = student_of(1)
    begin_as(student, teacher, TRIPLES)
    assert student.fusion.table.requires_grad
    with torch.no_grad():
        student.fusion.table.add_(1)
    assert (teacher.entities == 1).all()


def job_of(*changes: str) -> Job:
    return build(load_recipe(Path("tiny.toml"), changes))


def test_the_recipe_says_as_which_if_that_one_teaches(workshop: Path):
    job = job_of("distill.begin=s", "student.rank=2")
    width, relations = job.recipe.teachers["s"].rank * 2, 2 * job.dataset.num_relations
    s = dataclasses.replace(teacher_of(torch.randn(N, width), torch.randn(relations, width)), name="s")
    st = dataclasses.replace(s, name="st", entities=torch.randn(N, width))
    alone = make_student(job).fusion.table
    assert torch.equal(make_student(job, 0, [st]).fusion.table, alone)
    begun = make_student(job, 0, [st, s]).fusion.table.detach()
    assert {tuple(column) for column in begun.T.tolist()} <= {tuple(column) for column in s.entities.T.tolist()}
    assert torch.equal(make_student(job_of("student.rank=2"), 0, [st, s]).fusion.table, alone)
