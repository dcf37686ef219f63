"""What a teacher says of a query, for the agent's state."""

from __future__ import annotations

from dataclasses import replace

import torch

from dsomgnn.batches import TrainingQueries
from dsomgnn.distill.state import _describe
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.models.score import ComplEx
from dsomgnn.neighbourhood import Neighbourhood


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
