"""The stages of a taught student's epochs, and what its teachers are asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from dsomgnn.build import build, make_distiller, make_student, make_teacher
from dsomgnn.distill.distiller import Stages
from dsomgnn.distill.soft_labels import soft_labels
from dsomgnn.distill.teachers import freeze
from dsomgnn.recipe import load_recipe


def test_a_student_whose_best_epoch_is_the_last_one_alone_was_never_taught():
    stages = Stages(alone=2, warmup=1, learn=3)
    assert "without teachers" in stages.untaught(2, agent=False)
    assert not stages.untaught(3, agent=False)


def test_stages_leave_most_to_learning_and_the_last_epoch_to_all_of_train():
    for epochs in range(1, 40):
        for alone in range(epochs):
            stages = Stages.within(epochs, alone, warmup=3, learn=20)
            assert stages.settled < epochs
            assert 3 * stages.warmup < epochs - alone
    assert Stages.within(40, 2, warmup=3, learn=20) == Stages(2, 3, 20)
    assert Stages.within(11, 1, warmup=9, learn=20) == Stages(1, 3, 6)


def test_soft_labels_of_training_queries_are_of_heads_without_their_own_edges(workshop: Path):
    changes = ["distill.policy=all", "distill.tau=2.0", "teachers.s.init=1.0", "teachers.st.init=1.0"]
    job = build(load_recipe(Path("tiny.toml"), changes))
    one, passing = (freeze(name, make_teacher(job, name), job.training) for name in ("s", "st"))
    passing = replace(passing, own_heads=torch.randn_like(passing.own_heads))
    distiller = make_distiller(job, make_student(job), [one, passing])
    batch = distiller.training.at(torch.arange(5))
    for teacher, share in ((one, [1.0, 0.0]), (passing, [0.0, 1.0])):
        found = soft_labels(distiller.heard, batch, torch.tensor([share]).expand(5, 2), distiller.weights)
        torch.testing.assert_close(found, teacher.log_probs(batch.queries, batch.index, tau=2.0).exp())
