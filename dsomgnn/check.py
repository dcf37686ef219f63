"""`dsomgnn check`: a recipe, its data, its encoders, and what a step will need, without training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dsomgnn.batches import step_memory
from dsomgnn.build import Job, build, label_memory, make_teacher
from dsomgnn.contract import check_teacher
from dsomgnn.data.audit.audit import audit
from dsomgnn.data.audit.coverage import entity_texts
from dsomgnn.data.audit.verdict import warnings
from dsomgnn.distill.kept import Tables
from dsomgnn.models.model import Model
from dsomgnn.models.score import SCORES
from dsomgnn.processor import number_format
from dsomgnn.record import products_used
from dsomgnn.settings import Recipe, TeacherRecipe, Training
from dsomgnn.trackers import tracker_class
from dsomgnn.unread import unread

MB = 1 << 20


def check_recipe(recipe: Recipe, path: Path) -> Iterator[str]:
    """Lines to print; raises the error that `fit` would raise."""
    yield f"recipe    {path}: ok"
    yield from (f"warning   {line}" for line in unread(recipe))
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
        notes = check_teacher(name, teacher, job.folder)
        model = make_teacher(job, name)
        yield f"teacher   {name}: {_parameters(model):,} parameters, {teacher.encoder} keeps its contract"
        yield from (f"warning   {name}: {note}" for note in notes if teacher.encoder != "lookup")
    yield f"products  {_products(job)}"
    if tracker_class(recipe.tracker, job.folder) is not None:
        yield f"tracker   {recipe.tracker}: found"
    yield f"memory    about {estimate_mb(job):,.0f} MB in the largest step, beside the data and libraries"
    yield from _labels(job)


def _labels(job: Job) -> Iterator[str]:
    """What is to be known of soft labels that could be made once."""
    tables, share = label_tables(job), job.recipe.distill.kept
    if not tables.wanted:
        return
    if fit := tables.fitting:
        of = "" if fit == tables.wanted else f" for {fit} of {tables.wanted} teachers"
        once = f"{tables.kept / MB:,.0f} MB of soft labels that are made once{of}"
        yield f"          of these {once}; distill.kept = 0: in every epoch"
    else:
        needed = tables.wanted * tables.size / MB
        why = f"they would take {needed:,.0f} MB, more than distill.kept = {share:g} of the memory"
        yield f"          soft labels are made in every epoch: {why}"


def _products(job: Job) -> str:
    """Their number format; where models differ, whose it is."""
    used = products_used(job)
    models = {found: ", ".join(name for name in used if used[name] == found) for found in used.values()}
    if len(models) == 1:
        return next(iter(models))
    return "; ".join(f"{found} of {names}" for found, names in models.items())


def estimate_mb(job: Job) -> float:
    """Memory of the largest step: tables with gradient, optimiser, best copy and a checkpoint's two, and scores of all
    entities."""
    entities, recipe, student = job.dataset.num_entities, job.recipe, job.recipe.student
    policy = recipe.distill.policy
    pool = recipe.pool.values()
    at_a_time = step_memory(job.device) / MB
    teachers = [_model_mb(t, entities) + min(_scores_mb(t, entities, 2), at_a_time) for t in pool]
    frozen = sum((2 if t.encoder == "lookup" else 3) * 4 * _width(t) * entities / MB for t in pool)
    tables = 6 * 4 * SCORES[student.score].parts * student.rank * entities / MB
    own = 2 + recipe.distill.walks * recipe.distill.hops
    step = min(3 * _scores_mb(student, entities, own), at_a_time)
    buffers = 11 if recipe.agent.reward == "improvement" else 7  # for an improvement four held-out rows to one
    lesson = buffers * _scores_mb(student, entities, own, recipe.agent.rows)
    kept = label_tables(job).kept / MB
    return max([*teachers, frozen + tables + kept + max(step, lesson if policy == "reinforce" else 0)])


def label_tables(job: Job) -> Tables:
    """What is kept of soft labels; no tables where they could not be made once."""
    recipe, memory = job.recipe, label_memory(job)
    if not recipe.pool or not memory:
        return Tables()
    numbers = len(job.training) * job.dataset.num_entities
    dtype = number_format(recipe.student.products, job.device)
    return Tables.within(memory, recipe.distill.policy, len(recipe.pool), numbers, dtype)


def _scores_mb(training: Training, entities: int, own: int, rows: int = 0) -> float:
    """Scores of so many queries (0: a batch), each of which brings so many entities of its `own`."""
    rows = rows or training.batch
    compared = min(entities, training.candidates + own * rows) if training.candidates else entities
    return 4 * rows * compared / MB


def _width(teacher: TeacherRecipe) -> int:
    """Numbers of a fused vector."""
    beside = teacher.fusion == "blocks"
    own = teacher.rank if teacher.structure or not beside else 0
    blocks = len(teacher.modalities) * teacher.modality_rank if beside else 0
    return SCORES[teacher.score].parts * (own + blocks)


def _model_mb(teacher: TeacherRecipe, entities: int) -> float:
    return 7 * 4 * _width(teacher) * entities / MB


def _parameters(model: Model) -> int:
    return sum(p.numel() for p in model.parameters())
