"""The record that a run begins with: a new one, or that of a run that goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dsomgnn.build import Job, plugins
from dsomgnn.contract import check_teacher
from dsomgnn.errors import DataError
from dsomgnn.progress import Progress
from dsomgnn.record import processed_on, start_record
from dsomgnn.run import Run
from dsomgnn.sealed import digests, teacher_file
from dsomgnn.taken import others_told, same_teachers, teacher_key
from dsomgnn.unread import unread


def begin(job: Job, run: Run, progress: Progress, teachers_of: Sequence[Run] = ()) -> dict[str, Any]:
    """The record of a run that goes on, or of a new one, whose folder is made, with teachers of other runs in it.

    Raises PluginError, DataError, RecipeError, CheckpointError before anything is written.
    """
    for name, teacher in job.recipe.pool.items():
        check_teacher(name, teacher, job.folder)
    if (run.path / "record.json").exists():
        return _going_on(job, run, progress)
    taken = same_teachers(job, teachers_of)
    others = others_told(job, teachers_of, taken) if taken else ""
    record = _made(job, run, taken)
    if others:
        progress.say(f"taken over: {', '.join(taken)}. Trained here: {others}", "yellow")
    if any(record["products"][name] != training.products for name, training in job.recipe.trained.items()):
        progress.say("products are float32: this processor is slower at bfloat16")
    for warning in (*unread(job.recipe), *record["data"]["warnings"]):
        progress.say(f"warning: {warning}", "yellow")
    return record


def _going_on(job: Job, run: Run, progress: Progress) -> dict[str, Any]:
    record = run.record()
    changed = [name for name in job.recipe.pool if record["teachers"].get(name) != teacher_key(job, name)]
    if changed:
        raise DataError(
            f"{run.path}: features or encoder of {', '.join(changed)} are not those that the run was started with"
        )
    if (here := processed_on(job)) != {name: record.get(name, here[name]) for name in here}:
        progress.say("goes on where other products are taken: its figures are not those of one machine", "yellow")
    return record


def _made(job: Job, run: Run, taken: dict[str, Run]) -> dict[str, Any]:
    """The record of a new run, and its folder."""
    run.make()
    run.write_recipe(job.recipe, plugins(job.recipe, job.folder))
    run.write_ids(job.dataset)
    for name, other in taken.items():
        run.copy(other, teacher_file(name))
    phases = {name: {**other.record()["phases"][name], "taken_from": str(other.path)} for name, other in taken.items()}
    record = {**start_record(job, phases), "files_sha256": digests(run.path)}
    run.write_json("record.json", record)
    return record
