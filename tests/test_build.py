"""What a recipe says reaches the objects that are made of it, each setting in its own place."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dsomgnn.build import Job, build, make_distiller, make_student, make_teacher
from dsomgnn.data.triples import directed
from dsomgnn.distill.agent import AgentOptions
from dsomgnn.distill.distiller import Distiller, Stages
from dsomgnn.distill.losses import LossWeights
from dsomgnn.distill.teachers import freeze
from dsomgnn.recipe import load_recipe

CHANGES = [
    "distill.gamma=2.0", "distill.tau=3.0", "distill.alpha=0.4", "distill.beta=0.6", "distill.binary=false",
    'distill.combine="product"', "distill.hops=3", "distill.walks=5", "distill.alone=2", "distill.warmup=3",
    "distill.transfer=0.5", "student.n3=0.07", "student.epochs=40", "student.candidates=2",
    'agent.reward="improvement"', 'agent.baseline="greedy"', 'agent.credit="sum"', "agent.rows=7", "agent.prior=0.7",
    "agent.entropy=0.02", "agent.lr=0.003", "agent.clip=4.0", "agent.epochs=11", "agent.reserve=0.3",
    "teachers.st.structure_dropout=0.25", "teachers.st.init=0.5", "teachers.st.fanouts=[3, 4]",
]  # fmt: skip


def made(*changes: str) -> tuple[Job, Distiller]:
    job = build(load_recipe(Path("tiny.toml"), [*CHANGES, *changes]))
    teachers = [freeze(name, make_teacher(job, name), job.training) for name in job.recipe.teachers]
    return job, make_distiller(job, make_student(job), teachers)


def test_every_setting_of_distillation_reaches_its_place(workshop: Path):
    _, distiller = made()
    assert distiller.weights == LossWeights(2.0, 3.0, alpha=0.4, beta=0.6, binary=False, split=True, combine="product")
    assert distiller.choice.options == AgentOptions(
        "improvement", "greedy", rows=7, entropy=0.02, lr=0.003, clip=4.0, credit="sum", prior=0.7
    )
    assert distiller.choice.optimiser.param_groups[0]["lr"] == 0.003
    state = torch.randn(3, distiller.choice.policy.net[0].in_features)
    torch.testing.assert_close(distiller.choice.policy(state).sigmoid(), torch.full((3, 2), 0.7))
    assert distiller.stages == Stages(alone=2, warmup=3, learn=11)
    assert (distiller.n3, distiller.candidates, distiller.transfer.share) == (0.07, 2, 0.5)
    neighbours = distiller.neighbours
    assert (neighbours.kind, neighbours.hops, neighbours.walks) == ("sampled", 3, 5)
    assert not made('distill.neighbourhood="none"')[1].weights.split


def test_neither_teachers_nor_neighbourhoods_see_the_reserve(workshop: Path):
    job, distiller = made()
    seen, every = ({tuple(triple) for triple in mkg.train.tolist()} for mkg in (job.teacher_mkg, job.mkg))
    assert seen < every
    assert len(every - seen) == 3
    teacher = make_teacher(job, "st")
    for mkg in (distiller.neighbours.mkg, teacher.sampler.mkg):
        assert mkg is job.teacher_mkg
    assert torch.equal(make_teacher(job, "s").fusion.get_buffer("mask_structure"), job.teacher_mkg.structured)
    assert teacher.fusion.structure_dropout == 0.25
    assert teacher.sampler.fanouts == [3, 4]


@pytest.mark.parametrize(("on", "valid"), [("valid", True), ("reserve", False)])
def test_rivals_in_a_reward_are_no_answers_of_what_it_is_measured_on(on: str, valid: bool, workshop: Path):
    job = build(load_recipe(Path("tiny.toml"), [f'agent.reward_on="{on}"']))
    asked = directed(job.dataset.valid, job.dataset.num_relations)
    row, answer = job.learnt_from.gather(job.learnt_from.find(asked[:, :2]))
    told = {(int(r), int(a)) for r, a in zip(row, answer, strict=True)}
    assert ({(i, int(t)) for i, t in enumerate(asked[:, 2])} <= told) is valid


def test_each_model_and_the_reserve_are_those_of_the_seed(workshop: Path):
    def drawn(seed: int) -> list[torch.Tensor]:
        job = build(load_recipe(Path("tiny.toml"), [f"seed={seed}"]))
        teachers = [make_teacher(job, "s", number).relation for number in (0, 1)]
        return [*teachers, make_student(job, 2).relation, job.teacher_mkg.train]

    one, again, other = drawn(0), drawn(0), drawn(1)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(one[0], one[1]), "a teacher's place among the teachers is part of its seed"


def test_ranks_leave_out_published_valid_facts_where_a_part_of_train_took_their_place(workshop: Path):
    job = build(load_recipe(Path("tiny.toml"), ["data.holdout=0.2"]))
    head, relation, tail = job.dataset.unused[0].tolist()
    assert tail in job.known.gather(job.known.find(torch.tensor([[head, relation]])))[1]
