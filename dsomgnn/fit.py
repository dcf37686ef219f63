"""A run from recipe to student: pre-train each teacher, then distil."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dsomgnn.batches import TrainingQueries
from dsomgnn.build import Job, build, make_distiller, make_student, make_teacher, plugins
from dsomgnn.choices import Tally, choice_report
from dsomgnn.contract import check_encoder
from dsomgnn.distill.agent import Agent
from dsomgnn.distill.distiller import LEARN, Distiller
from dsomgnn.distill.lesson import Lesson
from dsomgnn.distill.teachers import FrozenTeacher, fit_temperature, freeze
from dsomgnn.errors import DataError
from dsomgnn.evaluate import rank_these
from dsomgnn.models.model import Model
from dsomgnn.optimise import Optimisers
from dsomgnn.phase import Phase, Standing, train
from dsomgnn.progress import Progress
from dsomgnn.rank.metrics import mrr
from dsomgnn.record import finished_record, start_record
from dsomgnn.run import CHECKPOINT, Run, load_into
from dsomgnn.settings import Training
from dsomgnn.steps import plain_step, taught_step
from dsomgnn.taken import others_told, same_teachers, teacher_key
from dsomgnn.trackers import tracked, tracker_class

LEAST_USE = 0.001  # of validation MRR: what a modality gives less than this is hardly used
MEASURE_EVERY = 8  # batches; the value of the taught loss costs more than its gradient


def fit(job: Job, run: Run, progress: Progress | None = None, teachers_of: Sequence[Path] = ()) -> dict[str, Any]:
    """Train what the recipe names into the run folder and return its record. A stopped run goes on where it stood.

    `teachers_of`: other runs, whose teachers are taken over where they would come out the same.
    """
    progress = progress or Progress(quiet=True)
    tracker = tracker_class(job.recipe.tracker, job.folder)
    record = _begin(job, run, progress, [Run.open(path) for path in teachers_of])
    with tracked(tracker, run, record, progress):
        teachers = _teachers(job, run, record, progress)
        if "student" not in record["phases"]:
            distil(job, run, record, teachers, progress)
        run.drop(CHECKPOINT)
        finished_record(record)
        run.write_json("record.json", record)
    return record


def fit_teachers(job: Job, run: Run, progress: Progress) -> None:
    """Train the teachers alone, for other runs to take over; a stopped run goes on where it stood."""
    _teachers(job, run, _begin(job, run, progress), progress)


def _begin(job: Job, run: Run, progress: Progress, teachers_of: Sequence[Run] = ()) -> dict[str, Any]:
    """The record of a run that goes on, or of a new one."""
    for teacher in job.recipe.pool.values():
        check_encoder(teacher.encoder, job.folder, len(teacher.fanouts), dict(teacher.options))
    if (run.path / "record.json").exists():
        record = run.record()
        changed = [name for name in job.recipe.pool if record["teachers"].get(name) != teacher_key(job, name)]
        if changed:
            raise DataError(
                f"{run.path}: features or encoder of {', '.join(changed)} are not those that the run was started with"
            )
        return record
    taken = same_teachers(job, teachers_of)
    others = others_told(job, teachers_of, taken) if taken else ""
    run.make()
    run.write_recipe(job.recipe, plugins(job.recipe, job.folder))
    run.write_ids(job.dataset)
    for name, other in taken.items():
        run.copy(other, f"teachers/{name}.safetensors")
    record = start_record(job, {name: _taken_phase(other, name) for name, other in taken.items()})
    run.write_json("record.json", record)
    if others:
        progress.say(f"taken over: {', '.join(taken)}. Trained here: {others}", "yellow")
    for warning in record["data"]["warnings"]:
        progress.say(f"warning: {warning}", "yellow")
    return record


def _taken_phase(other: Run, name: str) -> dict[str, Any]:
    return {**other.record()["phases"][name], "taken_from": str(other.path)}


def _teachers(job: Job, run: Run, record: dict, progress: Progress) -> list[FrozenTeacher]:
    places = {name: place for place, name in enumerate(job.recipe.teachers)}
    return [_teacher(job, run, record, name, places[name], progress) for name in job.recipe.pool]


def _teacher(job: Job, run: Run, record: dict, name: str, number: int, progress: Progress) -> FrozenTeacher:
    """The trained and frozen teacher: from the run folder where it is there, else pre-trained now."""
    file = f"teachers/{name}.safetensors"
    model = make_teacher(job, name, number)
    if name not in record["phases"]:
        best, standing = pretrain(job, run, model, name, number, progress)
        load_into(model, best["model"], file)
        frozen = freeze(name, model, None)
        heat = fit_temperature(frozen, job.selecting, job.dataset.num_relations)
        without = mrr_without(job, model, job.recipe.teachers[name].modalities)
        for modality in (m for m, value in without.items() if standing.best_mrr - value < LEAST_USE):
            progress.say(
                f"warning: teacher {name} hardly uses {modality}: without it its validation MRR is "
                f'{without[modality]:.4f}, with it {standing.best_mrr:.4f}. Try fusion = "sum", init = 0.1, or less n3',
                "yellow",
            )
        run.write_tensors(file, best["model"], {"temperature": heat, "valid_mrr": standing.best_mrr})
        _finish(run, record, name, standing, temperature=heat, valid_mrr_without=without)
    tensors, meta = run.read_tensors(file)
    load_into(model, tensors, str(run.path / file))
    return freeze(name, model, job.training, temperature=meta["temperature"])


def pretrain(
    job: Job, run: Run, model: Model, name: str, number: int, progress: Progress
) -> tuple[dict[str, dict[str, Tensor]], Standing]:
    """Train a teacher alone, on the triples that teachers may see."""
    settings = job.recipe.teachers[name]
    training = TrainingQueries(job.teacher_mkg, settings.merge)
    optimisers = optimisers_of(model, settings)

    def epoch(_: int) -> dict[str, Any]:
        return fit_epoch(model, training, optimisers, settings, job.device)

    phase = Phase(number, name, model, optimisers, settings, epoch, lambda: valid_mrr(job, model))
    return train(phase, run, job.recipe.seed, progress)


def fit_epoch(
    model: Model, training: TrainingQueries, optimisers: Optimisers, settings: Training, device: torch.device
) -> dict[str, Any]:
    """One epoch of cross entropy and N3 without teachers."""
    started, total, rows, triples = time.monotonic(), torch.zeros((), device=device), 0, 0
    for batch in training.batches(settings.batch, settings.steps):
        total += plain_step(model, batch.to(device), optimisers, settings) * len(batch.row)
        rows, triples = rows + len(batch.queries), triples + len(batch.row)
    return {"loss": total.item() / triples, "rows_per_second": rows / (time.monotonic() - started)}


def distil(job: Job, run: Run, record: dict, teachers: list[FrozenTeacher], progress: Progress) -> None:
    """Train the student from the facts and the teachers' soft labels, and the agent that chooses among them."""
    settings, number = job.recipe.student, len(job.recipe.teachers)
    student = make_student(job, number)
    optimisers = optimisers_of(student, settings)
    distiller = make_distiller(job, student, teachers) if teachers else None
    agent = distiller.choice if distiller and isinstance(distiller.choice, Agent) else None
    epoch = _student_epoch(job, student, optimisers, distiller)
    settle = 0 if distiller is None else distiller.stages.settled if agent else distiller.stages.alone
    validate = lambda: valid_mrr(job, student)  # noqa: E731
    phase = Phase(number, "student", student, optimisers, settings, epoch, validate, agent, settle)
    best, standing = train(phase, run, job.recipe.seed, progress)
    if distiller and (early := distiller.stages.untaught(standing.best_epoch, bool(agent))):
        progress.say(f"warning: the student was best in epoch {standing.best_epoch}, {early}", "yellow")
    load_into(student, best["model"], "student")
    heat = fit_temperature(freeze("student", student, None), job.selecting, job.dataset.num_relations)
    extra = {}
    if distiller:
        if agent:
            load_into(agent.policy, best["policy"], "policy")
            run.write_tensors("policy.safetensors", best["policy"], {"teachers": [t.name for t in teachers]})
        extra["choices"] = choice_report(distiller, job.dataset)
    run.write_tensors("student.safetensors", best["model"], {"temperature": heat, "valid_mrr": standing.best_mrr})
    _finish(run, record, "student", standing, temperature=heat, **extra)


