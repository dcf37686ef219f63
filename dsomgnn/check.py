"""`dsomgnn check`: a recipe, its data, its encoders, and what a step will need, without training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dsomgnn.build import Job, build, make_teacher
from dsomgnn.contract import check_encoder
from dsomgnn.data.audit.audit import audit
from dsomgnn.data.audit.coverage import entity_texts
from dsomgnn.data.audit.verdict import warnings
from dsomgnn.models.model import Model
from dsomgnn.settings import Recipe, TeacherRecipe, Training
from dsomgnn.trackers import tracker_class

MB = 1 << 20


def check_recipe(recipe: Recipe, path: Path) -> Iterator[str]:
    """Lines to print; raises the error that `fit` would raise."""
    yield f"recipe    {path}: ok"
    job = build(recipe, path.parent)
    data = job.dataset
    yield (
        f"data      {data.folder}: {data.num_entities:,} entities, {data.num_relations:,} relations, "
        f"{len(data.train):,} / {len(data.valid):,} / {len(data.test):,} triples"
    )
    found = warnings(audit(data, entity_texts(data)))
    yield from (f"warning   {warning}" for warning in (*data.warnings, *found))
    for name, feature in job.mkg.features.items():
        share = feature.present.float().mean().item()
        yield f"modality  {name}: {feature.dim} columns, present for {share:.1%} of the entities"
    for name, teacher in recipe.pool.items():
        notes = check_encoder(teacher.encoder, job.folder, len(teacher.fanouts), dict(teacher.options))
        model = make_teacher(job, name)
        yield f"teacher   {name}: {_parameters(model):,} parameters, {teacher.encoder} keeps its contract"
        yield from (f"warning   {name}: {note}" for note in notes if teacher.encoder != "lookup")
    if tracker_class(recipe.tracker, job.folder) is not None:
        yield f"tracker   {recipe.tracker}: found"
    yield f"memory    about {estimate_mb(job):,.0f} MB in the largest step, beside the data and libraries"


def estimate_mb(job: Job) -> float:
    """Memory of the largest step: tables with gradient, optimiser and best copy, and (B, P) score buffers."""
    entities = job.dataset.num_entities
    teachers = [_model_mb(t, entities) + 3 * _scores_mb(t, entities, 2) for t in job.recipe.pool.values()]
    frozen = sum(2 * 4 * _width(t) * entities / MB for t in job.recipe.pool.values())
    student = job.recipe.student
    tables = 4 * 4 * 2 * student.rank * entities / MB
    own = 2 + job.recipe.distill.walks * job.recipe.distill.hops
    buffers = (4 + 4 * len(teachers)) * _scores_mb(student, entities, own, job.recipe.agent.rows)
    return max([*teachers, frozen + tables + buffers])


def _scores_mb(training: Training, entities: int, own: int, more: int = 0) -> float:
    """Scores of a batch, and so many `more` queries; each query brings so many entities of its `own`."""
    rows = training.batch + more
    compared = min(entities, training.candidates + own * rows) if training.candidates else entities
    return 4 * rows * compared / MB


def _width(teacher: TeacherRecipe) -> int:
    blocks = len(teacher.modalities) * teacher.modality_rank if teacher.fusion == "blocks" else 0
    return 2 * (teacher.rank + blocks)


def _model_mb(teacher: TeacherRecipe, entities: int) -> float:
    return 5 * 4 * _width(teacher) * entities / MB


def _parameters(model: Model) -> int:
    return sum(p.numel() for p in model.parameters())
