"""dsomgnn itself, through the functions that `dsomgnn fit` and `dsomgnn rank` go through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import torch

from dsomgnn.batches import Batch, TrainingQueries
from dsomgnn.build import Job, make_student
from dsomgnn.choices import Tally
from dsomgnn.data.answers import Answers
from dsomgnn.data.mkg import MKG
from dsomgnn.data.triples import Dataset, Vocabulary
from dsomgnn.device import prepare_torch
from dsomgnn.distill.agent import FixedChoice
from dsomgnn.distill.distiller import TAUGHT, Distiller
from dsomgnn.distill.losses import LossWeights
from dsomgnn.distill.teachers import FrozenTeacher, freeze
from dsomgnn.epochs import MEASURE_EVERY, optimisers_of
from dsomgnn.evaluate import rank_split
from dsomgnn.models.model import Model
from dsomgnn.neighbourhood import Neighbours
from dsomgnn.settings import Recipe
from dsomgnn.steps import plain_step, taught_step
from speed.work import Done, Work

CPU = torch.device("cpu")


def train(work: Work, dtype: str) -> Iterator[Done | None]:
    """Whole steps of a student alone: merged queries, loss, backward, N3, optimiser."""
    job = _job(work, dtype)
    student, settings = make_student(job), job.recipe.student
    optimisers, order = optimisers_of(student, settings), _batches(job.training, work.sizes.batch)
    yield None
    while True:
        rows = 0
        for batch in islice(order, work.sizes.steps):
            plain_step(student, batch, optimisers, settings)
            rows += len(batch.queries)
        yield Done(rows)


def distil(work: Work, dtype: str) -> Iterator[Done | None]:
    """Whole steps of a student that all teachers teach; the loss is measured once in a turn, as often as in `fit`."""
    job = _job(work)
    student = make_student(job)
    distiller = _distiller(work, job, student, getattr(torch, dtype))
    optimisers, order = optimisers_of(student, job.recipe.student), _batches(job.training, work.sizes.batch)
    tally, number = Tally([t.name for t in distiller.teachers]), count()
    yield None
    while True:
        rows = 0
        for batch in islice(order, MEASURE_EVERY):
            taught_step(distiller, batch, TAUGHT, optimisers, tally, measure=next(number) % MEASURE_EVERY == 0)
            rows += len(batch.queries)
        yield Done(rows)


def rank(work: Work) -> Iterator[Done | None]:
    """Filtered ranks of the test split in both directions; the filter is made anew in every turn."""
    job, model = _job(work), _trained(work, "student")
    yield None
    while True:
        ranks = rank_split(replace(job), model, "test")
        yield Done(len(ranks.pessimistic), mrr=ranks.pessimistic.reciprocal().mean().item())


def _job(work: Work, dtype: str = "float32") -> Job:
    prepare_torch(CPU, work.sizes.threads, sampled=False)
    torch.manual_seed(0)
    recipe = Recipe.model_validate(
        {
            "data": {"name": work.name},
            "student": {"rank": work.sizes.rank, "batch": work.sizes.batch, "products": dtype},
            "distill": {"policy": "none"},
        }
    )
    entities, relations = (_vocabulary(n) for n in (work.entities, work.relations))
    dataset = Dataset(work.name, Path(), entities, relations, *(torch.from_numpy(split) for split in work.splits))
    mkg = MKG(dataset)
    return Job(recipe, Path(), dataset, mkg, mkg, CPU)


def _vocabulary(size: int) -> Vocabulary:
    names = tuple(map(str, range(size)))
    return Vocabulary(names, names)


def _batches(training: TrainingQueries, size: int) -> Iterator[Batch]:
    while True:
        yield from training.batches(size)


def _distiller(work: Work, job: Job, student: Model, dtype: torch.dtype) -> Distiller:
    teachers = [_trained(work, f"teacher {k}", noise=0.01 * k) for k in range(work.sizes.teachers)]
    return Distiller(
        student,
        teachers,
        job.training,
        Answers.of(job.dataset.train, work.entities, work.relations),
        Neighbours(job.mkg),
        None,
        FixedChoice("all", [t.name for t in teachers]),
        LossWeights(),
        job.recipe.student.n3,
        dtype=dtype,
    )


@torch.no_grad()
def _trained(work: Work, name: str, noise: float = 0.0) -> FrozenTeacher:
    model = make_student(_job(work))
    for parameter, table in ((model.fusion.table, work.entity_table), (model.relation, work.relation_table)):
        parameter.copy_(torch.from_numpy(table)).add_(noise * torch.randn_like(parameter))
    return freeze(name, model, None)