def _student_epoch(
    job: Job, student: Model, optimisers: Optimisers, distiller: Distiller | None
) -> Callable[[int], dict[str, Any]]:
    settings = job.recipe.student
    if distiller is None:
        return lambda _: fit_epoch(student, job.training, optimisers, settings, job.device)
    lesson = Lesson(distiller, distiller.choice, job.rewarded) if isinstance(distiller.choice, Agent) else None
    every, steps, alone = job.recipe.agent.every, settings.steps, distiller.stages.alone
    first = TrainingQueries(job.teacher_mkg, settings.merge) if alone else job.training

    def epoch(number: int) -> dict[str, Any]:
        if number <= alone:
            return fit_epoch(student, first, optimisers, settings, job.device)
        return distil_epoch(distiller, lesson, optimisers, settings.batch, number, every, steps)

    return epoch


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


def optimisers_of(model: Model, settings: Training) -> Optimisers:
    tables = [model.relation] + ([model.fusion.table] if model.fusion.table is not None else [])
    return Optimisers(model, tables, settings.lr, settings.lr_dense, bool(settings.candidates))


def valid_mrr(job: Job, model: Model) -> float:
    """Filtered validation MRR, ties realistic: what models are selected by."""
    return mrr(rank_these(job, freeze("", model, None), job.selecting))


def mrr_without(job: Job, model: Model, modalities: Sequence[str]) -> dict[str, float]:
    """Validation MRR of a trained teacher after each of its modalities in turn was taken from all entities."""
    found = {}
    for name in modalities:
        with model.fusion.without(name):
            found[name] = valid_mrr(job, model)
    return found


def _finish(run: Run, record: dict, name: str, standing: Standing, **extra: Any) -> None:
    """Note a finished phase, then forget its checkpoint."""
    record["phases"][name] = {
        "valid_mrr": standing.best_mrr,
        "best_epoch": standing.best_epoch,
        "epochs": standing.epoch,
        "seconds": round(standing.seconds, 3),
        **extra,
    }
    run.log({"event": "phase", "phase": name, "valid_mrr": standing.best_mrr, "best_epoch": standing.best_epoch})
    record["log"] = run.log_size()
    run.write_json("record.json", record)
    run.drop(CHECKPOINT)


def fit_recipe(
    recipe_path: str | Path, run_path: str | Path, changes: list[str] | tuple[str, ...] = ()
) -> dict[str, Any]:
    """`dsomgnn fit RECIPE --run DIR`, from Python."""
    from dsomgnn.recipe import load_recipe

    recipe_path = Path(recipe_path)
    job = build(load_recipe(recipe_path, changes), recipe_path.parent)
    return fit(job, Run.create(Path(run_path), recipe_path))
