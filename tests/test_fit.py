"""The epochs in which a student learns alone before it is taught (`distill.alone`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import dsomgnn.fit as fitting
from dsomgnn.distill.distiller import Stages
from dsomgnn.distill.teachers import OwnHeads
from dsomgnn.epochs import fit_epoch
from dsomgnn.errors import RecipeError
from dsomgnn.fit import fit_recipe


def epochs_of_student(run: str) -> list[dict]:
    events = [json.loads(line) for line in Path(run, "metrics.jsonl").read_text().splitlines()]
    return [event for event in events if event["event"] == "epoch" and event["phase"] == "student"]


def losses(run: str) -> list[float]:
    return [event["loss"] for event in epochs_of_student(run)]


def test_a_student_that_starts_alone_learns_first_what_one_without_teachers_learns(workshop: Path, call):
    for run, *changes in (("none", "distill.policy=none"), ("late", "distill.policy=all", "distill.alone=3")):
        call("fit", "tiny.toml", "--run", run, *(word for change in changes for word in ("--set", change)))
    assert losses("late")[:3] == losses("none")[:3]
    assert losses("late")[3] != losses("none")[3]
    assert ["taught" in event for event in epochs_of_student("late")] == [False, False, False, True, True]


def test_alone_it_sees_nothing_that_the_agent_is_rewarded_on_and_the_agent_waits(workshop: Path, call, monkeypatch):
    seen = []

    def noted(model, training, *rest):
        seen.append(training.num_triples)
        return fit_epoch(model, training, *rest)

    monkeypatch.setattr(fitting, "fit_epoch", noted)
    changes = ("--set", "distill.alone=2", "--set", "student.epochs=6", "--set", "agent.epochs=2")
    assert call("fit", "tiny.toml", "--run", "late", *changes).code == 0
    assert len(set(seen)) == 1, "teachers and the student alone see the same triples"
    taught = epochs_of_student("late")[2:]
    assert ["reward" in event for event in taught] == [False, True, True, False]


def test_heads_of_all_queries_are_made_beforehand_only_where_the_student_asks_many(workshop: Path, call, monkeypatch):
    made, beforehand = OwnHeads.all, []

    def noted(own, name):
        beforehand.append(name)
        return made(own, name)

    monkeypatch.setattr(OwnHeads, "all", noted)
    few = ("student.batch=2", "student.steps=1")
    for changes, expected in (
        (("distill.policy=all",), ["st"]),
        (("distill.policy=all", *few), []),
        (few, ["st"]),  # an agent is told of all queries beforehand
        ((*few, "student.candidates=3"), []),
    ):
        beforehand.clear()
        words = [word for change in changes for word in ("--set", change)]
        assert call("fit", "tiny.toml", "--run", f"r{len(list(Path().glob('r*')))}", *words).code == 0
        assert beforehand == expected


@pytest.mark.parametrize(
    ("stages", "settled"),
    [
        (("distill.policy=all", "distill.alone=6"), 6),
        (("distill.alone=2", "distill.warmup=1", "agent.epochs=4"), 7),
    ],
)
def test_no_early_stop_before_it_is_taught_and_the_agent_has_learnt(stages, settled: int, workshop: Path, call):
    student = ("student.epochs=12", "student.patience=1", "student.validate_every=1", "student.lr=1e-9")
    call("fit", "tiny.toml", "--run", "late", *(word for change in (*student, *stages) for word in ("--set", change)))
    assert len(epochs_of_student("late")) == settled + 1


def test_a_student_that_would_never_be_taught_is_told(workshop: Path, call):
    change = ("--set", "distill.alone=5")
    reply = call("fit", "tiny.toml", "--run", "late", *change)
    assert reply.code == 2
    assert "distill.alone: 5 leaves none of the student's 5 epochs to be taught in" in reply.err
    assert call("fit", "tiny.toml", "--run", "none", *change, "--set", "distill.policy=none").code == 0


def test_it_is_told_where_the_best_student_was_never_taught_or_its_agent_knows_nothing(workshop: Path, call):
    changes = ("student.lr=1e-9", "student.validate_every=1", "distill.alone=2")  # no epoch is better than the first
    words = [word for change in changes for word in ("--set", change)]
    assert "best in epoch 1, before it was taught" in call("fit", "tiny.toml", "--run", "late", *words).err
    stages = Stages(alone=2, warmup=1, learn=3)
    assert "its policy knows nothing" in stages.untaught(3, agent=True)
    assert not stages.untaught(3, agent=False)
    assert not stages.untaught(4, agent=True)
    assert "its policy knows nothing" in Stages.within(epochs=1, alone=0, warmup=3, learn=20).untaught(1, agent=True)


def test_runs_to_take_teachers_of_are_a_list(workshop: Path):
    with pytest.raises(RecipeError, match="teachers_of: runs/first: expected a list of runs"):
        fit_recipe("tiny.toml", "out", teachers_of="runs/first")
    assert not Path("out").exists()
