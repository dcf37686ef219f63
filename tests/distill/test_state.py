"""What a teacher says of a query, for the agent's state."""

from __future__ import annotations

from dataclasses import replace

import torch

from dsomgnn.batches import TrainingQueries
from dsomgnn.distill.state import _describe
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.models.score import ComplEx
from dsomgnn.neighbourhood import Neighbourhood
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
