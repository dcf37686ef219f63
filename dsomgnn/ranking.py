"""Rank a finished run: its student, its teachers, their ensemble, or all of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import Path
from typing import Any

from dsomgnn.asked import check_ranks
from dsomgnn.build import Job, build, make_student, make_teacher
from dsomgnn.data.mkg import MKG
from dsomgnn.dataset import dataset_of
from dsomgnn.device import left_as_found
from dsomgnn.distill.ensemble import Ensemble
from dsomgnn.distill.teachers import FrozenTeacher, freeze
from dsomgnn.errors import CheckpointError, DataError, RecipeError, nearest
from dsomgnn.evaluate import rank_split
from dsomgnn.models.model import Model
from dsomgnn.rank.metrics import summary
from dsomgnn.rank.ranks import Ranks
from dsomgnn.rank.slices import unseen_slices
from dsomgnn.registry import own_file
from dsomgnn.run import Run, load_into, refuse_diverged
from dsomgnn.sealed import STUDENT_FILE, teacher_file
from dsomgnn.settings import Recipe

STUDENT, ENSEMBLE, BASELINE = "student", "ensemble", "baseline:"


@dataclass
class Ranking:
    """A run with its data, and the ranks of its models on one split, made when they are asked for.

    `ties` is the reading that counts; `drop` the share, by modality, of those that had it which lost it; `seconds` what
    ranking has taken.
    """

    run: Run
    record: dict[str, Any]
    job: Job
    split: str
    ties: str
    drop: dict[str, float] = field(default_factory=dict)
    ranks: dict[str, Ranks] = field(default_factory=dict)
    models: dict[str, FrozenTeacher | Ensemble] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return self.run.path.resolve().name

    @property
    def teachers(self) -> list[str]:
        return [f"teacher:{name}" for name in self.job.recipe.pool]

    def model(self, name: str) -> FrozenTeacher | Ensemble:
        """student, teacher:NAME or ensemble, ready to score."""
        if name not in self.models:
            made = self._ensemble() if name == ENSEMBLE else open_model(self.job, self.run, name)
            self.models[name] = made
        return self.models[name]

    def rank(self, names: Sequence[str]) -> dict[str, Ranks]:
        started = time.monotonic()
        for name in names:
            if name not in self.ranks:
                self.ranks[name] = rank_split(self.job, self.model(name), self.split)
        self.seconds += time.monotonic() - started
        return {name: self.ranks[name] for name in names}

    def result(self, names: Sequence[str]) -> dict[str, Any]:
        """{"split", "ties", "drop", "models": {name: {...}}}, as `dsomgnn rank --json` has it."""
        data = self.job.dataset
        slices = unseen_slices(data.split(self.split), data.unseen)
        found = self.rank(names).items()
        models = {name: summary(ranks, data.relations.ids, self.ties, slices) for name, ranks in found}
        return {"split": self.split, "ties": self.ties, "drop": self.drop, "models": models}

    def _ensemble(self) -> Ensemble:
        teachers = [self.model(name) for name in self.teachers]
        frozen = [teacher for teacher in teachers if isinstance(teacher, FrozenTeacher)]
        return Ensemble(frozen, self.job.recipe.distill.combine)


def open_ranking(
    run_path: str | Path,
    names: Sequence[str],
    split: str = "test",
    ties: str | None = None,
    drop: Mapping[str, float] | None = None,
    with_features: bool | None = None,
) -> Ranking:
    """A run that is to be ranked, by the models of these names. Raises CheckpointError, DataError, RecipeError."""
    check_ranks(split, ties)
    run = Run.open(Path(run_path))
    record = run.record()
    recipe = run.recipe()
    _require_finished(run, record, recipe, names)
    drop = drop or {}
    _refuse_unknown(drop, recipe)
    with_features = names != [STUDENT] if with_features is None else with_features
    job = without(open_job(run, record, with_features), drop)
    return Ranking(run, record, job, split, ties or recipe.rank.ties, dict(drop))


@left_as_found()
def rank_run(
    run_path: str | Path,
    split: str = "test",
    model: str = STUDENT,
    ties: str | None = None,
    drop: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Filtered metrics of a run's models: {"split", "ties", "drop", "models": {name: {...}}}.

    Of each model: "both", "head" and "tail" {"mrr", "mr", "hits@1", "hits@3", "hits@10", "n"} by what was asked for;
    "slices", the same by name, only for entities without a fact in train (report.json, which `dsomgnn rank` writes, has
    all slices); "relations", {"mrr", "n"} by identifier; "ties", the MRR by each reading of them.

    `model`: student, teacher:NAME, ensemble, or all. `drop`: share, by modality, of the entities that have it
    which lose it before teachers are ranked (a test of robustness). Raises CheckpointError, DataError, RecipeError.
    """
    names = model_names(run_path, model)
    return open_ranking(run_path, names, split, ties, drop).result(names)


