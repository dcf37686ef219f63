"""Lessons on the valid split: which queries, by which states and soft labels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dsomgnn.build import Job, build, make_distiller, make_student
from dsomgnn.data.triples import directed
from dsomgnn.distill.lesson import Lesson
from dsomgnn.distill.teachers import OwnHeads, freeze
from dsomgnn.models.model import Model
from dsomgnn.pretraining import make_teachers
from dsomgnn.progress import Progress
from dsomgnn.ranking import open_model, read_model
from dsomgnn.recipe import load_recipe
from dsomgnn.rewarded import make_lesson
from dsomgnn.run import Run


def begun(trained: Path, *changes: str) -> tuple[Job, Run, Lesson | None]:
    """A run's teachers, which saw all of train but its reserve, and a new student's lessons."""
    job, run = build(load_recipe(Path("tiny.toml"), changes)), Run.open(trained)
    teachers = make_teachers(job, run, run.record(), Progress(quiet=True))
    return job, run, make_lesson(job, make_distiller(job, make_student(job), teachers))


def test_the_valid_triples_are_asked_both_ways(workshop: Path, trained: Path):
    job, _, lesson = begun(trained, "agent.reward_on=valid", "agent.rows=40")
    view, row, position, target = lesson._view(lesson.over, lesson.held)
    facts = torch.cat([view.batch.queries[row], target[:, None]], 1)
    assert torch.equal(facts.unique(dim=0), directed(job.dataset.valid, job.dataset.num_relations).unique(dim=0))
    assert set(position.tolist()) == set(lesson.held.tolist())
    assert lesson.distiller.held is None


def test_soft_labels_are_those_of_queries_that_are_not_of_training(workshop: Path, trained: Path):
    """A head that passes messages is encoded for them too, and not taken from a training query at the same place."""
    job, run, lesson = begun(trained, "agent.reward_on=valid")
    assert any(teacher.own_heads is not None for teacher in lesson.distiller.teachers)
    batch = lesson.over.training.at(torch.arange(len(lesson.over.training)))
    for name, teacher in zip(("s", "st"), lesson.over.heard, strict=True):
        alone = open_model(job, run, f"teacher:{name}")
        assert alone.logits(batch.queries).any(1).all()
        torch.testing.assert_close(teacher.logits(batch.queries, batch.index), alone.logits(batch.queries))


def test_where_few_queries_are_asked_a_head_is_made_without_the_edges_of_its_own(workshop: Path, trained: Path):
    job, run, lesson = begun(trained, "agent.reward_on=valid")
    model: Model = read_model(job, run, "teacher:st")[0]
    asked = lesson.over.training
    few = freeze("st", model, job.training, few=True).over(asked)
    assert isinstance(few.own_heads, OwnHeads)
    index = torch.arange(len(asked))
    wanted = freeze("st", model, asked, few=False)
    torch.testing.assert_close(
        few.logits(asked.queries, index), wanted.logits(asked.queries, index), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("state", ["context", "target"])
def test_a_lesson_has_states_of_them_that_are_as_wide_as_those_of_training(state: str, workshop: Path, trained: Path):
    _, _, lesson = begun(trained, "agent.reward_on=valid", f"agent.state={state}", "agent.rows=9")
    seen = []
    learn = lesson.agent.learn
    lesson.agent.learn = lambda *given: seen.append(given[0]) or learn(*given)
    lesson.give()
    assert seen[0].shape == (9, lesson.agent.policy.net[0].in_features)
    assert len(seen[0].unique(dim=0)) > 1


def test_there_is_no_lesson_without_an_agent(workshop: Path, trained: Path):
    assert begun(trained, "distill.policy=all")[2] is None
