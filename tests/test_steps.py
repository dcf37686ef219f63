"""A step on a batch moves against the gradient of the plain loss, however many parts it is made in."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dsomgnn.build import build, make_student
from dsomgnn.epochs import optimisers_of
from dsomgnn.recipe import load_recipe
from dsomgnn.steps import plain_step


@pytest.mark.parametrize("in_parts", [False, True])
def test_a_plain_step_is_along_cross_entropy_and_the_n3_of_its_settings(in_parts: bool, workshop: Path, monkeypatch):
    job = build(load_recipe(Path("tiny.toml"), ["student.n3=0.3", "student.init=1.0"]))
    student, settings = make_student(job), job.recipe.student
    if in_parts:
        three_rows = 4 * job.dataset.num_entities * 3  # bytes
        monkeypatch.setattr("dsomgnn.steps.step_memory", lambda device: three_rows)
    batch = job.training.at(torch.arange(8))
    wanted = student.loss(batch, 0.3)
    gradients = torch.autograd.grad(wanted, [student.fusion.table, student.relation])
    found = plain_step(student, batch, optimisers_of(student, settings), settings)
    torch.testing.assert_close((student.fusion.table.grad, student.relation.grad), gradients)
    torch.testing.assert_close(found, wanted.detach())
