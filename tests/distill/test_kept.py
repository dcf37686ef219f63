"""Soft labels that are made once are those that a step would make, and are kept only where they never change."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dsomgnn import batches, processor
from dsomgnn.build import build, label_memory, make_distiller, make_student, make_teacher
from dsomgnn.distill.distiller import Distiller
from dsomgnn.distill.lesson import Lesson
from dsomgnn.distill.teachers import FrozenTeacher, freeze
from dsomgnn.recipe import load_recipe, parse_recipe
from dsomgnn.sampling import seed_all

NOTHING = 0.0
TABLE = 4226 * 744 * 4  # bytes: queries, entities, float32


def distiller_of(kept: float, **changes: object) -> Distiller:
    """Two teachers, one with messages; of the other every third entity is unknown."""
    teachers = {name: {"rank": 8, "init": 0.5} for name in ("one", "other")}
    teachers["other"] |= {"encoder": "compgcn", "fanouts": [3]}
    distill = {"policy": "all", "walks": 4, "gamma": 0.7, "kept": kept} | changes
    student = {"rank": 8, "init": 0.5}
    recipe = {"data": {"name": "worldfacts"}, "teachers": teachers, "student": student, "distill": distill}
    job = build(parse_recipe(recipe))
    torch.manual_seed(1)
    frozen = [freeze(name, make_teacher(job, name, i), job.training, 0.5 + i) for i, name in enumerate(teachers)]
    frozen[0].speaks[::3] = False
    frozen[1].speaks[::2] = False  # of every sixth entity no one speaks
    return make_distiller(job, make_student(job), frozen)


def stepped(distiller: Distiller) -> list[torch.Tensor]:
    """Loss, parts and gradients of a step."""
    distiller.student.zero_grad()
    seed_all(2)
    step = distiller.step(distiller.training.at(torch.arange(5, 1000, 7)))
    step.loss.backward()
    return [step.loss.detach(), step.fit, step.taught, *(p.grad for p in distiller.student.parameters())]


CASES = ({}, {"combine": "product"}, {"tau": 2.0}, {"policy": "single:other"}, {"transfer": 0.5})
CHANGING = [{"policy": policy, **more} for policy in ("random", "reinforce") for more in CASES if "policy" not in more]


@pytest.mark.parametrize("changes", [*CASES, {"neighbourhood": "none"}], ids=str)
@pytest.mark.parametrize("rows", [1000, 13], ids=["whole", "in parts"])
def test_a_step_is_the_same_with_them(changes: dict, rows: int, monkeypatch):
    monkeypatch.setattr(batches, "MEMORY", rows * 3 * 4 * 744)
    once, anew = distiller_of(0.4, **changes), distiller_of(NOTHING, **changes)
    assert once.kept is not None
    assert anew.kept is None
    for _ in range(2):  # a step overwrites its soft labels, not those that are kept
        for found, expected in zip(stepped(once), stepped(anew), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("changes", CHANGING, ids=str)
@pytest.mark.parametrize("fitting", [2, 1])
def test_a_step_of_sets_that_change_is_the_same_with_scores_of_as_many_teachers_as_fit(
    changes: dict, fitting: int, monkeypatch
):
    monkeypatch.setattr("dsomgnn.device.machine_memory", lambda: (fitting + 0.5) * TABLE / 0.4)
    once, anew = distiller_of(0.4, **changes), distiller_of(NOTHING, **changes)
    assert [teacher.own_scores is not None for teacher in once.heard] == [True, fitting == 2]
    assert once.kept is None
    assert all(teacher.own_scores is None for teacher in anew.heard)
    for _ in range(2):  # a step overwrites what it was given, not the scores that are kept
        for found, expected in zip(stepped(once), stepped(anew), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("policy", ["all", "random"])
def test_teachers_are_asked_once(policy: str, monkeypatch):
    asked, vectors = [], FrozenTeacher.vectors

    def noted(teacher, queries, *rest):
        asked.append(len(queries))
        return vectors(teacher, queries, *rest)

    distiller = distiller_of(0.4, policy=policy)
    monkeypatch.setattr(FrozenTeacher, "vectors", noted)
    stepped(distiller)
    assert asked
    assert sum(asked) <= 2 * len(distiller.training)
    asked.clear()
    stepped(distiller)
    assert not asked


@pytest.mark.parametrize("combine", ["mean", "product"])
def test_a_lesson_of_the_agents_reads_them_too(combine: str, monkeypatch):
    once, anew = (distiller_of(kept, policy="reinforce", combine=combine) for kept in (0.4, NOTHING))
    assert all(teacher.own_scores is not None for teacher in once.heard)
    asked, vectors = [], FrozenTeacher.vectors
    monkeypatch.setattr(FrozenTeacher, "vectors", lambda *words: asked.append(0) or vectors(*words))
    rewards = []
    for distiller in (once, anew):
        seed_all(3)
        rewards.append(Lesson(distiller, distiller.choice).give().reward)
        assert bool(asked) == (distiller is anew)
    torch.testing.assert_close(*rewards, rtol=1e-3, atol=1e-5)
    assert 0 < rewards[0].mean() < 1


@pytest.mark.parametrize("change", ["student.candidates=3", "student.epochs=1", "distill.alone=4", "distill.kept=0"])
@pytest.mark.parametrize("policy", ["all", "random"])
def test_they_are_not_kept_where_they_are_asked_for_once(policy: str, change: str, workshop: Path):
    changes = [f"distill.policy={policy}", "distill.kept=0.5", change]
    job = build(load_recipe(Path("tiny.toml"), changes))
    frozen = [freeze(name, make_teacher(job, name), job.training) for name in job.recipe.pool]
    distiller = make_distiller(job, make_student(job), frozen)
    assert distiller.kept is None
    assert all(teacher.own_scores is None for teacher in distiller.heard)


def test_they_are_not_kept_where_few_queries_are_asked(workshop: Path):
    changes = ["distill.policy=all", "student.batch=2", "student.epochs=2"]
    few, all_of_them = (build(load_recipe(Path("tiny.toml"), [*changes, f"student.steps={n}"])) for n in (1, 0))
    assert label_memory(few) == 0
    assert label_memory(all_of_them) > 0


def test_they_are_not_kept_where_they_do_not_fit(monkeypatch):
    for memory, fits in ((TABLE / 0.4 + 4, True), (TABLE / 0.4 - 4, False)):
        monkeypatch.setattr("dsomgnn.device.machine_memory", lambda memory=memory: memory)
        assert (distiller_of(0.4).kept is not None) == fits


def test_a_container_has_the_memory_that_it_may_have(tmp_path: Path, monkeypatch):
    limit, endless = tmp_path / "limit", tmp_path / "endless"
    endless.write_text("max\n")
    monkeypatch.setattr(processor, "LIMITS", (str(endless), str(tmp_path / "missing")))
    machine = processor.machine_memory.__wrapped__()
    assert machine > 2**28
    limit.write_text("1000000\n")
    monkeypatch.setattr(processor, "LIMITS", (str(endless), str(limit)))
    assert processor.machine_memory.__wrapped__() == 1_000_000


def test_check_counts_them(workshop: Path, call, monkeypatch):
    def told(kept: float) -> str:
        return call("check", "tiny.toml", "--set", "distill.policy=all", "--set", f"distill.kept={kept}").out

    assert "soft labels" not in told(0)
    assert "MB of soft labels that are made once; distill.kept = 0: in every epoch" in told(0.4)
    monkeypatch.setattr("dsomgnn.device.machine_memory", lambda: 16)
    assert "soft labels are made in every epoch: they would take 0 MB, more than distill.kept = 0.4 of" in told(0.4)


def test_check_tells_of_how_many_teachers_they_are_kept(workshop: Path, call, monkeypatch):
    def told(memory: float) -> str:
        monkeypatch.setattr("dsomgnn.device.machine_memory", lambda: memory / 0.4)
        return call("check", "tiny.toml", "--set", "distill.policy=reinforce").out

    job = build(load_recipe(Path("tiny.toml"), ["distill.policy=reinforce"]))
    table = len(job.training) * job.dataset.num_entities * 4
    assert "made once for 1 of 2 teachers; distill.kept" in told(1.5 * table)
    assert "made once; distill.kept" in told(2.5 * table)
    assert "made in every epoch" in told(0.5 * table)
