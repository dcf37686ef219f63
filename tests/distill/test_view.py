"""The student on a batch, and on parts of it: the same figures, whatever fits in memory."""

from __future__ import annotations

import pytest
import torch

from dsomgnn import batches
from dsomgnn.batches import TrainingQueries
from dsomgnn.build import build, make_distiller, make_student, make_teacher
from dsomgnn.distill.teachers import freeze
from dsomgnn.distill.view import look
from dsomgnn.models.fusion import Blocks
from dsomgnn.models.model import Model
from dsomgnn.models.score import ComplEx
from dsomgnn.neighbourhood import Neighbours
from dsomgnn.recipe import parse_recipe
from dsomgnn.sampling import seed_all

pools = pytest.mark.parametrize("candidates", [0, 20], ids=["all entities", "some entities"])


@pools
def test_parts_are_the_whole_cut_between_queries(random_mkg, candidates, monkeypatch):
    monkeypatch.setattr(batches, "MEMORY", 7 * 3 * 8 * random_mkg.num_entities)  # bytes of 7 rows
    everyone = torch.ones(random_mkg.num_entities, dtype=torch.bool)
    student = Model(ComplEx(), Blocks(everyone, {}, 4, 4, 2, init=0.5), random_mkg.num_relations, init=0.5).double()
    batch = TrainingQueries(random_mkg).at(torch.arange(25))
    view = look(student, Neighbours(random_mkg, walks=5), batch, torch.float64, candidates)
    parts = [view.part(span) for span in view.spans]
    assert len(parts) >= 4 - bool(candidates)
    torch.testing.assert_close(torch.cat([p.logits for p in parts]), view.logits)
    assert torch.equal(torch.cat([p.batch.queries for p in parts]), batch.queries)
    first = [span.rows.start for span in view.spans]
    for name in ("near", "around"):
        pairs = [(getattr(p, name).row + at, getattr(p, name).node) for p, at in zip(parts, first, strict=True)]
        rows, nodes = (torch.cat(x) for x in zip(*pairs, strict=True))
        assert torch.equal(rows, getattr(view, name).row)
        assert torch.equal(nodes, getattr(view, name).node)
    rows = torch.cat([p.batch.row + at for p, at in zip(parts, first, strict=True)])
    assert torch.equal(rows, batch.row)
    assert torch.equal(torch.cat([p.asked.target for p in parts]), view.target)


@pytest.fixture(scope="module")
def job():
    teachers = {name: {"rank": 8, "init": 0.5} for name in ("one", "other")}
    student, distill = {"rank": 8, "init": 0.5}, {"policy": "all", "walks": 4, "tau": 2.0, "kept": 0.0}
    data = {"name": "worldfacts"}
    return build(parse_recipe({"data": data, "teachers": teachers, "student": student, "distill": distill}))


def step(job, candidates: int):
    """Loss and gradients of a step, in float64."""
    frozen = [freeze(name, make_teacher(job, name, i).double(), None) for i, name in enumerate(job.recipe.teachers)]
    student = make_student(job).double()
    distiller = make_distiller(job, student, frozen)
    distiller.dtype, distiller.low, distiller.candidates = torch.float64, frozen, candidates
    seed_all(1, 2, 3)
    found = distiller.step(distiller.training.at(torch.arange(60)))
    found.loss.backward()
    gradients = [p.grad.to_dense() for p in (student.fusion.table, student.relation)]
    return found.loss.detach(), found.fit, found.taught, found.action, *gradients


@pools
def test_a_step_in_parts_is_the_step_at_once(job, candidates, monkeypatch):
    at_once = step(job, candidates)
    monkeypatch.setattr(batches, "MEMORY", 13 * 3 * 8 * 744)
    torch.testing.assert_close(step(job, candidates), at_once)


def test_what_the_agent_sees_around_a_query_does_not_tell_its_targets_and_what_the_loss_splits_by_does(random_mkg):
    everyone = torch.ones(random_mkg.num_entities, dtype=torch.bool)
    batch = TrainingQueries(random_mkg).at(torch.arange(12))
    student = Model(ComplEx(), Blocks(everyone, {}, 4, 1, 2), random_mkg.num_relations)
    view = look(student, Neighbours(random_mkg, "target"), batch, torch.float32)
    assert len(view.around.node) == 0
    split_by = {*zip(view.near.row.tolist(), view.near.node.tolist(), strict=True)}
    assert split_by == {*zip(batch.row.tolist(), batch.target.tolist(), strict=True)}
