"""Teachers of another run: those that would come out the same here, and why the others would not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from dsomgnn import __version__
from dsomgnn.build import Job
from dsomgnn.errors import CheckpointError, RecipeError
from dsomgnn.registry import plugin_file
from dsomgnn.run import Run
from dsomgnn.sealed import teacher_file
from dsomgnn.settings import Recipe, TeacherRecipe


def teacher_key(job: Job, name: str) -> str:
    """One digest over all that a teacher depends on: its settings and features, what it sees and is selected on."""
    recipe, teacher = job.recipe, job.recipe.teachers[name]
    features = [job.mkg.features[modality].sha256 for modality in teacher.modalities]
    file = plugin_file(teacher.encoder, job.folder)
    code = hashlib.sha256(file.read_bytes()).hexdigest() if file else ""
    settings = _portable(teacher).model_dump_json()
    parts = [__version__, settings, *features, code, recipe.seed, _place(recipe, name), recipe.reserve]
    parts += [job.dataset.sha256, *([recipe.rank.valid] if recipe.rank.valid else [])]
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def same_teachers(job: Job, others: Sequence[Run]) -> dict[str, Run]:
    """Of each teacher that would come out the same here the first run that has it. Raises RecipeError where none is."""
    records = [(run, run.record()) for run in others]
    found = {}
    for name in job.recipe.pool:
        key = teacher_key(job, name)
        having = [run for run, r in records if r["teachers"].get(name) == key and _holds(run, r, name)]
        if having:
            found[name] = having[0]
    if others and job.recipe.pool and not found:
        runs = ", ".join(str(run.path) for run in others)
        raise RecipeError(f"--teachers {runs}: none would come out the same here: {others_told(job, others, found)}")
    return found


def others_told(job: Job, others: Sequence[Run], found: dict[str, Run]) -> str:
    """The teachers that none of the other runs has, each with what is different there; '' where all were found."""
    return "; ".join(f"{name} ({_difference(job, name, others)})" for name in job.recipe.pool if name not in found)


def _holds(run: Run, record: dict[str, Any], name: str) -> bool:
    return name in record["phases"] and (run.path / teacher_file(name)).exists()


def _difference(job: Job, name: str, others: Sequence[Run]) -> str:
    """Why none of the others has it: in what the first that has such a teacher differs."""
    having = [run for run in others if name in run.record()["teachers"]]
    same = [run for run in having if run.record()["teachers"][name] == teacher_key(job, name)]
    if same:
        return "its file is gone there" if name in same[0].record()["phases"] else "not finished there"
    try:
        return _changed(job, name, having[0]) if having else "not there"
    except CheckpointError:
        return "the recipe there cannot be read"


def _changed(job: Job, name: str, run: Run) -> str:
    record, theirs, ours = run.record(), run.recipe(), job.recipe
    told = {
        "seed": (theirs.seed, ours.seed),
        "reserve": (theirs.reserve, ours.reserve),
        "rank.valid": (theirs.rank.valid, ours.rank.valid),
        "number among the teachers": (1 + _place(theirs, name), 1 + _place(ours, name)),
        "dsomgnn": (record["versions"]["dsomgnn"], __version__),
    }
    one, other = (_portable(recipe.teachers[name]).model_dump() for recipe in (theirs, ours))
    told |= {key: (one[key], other[key]) for key in other}
    changed = [f"{word} {there} there, {here} here" for word, (there, here) in told.items() if there != here]
    kept = {modality: used["sha256"] for modality, used in record["modalities"].items()}
    changed += [
        f"other features of {modality}"
        for modality in ours.teachers[name].modalities
        if kept.get(modality) != job.mkg.features[modality].sha256
    ]
    changed += ["other data"] if record["data"]["sha256"] != job.dataset.sha256 else []
    return ", ".join(changed) or f"another {ours.teachers[name].encoder}"


def _portable(teacher: TeacherRecipe) -> TeacherRecipe:
    """Its settings, wherever the file of its encoder lies."""
    return teacher.model_copy(update={"encoder": teacher.encoder.rpartition("/")[2]})


def _place(recipe: Recipe, name: str) -> int:
    return list(recipe.teachers).index(name)
