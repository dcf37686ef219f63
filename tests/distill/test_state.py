"""What the agent sees of a query: the student, the graph, and what teachers say."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from two_teachers import start

from dsomgnn.batches import TrainingQueries
from dsomgnn.build import make_states
from dsomgnn.distill.losses import inside_mask
from dsomgnn.distill.state import _describe
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.models.score import ComplEx
from dsomgnn.neighbourhood import Neighbourhood, Neighbours
from dsomgnn.pool import Pool


def test_batches_on_the_cpu_meet_teachers_on_any_device(random_mkg):
    training = TrainingQueries(random_mkg)
    entities = torch.randn(random_mkg.num_entities, 4)
    relations, speaks = torch.randn(2 * random_mkg.num_relations, 4), torch.ones(len(entities), dtype=torch.bool)
    own = torch.randn(len(training), 4)
    teacher = FrozenTeacher("", ComplEx(), entities, entities, relations, speaks, own)
    away = {name: getattr(teacher, name).to("meta") for name in ("entities", "heads", "relations", "own_heads")}
    elsewhere = replace(teacher, **away)
    batch = training.at(torch.arange(5))
    near = Neighbourhood(torch.tensor([0, 3]), torch.tensor([1, 2]))
    shapes = [part.shape for part in _describe(elsewhere, batch, near, targets=False)]
    assert shapes == [part.shape for part in _describe(teacher, batch, near, targets=False)]


def test_over_a_pool_the_top_entity_is_the_most_probable_and_the_entropy_that_of_all_entities(random_mkg):
    """Entities of one kind score alike, so that some of each kind, weighed, stand for it exactly."""
    batch = TrainingQueries(random_mkg).at(torch.arange(1))
    scores = torch.tensor([4.0, 3.0, *[1.0] * 18, *[0.0] * 20])
    entities, heads = torch.stack([scores, torch.zeros(40)], 1), torch.tensor([[1.0, 0.0]]).expand(40, 2)
    relations, speaks = torch.tensor([[1.0, 0.0]]).expand(6, 2), torch.ones(40, dtype=torch.bool)
    teacher = FrozenTeacher("", ComplEx(), entities, heads, relations, speaks)
    pool = Pool(torch.tensor([0, 1, 5, 30]), torch.tensor([0.0, 0.0, 18.0, 20.0]).clamp(min=1).log())
    near = Neighbourhood(torch.tensor([0]), torch.tensor([1]))
    entropy, top, mass = _describe(teacher, batch, near, targets=False, pool=pool)
    assert top.tolist() == [0], "not one that stands for many"
    p = scores.softmax(0)
    torch.testing.assert_close(entropy[0], -(p * p.log()).sum())
    torch.testing.assert_close(mass[0], p[1])


def unit_variance(vectors: torch.Tensor) -> torch.Tensor:
    return vectors / vectors.square().mean(1, keepdim=True).add(1e-12).sqrt()


def test_a_state_by_hand():
    job, student, distiller, _ = start(state="target")
    nn.init.normal_(student.fusion.table, std=0.3)
    teachers = [replace(t, temperature=heat) for t, heat in zip(distiller.teachers, (0.5, 2.0), strict=True)]
    distiller.teachers, distiller.neighbours = teachers, Neighbours(job.teacher_mkg, "khop", hops=1)
    distiller.states = make_states(job, teachers, distiller.neighbours)
    batch = distiller.training.at(torch.arange(100, 140))
    view = distiller.view(batch)
    found = distiller.state(view)

    head, relation = batch.queries.unbind(1)
    table, near = student.fusion.table.detach(), inside_mask(view.around, view.logits).float()
    context = near @ table / near.sum(1, keepdim=True).clamp(min=1)
    vectors = [unit_variance(v.detach()) for v in (view.query, student.relation[relation], context)]

    edges, asked = job.mkg.edges, job.training.queries
    counts = torch.stack([edges[:, i].bincount()[asked[:, i]] for i in (0, 1)], 1).float().log1p()
    graph = ((counts - counts.mean(0)) / counts.std(0))[batch.index]

    log_u = (view.query.detach() @ table.T).log_softmax(1)
    log_p = torch.stack([(t.logits(batch.queries) / t.temperature).log_softmax(1) for t in teachers], 1)
    entropy = -(log_p.exp() * log_p).sum(2)
    mass = (log_p.exp() * near[:, None]).sum(2)
    agreement = log_u.gather(1, log_p.argmax(2))
    speaks = torch.stack([t.speaks[head] for t in teachers], 1).float()
    of_query = torch.cat([*vectors, graph, entropy / 5, mass, agreement / 5, speaks], 1)

    row, target = batch.row, batch.target
    right = log_p[row, :, target]
    rank = 1 + (log_p[row] > right[:, :, None]).sum(2)
    wanted = torch.cat([of_query[row], right / 5, 1 / rank, log_u[row, target][:, None] / 5], 1)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
