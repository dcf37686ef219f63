"""The teachers of a run: each is trained alone, then frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from dsomgnn.build import Job, asks_few, make_teacher, queries_of
from dsomgnn.distill.teachers import NO_ONE, FrozenTeacher, freeze
from dsomgnn.epochs import fit_epoch, optimisers_of
from dsomgnn.evaluate import temperature, valid_mrr
from dsomgnn.models.model import Model
from dsomgnn.phase import Phase, Standing, States, finish, train
from dsomgnn.progress import Progress
from dsomgnn.run import Run, load_into
from dsomgnn.sealed import teacher_file

LEAST_USE = 0.001  # of validation MRR: what a modality gives less than this is hardly used


def make_teachers(job: Job, run: Run, record: dict, progress: Progress) -> list[FrozenTeacher]:
    """The trained and frozen teachers: from the run folder where they are there, else trained now."""
    places = {name: place for place, name in enumerate(job.recipe.teachers)}
    return [_teacher(job, run, record, name, places[name], progress) for name in job.recipe.pool]


def _teacher(job: Job, run: Run, record: dict, name: str, number: int, progress: Progress) -> FrozenTeacher:
    file = teacher_file(name)
    model = make_teacher(job, name, number)
    if name not in record["phases"]:
        best, standing = _pretrain(job, run, model, name, number, progress)
        load_into(model, best["model"], file)
        heat = temperature(job, model)
        without = mrr_without(job, model, job.recipe.teachers[name].modalities)
        _tell_unused(progress, name, without, standing.best_mrr)
        run.write_tensors(file, best["model"], {"temperature": heat, "valid_mrr": standing.best_mrr})
        finish(run, record, name, standing, temperature=heat, valid_mrr_without=without)
    tensors, meta = run.read_tensors(file)
    load_into(model, tensors, str(run.path / file))
    return freeze(name, model, job.training, meta["temperature"], asks_few(job), _asked_apart(job))


def _asked_apart(job: Job) -> Tensor | None:
    """Heads of queries that are not of training: any of transfer queries, of an agent's rewards those in valid."""
    distill = job.recipe.distill
    if distill.transfer:
        return None
    rewarded = distill.policy == "reinforce" and job.recipe.agent.reward_on == "valid"
    return job.selecting[:, [0, 2]].unique() if rewarded else NO_ONE


def _pretrain(job: Job, run: Run, model: Model, name: str, number: int, progress: Progress) -> tuple[States, Standing]:
    """Train a teacher alone, on the triples that teachers may see."""
    settings = job.recipe.teachers[name]
    training = queries_of(job.teacher_mkg, settings)
    optimisers = optimisers_of(model, settings)

    def epoch(_: int) -> dict[str, Any]:
        return fit_epoch(model, training, optimisers, settings, job.device)

    phase = Phase(number, name, model, optimisers, settings, epoch, lambda: valid_mrr(job, model))
    return train(phase, run, job.recipe.seed, progress)


def mrr_without(job: Job, model: Model, modalities: Sequence[str]) -> dict[str, float]:
    """Validation MRR of a trained teacher after each of its modalities in turn was taken from all entities."""
    found = {}
    for name in modalities:
        with model.fusion.without(name):
            found[name] = valid_mrr(job, model)
    return found


def _tell_unused(progress: Progress, name: str, without: Mapping[str, float], mrr: float) -> None:
    for modality in (m for m, value in without.items() if mrr - value < LEAST_USE):
        progress.say(
            f"warning: teacher {name} hardly uses {modality}: without it its validation MRR is "
            f'{without[modality]:.4f}, with it {mrr:.4f}. Try fusion = "sum", init = 0.1, or less n3',
            "yellow",
        )
