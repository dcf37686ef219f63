"""One epoch: of a model that learns alone, or of a student with its teachers."""

from __future__ import annotations

import time
from typing import Any

import torch

from dsomgnn.batches import TrainingQueries
from dsomgnn.choices import Tally
from dsomgnn.distill.distiller import LEARN, Distiller
from dsomgnn.distill.lesson import Lesson
from dsomgnn.models.model import Model
from dsomgnn.optimise import Optimisers
from dsomgnn.settings import Training
from dsomgnn.steps import plain_step, taught_step

MEASURE_EVERY = 8  # batches; the value of the taught loss costs more than its gradient


def optimisers_of(model: Model, settings: Training) -> Optimisers:
    tables = [model.relation] + ([model.fusion.table] if model.fusion.table is not None else [])
    return Optimisers(model, tables, settings.lr, settings.lr_dense, bool(settings.candidates))


def fit_epoch(
    model: Model, training: TrainingQueries, optimisers: Optimisers, settings: Training, device: torch.device
) -> dict[str, Any]:
    """One epoch of cross entropy and N3 without teachers."""
    started, total, rows, triples = time.monotonic(), torch.zeros((), device=device), 0, 0
    for batch in training.batches(settings.batch, settings.steps):
        total += plain_step(model, batch, optimisers, settings) * len(batch.row)
        rows, triples = rows + len(batch.queries), triples + len(batch.row)
    return {"loss": total.item() / triples, "rows_per_second": rows / (time.monotonic() - started)}


def distil_epoch(
    distiller: Distiller,
    lesson: Lesson | None,
    optimisers: Optimisers,
    size: int,
    epoch: int,
    every: int = 1,
    steps: int = 0,
) -> dict[str, Any]:
    """One epoch of distillation: a student step per batch; while the agent learns, a step of it `every` so many."""
    started, rows, tally = time.monotonic(), 0, Tally([t.name for t in distiller.teachers])
    for number, (batch, stage) in enumerate(distiller.epoch(size, epoch, steps)):
        rows += len(batch.queries)
        taught_step(distiller, batch, stage, optimisers, tally, measure=number % MEASURE_EVERY == 0)
        if lesson and stage == LEARN and number % every == 0:
            tally.add_lesson(lesson.give())
    return {**tally.event(), "rows_per_second": rows / (time.monotonic() - started)}
