"""An agent on real data, which chooses between a good teacher and its copy with the entities shuffled."""

from __future__ import annotations

import dataclasses
import functools

import torch

from dsomgnn.batches import Batch, TrainingQueries
from dsomgnn.build import Job, build, make_distiller, make_student, make_teacher
from dsomgnn.distill.distiller import Distiller
from dsomgnn.distill.lesson import Lesson
from dsomgnn.distill.teachers import FrozenTeacher, freeze
from dsomgnn.epochs import fit_epoch, optimisers_of
from dsomgnn.models.model import Model
from dsomgnn.pool import EVERYONE, Pool
from dsomgnn.recipe import parse_recipe
from dsomgnn.rewarded import make_lesson
from dsomgnn.settings import Recipe


def recipe_of(**agent: object) -> Recipe:
    return parse_recipe(
        {
            "data": {"name": "worldfacts"},
            "teachers": {"good": {"rank": 32}, "shuffled": {"rank": 32}},
            "student": {"rank": 32},
            "distill": {"warmup": 1, "walks": 4},
            "agent": {"rows": 128, **agent},
        }
    )


@functools.cache
def trained() -> tuple[Job, list[FrozenTeacher]]:
    """A job with a teacher trained for some epochs without the reserve, and its copy with the entities shuffled."""
    job = build(recipe_of())
    model = make_teacher(job, "good")
    settings = job.recipe.teachers["good"]
    training, optimisers = TrainingQueries(job.teacher_mkg), optimisers_of(model, settings)
    for _ in range(10):
        fit_epoch(model, training, optimisers, settings, job.device)
    good = freeze("good", model, None)
    order = torch.randperm(job.dataset.num_entities, generator=torch.Generator().manual_seed(0))
    return job, [
        good,
        dataclasses.replace(good, name="shuffled", entities=good.entities[order], heads=good.heads[order]),
    ]


def log_probs(distiller: Distiller, batch: Batch, pool: Pool = EVERYONE) -> torch.Tensor:
    """Log soft labels of every teacher, (K, B, P), at the distiller's tau."""
    tau = distiller.weights.tau
    return torch.stack([t.log_probs(batch.queries, batch.index, tau, pool) for t in distiller.teachers])


def start(**agent: object) -> tuple[Job, Model, Distiller, Lesson]:
    """The job, a new student, and its distiller and lesson, with these settings of the agent."""
    job, teachers = trained()
    job = dataclasses.replace(job, recipe=recipe_of(**agent))
    student = make_student(job)
    distiller = make_distiller(job, student, teachers)
    lesson = make_lesson(job, distiller)
    assert lesson is not None
    return job, student, distiller, lesson
