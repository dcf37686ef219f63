"""Rank a finished run: its student, its teachers, or all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dsomgnn.build import Job, build, make_student, make_teacher
from dsomgnn.data.mkg import MKG
from dsomgnn.distill.teachers import FrozenTeacher, freeze
from dsomgnn.errors import CheckpointError, DataError, RecipeError, nearest
from dsomgnn.evaluate import rank_split
from dsomgnn.rank.metrics import summary
from dsomgnn.rank.slices import unseen_slices
from dsomgnn.recipe import load_recipe
from dsomgnn.run import Run, load_into
from dsomgnn.settings import Recipe


def rank_run(
    run_path: str | Path,
    split: str = "test",
    model: str = "student",
    ties: str | None = None,
    drop: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Filtered metrics of a run's models: {"split", "ties", "drop", "models": {name: {...}}}; see README for the keys.

    `model`: student, teacher:NAME, or all. `drop`: share of the entities, by modality, that lose it before teachers
    are ranked (a test of robustness). Raises CheckpointError, DataError, RecipeError.
    """
    run = Run.open(Path(run_path))
    record = run.record()
    recipe = load_recipe(run.path / "recipe.toml")
    names = _names(model, ["student", *(f"teacher:{name}" for name in recipe.pool)])
    _require_finished(run, record, names)
    drop = dict(drop or {})
    _refuse_unknown(drop, recipe)
    job = without(open_job(run, record, with_features=names != ["student"]), drop)
    ties = ties or recipe.rank.ties
    slices = unseen_slices(job.dataset.split(split), job.dataset.unseen)
    ranks = {name: rank_split(job, open_model(job, run, name), split) for name in names}
    models = {name: summary(found, job.dataset.relations.ids, ties, slices) for name, found in ranks.items()}
    return {"split": split, "ties": ties, "drop": drop, "models": models}


def without(job: Job, drop: Mapping[str, float]) -> Job:
    """The job after a random share of the entities, by modality, has lost its features; the same for the same seed."""
    features = {n: f.kept(1 - drop.get(n, 0.0), job.recipe.seed) for n, f in job.mkg.features.items()}
    mkgs = [MKG(mkg.dataset, features, mkg.train) for mkg in (job.mkg, job.teacher_mkg)]
    return replace(job, mkg=mkgs[0], teacher_mkg=mkgs[1]) if drop else job


def _refuse_unknown(drop: Mapping[str, float], recipe: Recipe) -> None:
    used = sorted({modality for teacher in recipe.pool.values() for modality in teacher.modalities})
    for name, share in drop.items():
        if name not in used:
            raise RecipeError(f"--drop {name}: no teacher of this run uses such a modality.{nearest(name, used)}")
        if not 0 <= share <= 1:
            raise RecipeError(f"--drop {name}={share}: a share lies between 0 and 1")


def open_job(run: Run, record: dict[str, Any], with_features: bool) -> Job:
    """The job of a run, over the very data it was trained on."""
    recorded = Path(record["data"]["folder"])
    recipe = load_recipe(run.path / "recipe.toml")
    job = build(recipe, run.path, recorded if recorded.is_dir() else None, with_features)
    if job.dataset.sha256 != record["data"]["sha256"]:
        raise DataError(f"{job.dataset.folder}: not the data that {run.path} was trained on (sha256 differs)")
    return job


def open_model(job: Job, run: Run, name: str) -> FrozenTeacher:
    """The student or a teacher of a run, ready to score."""
    if name == "student":
        made, file = make_student(job), "student.safetensors"
    else:
        teacher = name.removeprefix("teacher:")
        made, file = make_teacher(job, teacher), f"teachers/{teacher}.safetensors"
    tensors, meta = run.read_tensors(file)
    load_into(made, tensors, str(run.path / file))
    return freeze(name, made, None, meta.get("temperature", 1.0))


def _names(model: str, known: list[str]) -> list[str]:
    if model == "all":
        return known
    if model not in known:
        raise RecipeError(f"--model {model}: this run has no such model.{nearest(model, [*known, 'all'])}")
    return [model]


def _require_finished(run: Run, record: dict[str, Any], names: list[str]) -> None:
    missing = [name for name in names if name.removeprefix("teacher:") not in record["phases"]]
    if missing:
        raise CheckpointError(
            f"{run.path}: {', '.join(missing)} not trained to the end. Go on: dsomgnn fit --resume {run.path}"
        )