def model_names(run_path: str | Path, model: str) -> list[str]:
    """The models of a run that the word means: one of them, or all. Raises CheckpointError, RecipeError."""
    known = models_of(Run.open(Path(run_path)).recipe())
    if model == "all":
        return known
    refuse_unknown_model(model, [*known, "all"])
    return [model]


def models_of(recipe: Recipe) -> list[str]:
    """The models that a run of the recipe holds."""
    return [STUDENT, *(f"teacher:{name}" for name in recipe.pool), *([ENSEMBLE] if len(recipe.pool) > 1 else [])]


def refuse_unknown_model(model: str, known: Sequence[str]) -> None:
    """Raises RecipeError where the model is none of the known ones."""
    if model not in known:
        raise RecipeError(f"--model {model}: this run has no such model.{nearest(model, known)}")


def without(job: Job, drop: Mapping[str, float]) -> Job:
    """The job after a random share, by modality, of those that have it lost it; the same for the same seed."""
    features = {n: f.kept(1 - drop.get(n, 0.0), job.recipe.seed) for n, f in job.mkg.features.items()}
    mkgs = [MKG(mkg.dataset, features, mkg.train) for mkg in (job.mkg, job.teacher_mkg)]
    return replace(job, mkg=mkgs[0], teacher_mkg=mkgs[1]) if drop else job


def _refuse_unknown(drop: Mapping[str, float], recipe: Recipe) -> None:
    used = sorted({modality for teacher in recipe.pool.values() for modality in teacher.modalities})
    if not isinstance(drop, Mapping):
        raise RecipeError(f"drop: {drop}: expected shares by modality, such as {{'text': 0.4}}")
    for name, share in drop.items():
        if name not in used:
            raise RecipeError(f"--drop {name}: no teacher of this run uses such a modality.{nearest(name, used)}")
        if not isinstance(share, Real) or not 0 <= share <= 1:
            raise RecipeError(f"--drop {name}={share}: a share lies between 0 and 1")


def open_job(run: Run, record: dict[str, Any], with_features: bool) -> Job:
    """The job of a run, over the very data it was trained on."""
    recipe = run.recipe()
    job = build(recipe, run.path, dataset_of(recipe, run.path, record), with_features)
    for name, feature in job.mkg.features.items():
        if feature.sha256 != record["modalities"].get(name, {}).get("sha256", feature.sha256):
            raise DataError(
                f"{job.dataset.folder}: features.{name} is not what the teachers of {run.path} were trained on (sha256 "
                "differs); the student reads no features, and can be ranked alone"
            )
    return job


def open_model(job: Job, run: Run, name: str) -> FrozenTeacher:
    """The student or a teacher of a run, ready to score."""
    made, temperature = read_model(job, run, name)
    return freeze(name, made, None, temperature)


def read_model(job: Job, run: Run, name: str) -> tuple[Model, float]:
    """The student or a teacher of a run, and its temperature. Raises CheckpointError."""
    if name == STUDENT:
        made, file = make_student(job), STUDENT_FILE
    else:
        teacher = name.removeprefix("teacher:")
        if own := own_file(job.recipe.teachers[teacher].encoder):
            run.sealed(own)
        made, file = make_teacher(job, teacher), teacher_file(teacher)
    tensors, meta = run.read_tensors(file)
    refuse_diverged(tensors, str(run.path / file))
    load_into(made, tensors, str(run.path / file))
    return made, meta.get("temperature", 1.0)


def _require_finished(run: Run, record: dict[str, Any], recipe: Recipe, names: Sequence[str]) -> None:
    teachers = [f"teacher:{name}" for name in recipe.pool] if ENSEMBLE in names else []
    needed = dict.fromkeys([*(name for name in names if name != ENSEMBLE), *teachers])
    missing = [name for name in needed if name.removeprefix("teacher:") not in record["phases"]]
    if missing:
        raise CheckpointError(
            f"{run.path}: {', '.join(missing)} not trained to the end. Go on: dsomgnn fit --resume {run.path}"
        )
