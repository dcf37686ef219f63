"""A run from recipe to student: pre-train each teacher, then distil."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dsomgnn.alone import alone
from dsomgnn.beginning import begin
from dsomgnn.build import Job, build, make_distiller, make_student, queries_of
from dsomgnn.choices import choice_report
from dsomgnn.device import left_as_found
from dsomgnn.distill.agent import Agent
from dsomgnn.distill.distiller import Distiller
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.epochs import distil_epoch, fit_epoch, optimisers_of
from dsomgnn.errors import RecipeError
from dsomgnn.evaluate import temperature, valid_mrr
from dsomgnn.models.model import Model
from dsomgnn.optimise import Optimisers
from dsomgnn.phase import Phase, finish, train
from dsomgnn.pretraining import make_teachers
from dsomgnn.progress import Progress
from dsomgnn.ranking import open_job
from dsomgnn.record import finished_record
from dsomgnn.rewarded import make_lesson
from dsomgnn.run import CHECKPOINT, Run, load_into
from dsomgnn.sampling import seed_all
from dsomgnn.sealed import POLICY_FILE, STUDENT_FILE, require_whole
from dsomgnn.trackers import tracked, tracker_class


def fit(job: Job, run: Run, progress: Progress | None = None, teachers_of: Sequence[Path] = ()) -> dict[str, Any]:
    """Train what the recipe names into the run folder and return its record. A stopped run goes on where it stood.

    `teachers_of`: other runs, whose teachers are taken over where they would come out the same.
    """
    progress = progress or Progress(quiet=True)
    tracker = tracker_class(job.recipe.tracker, job.folder)
    record = begin(job, run, progress, [Run.open(path) for path in teachers_of])
    with alone(run.path, "fit"), tracked(tracker, run, record, progress):
        teachers = make_teachers(job, run, record, progress)
        if "student" not in record["phases"]:
            distil(job, run, record, teachers, progress)
        run.drop(CHECKPOINT)
        finished_record(record)
        run.write_json("record.json", record)
    return record


def fit_teachers(job: Job, run: Run, progress: Progress) -> None:
    """Train the teachers alone, for other runs to take over; a stopped run goes on where it stood."""
    make_teachers(job, run, begin(job, run, progress), progress)


def distil(job: Job, run: Run, record: dict, teachers: list[FrozenTeacher], progress: Progress) -> None:
    """Train the student from the facts and the teachers' soft labels, and the agent that chooses among them."""
    settings, number = job.recipe.student, len(job.recipe.teachers)
    student = make_student(job, number, teachers)
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
    heat = temperature(job, student)
    extra = {}
    if distiller:
        if agent:
            load_into(agent.policy, best["policy"], "policy")
            run.write_tensors(POLICY_FILE, best["policy"], {"teachers": [t.name for t in teachers]})
        seed_all(job.recipe.seed, number, 0)  # a run that goes on draws what it had drawn
        extra["choices"] = choice_report(distiller, job.dataset)
    run.write_tensors(STUDENT_FILE, best["model"], {"temperature": heat, "valid_mrr": standing.best_mrr})
    finish(run, record, "student", standing, temperature=heat, **extra)


def _student_epoch(
    job: Job, student: Model, optimisers: Optimisers, distiller: Distiller | None
) -> Callable[[int], dict[str, Any]]:
    settings = job.recipe.student
    if distiller is None:
        return lambda _: fit_epoch(student, job.training, optimisers, settings, job.device)
    lesson = make_lesson(job, distiller)
    every, steps, alone = job.recipe.agent.every, settings.steps, distiller.stages.alone
    first = queries_of(job.teacher_mkg, settings) if alone else job.training

    def epoch(number: int) -> dict[str, Any]:
        if number <= alone:
            return fit_epoch(student, first, optimisers, settings, job.device)
        return distil_epoch(distiller, lesson, optimisers, settings.batch, number, every, steps)

    return epoch


@left_as_found()
def fit_recipe(
    recipe_path: str | Path,
    run_path: str | Path,
    changes: list[str] | tuple[str, ...] = (),
    teachers_of: Sequence[str | Path] = (),
) -> dict[str, Any]:
    """`dsomgnn fit RECIPE --run DIR`, from Python: the record of the run, as record.json has it.

    "phases" holds, by teacher's name and "student", {"valid_mrr", "best_epoch", "epochs", "seconds", "temperature",
    ...}, and the student's "choices" of an agent; beside it "finished", "seconds", "seed", "device", "modalities",
    "data", "versions". `changes`: settings as "key=value". `teachers_of`: runs whose teachers are taken over where they
    would come out the same. Raises RecipeError, DataError, PluginError, CheckpointError.
    """
    from dsomgnn.recipe import load_recipe

    recipe_path = Path(recipe_path)
    if isinstance(teachers_of, str | Path):
        raise RecipeError(f"teachers_of: {teachers_of}: expected a list of runs")
    job = build(load_recipe(recipe_path, changes), recipe_path.parent)
    return fit(job, Run.create(Path(run_path), recipe_path), teachers_of=[Path(path) for path in teachers_of])


@left_as_found()
def resume_run(run_path: str | Path) -> dict[str, Any]:
    """`dsomgnn fit --resume RUN`, from Python: the record of the run, which is trained to its end.

    Raises CheckpointError for what is no run or lacks a file, DataError where its data are others now.
    """
    run = Run.open(Path(run_path))
    job = open_stopped(run)
    return fit(job, run) if job else run.record()


def open_stopped(run: Run) -> Job | None:
    """The job of a run that can go on; None where it is finished, and whole."""
    record = run.record()
    if record["finished"]:
        require_whole(run.path, run.recipe())
        return None
    return open_job(run, record, with_features=True)
