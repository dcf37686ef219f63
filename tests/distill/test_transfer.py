"""Transfer queries: which are drawn, who teaches them, and what a step with them is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dsomgnn import batches
from dsomgnn.batches import TrainingQueries
from dsomgnn.build import build, make_distiller, make_student, make_teacher
from dsomgnn.distill.distiller import LEARN, TAUGHT, WARM_UP
from dsomgnn.distill.losses import distillation, inside_mask, mix
from dsomgnn.distill.policy import set_weights
from dsomgnn.distill.teachers import freeze
from dsomgnn.distill.transfer import TransferQueries
from dsomgnn.models.cross_entropy import cross_entropy
from dsomgnn.recipe import parse_recipe

ASKED = torch.tensor([[0, 0], [0, 1], [1, 1], [1, 2], [2, 0], [4, 3], [4, 3]])


def drawn(queries: torch.Tensor, number: int = 4000) -> torch.Tensor:
    torch.manual_seed(0)
    return TransferQueries(queries, 1.0).draw(number)


def test_they_are_what_entities_with_a_relation_in_common_are_asked_and_train_does_not_ask():
    assert set(map(tuple, drawn(ASKED).tolist())) == {(0, 2), (1, 0), (2, 1)}


def test_entities_are_drawn_alike_and_relations_by_the_walk():
    found = drawn(ASKED, 40_000)
    share = {pair: (found == torch.tensor(pair)).all(1).sum().item() / 40_000 for pair in [(0, 2), (1, 0), (2, 1)]}
    # 4 entities; 0 steps onto relation 1 (1/2), then onto entity 1 (1/2), then onto relation 2 (1/2), and so on
    assert share == pytest.approx({(0, 2): 1 / 32, (1, 0): 1 / 32, (2, 1): 1 / 16}, rel=0.1)


def test_none_is_drawn_where_train_asks_all():
    assert drawn(torch.tensor([[0, 0], [1, 0]])).shape == (0, 2)


def test_none_is_of_training_on_a_graph(random_mkg):
    queries = TrainingQueries(random_mkg).queries
    found = drawn(queries)
    assert len(found)
    assert not (found[:, None] == queries).all(2).any()


def job_of(**changes: object):
    teachers = {name: {"rank": 8, "init": 0.5} for name in ("one", "other")}
    teachers["other"] |= {"encoder": "compgcn", "fanouts": [3]}
    distill = {"policy": "all", "walks": 4, "transfer": 0.5, "gamma": 0.7} | changes
    student = {"rank": 8, "init": 0.5, "n3": 0.0}
    return build(
        parse_recipe({"data": {"name": "worldfacts"}, "teachers": teachers, "student": student, "distill": distill})
    )


def made(job, dtype=torch.float64):
    torch.manual_seed(1)
    frozen = [
        freeze(name, make_teacher(job, name, i).to(dtype), job.training) for i, name in enumerate(job.recipe.teachers)
    ]
    distiller = make_distiller(job, make_student(job).to(dtype), frozen)
    distiller.dtype, distiller.low = dtype, frozen
    return distiller


@pytest.mark.parametrize("neighbourhood", ["none", "khop"])
@pytest.mark.parametrize("rows", [1000, 13])
def test_a_step_is_that_of_its_triples_and_the_distillation_of_its_transfer_queries(neighbourhood, rows, monkeypatch):
    monkeypatch.setattr(batches, "MEMORY", rows * 3 * 8 * 744)
    distiller = made(job_of(neighbourhood=neighbourhood, hops=1))
    batch = distiller.training.at(torch.arange(40))
    torch.manual_seed(2)
    found = distiller.step(batch)
    torch.manual_seed(2)
    more = distiller.transfer.draw(20)
    assert len(more)

    def taught(queries, index, row, target):
        student = distiller.student
        scores = student.score.query(student.fusion.table[queries[:, 0]], student.relation[queries[:, 1]])
        scores = scores @ student.fusion.table.T
        near = distiller.neighbours.of(queries, row, target)
        log_probs = torch.stack([t.log_probs(queries, index) for t in distiller.teachers])
        log_p = mix(log_probs, set_weights(torch.ones(len(queries), 2, dtype=torch.float64)))
        return scores, distillation(scores, log_p, inside_mask(near, scores), distiller.weights)

    own, each = taught(batch.queries, batch.index, batch.row, batch.target)
    _, of_transfer = taught(more, None, batch.row[:0], batch.target[:0])
    whole = (each * batch.count).sum() + of_transfer.sum()
    expected = cross_entropy(own, batch.row, batch.target) + 0.7 * whole / len(batch.row)
    torch.testing.assert_close(found.loss, expected)
    parameters = distiller.student.fusion.table, distiller.student.relation
    torch.testing.assert_close(torch.autograd.grad(found.loss, parameters), torch.autograd.grad(expected, parameters))


def test_an_agent_teaches_them_by_sets_that_it_chose_for_triples():
    distiller = made(job_of(policy="reinforce"))
    view = distiller.view(distiller.training.at(torch.arange(9)).joined_by(torch.tensor([[3, 1], [5, 0], [7, 2]])))
    only = torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(len(view.batch.row), 2)
    assert torch.equal(distiller._for_transfer(view, only, LEARN), only[:3])


@pytest.mark.parametrize(
    ("policy", "stage", "expected"),
    [
        ("all", TAUGHT, [[1, 1], [1, 0], [1, 1]]),
        ("single:other", TAUGHT, [[0, 1], [0, 0], [0, 1]]),
        ("reinforce", WARM_UP, [[1, 1], [1, 0], [1, 1]]),
        ("reinforce", LEARN, [[1, 1], [1, 0], [1, 1]]),
    ],
)
def test_a_teacher_without_a_word_on_the_head_does_not_teach_them(policy, stage, expected):
    distiller = made(job_of(policy=policy))
    has = torch.ones(len(distiller.teachers[1].speaks), dtype=torch.bool)
    has[5] = False
    distiller.teachers[1] = replace(distiller.teachers[1], speaks=has)
    view = distiller.view(distiller.training.at(torch.arange(9)).joined_by(torch.tensor([[3, 1], [5, 0], [7, 2]])))
    every = torch.ones(len(view.batch.row), 2, dtype=torch.float64)
    assert distiller._for_transfer(view, every, stage).tolist() == expected


@pytest.mark.parametrize("transfer", [0.0, 1.0])
def test_while_the_agent_learns_parts_of_a_batch_may_hold_no_triple(transfer, monkeypatch):
    monkeypatch.setattr(batches, "MEMORY", 1)
    distiller = made(job_of(policy="reinforce", transfer=transfer), torch.float32)
    batch = distiller.training.at(torch.arange(6))
    assert distiller.step(batch.keep(batch.row > 2), LEARN).loss.isfinite()


@pytest.mark.parametrize("policy", ["reinforce", "random", "single:st"])
def test_a_run_with_them_ends_with_the_same_figures_again(policy: str, workshop: Path, call):
    words = ("--set", f"distill.policy={policy}", "--set", "distill.transfer=1")
    assert [call("fit", "tiny.toml", "--run", name, *words).code for name in ("one", "two")] == [0, 0]
    assert call("fit", "tiny.toml", "--run", "none", *words[:2]).code == 0
    one, two, none = (load_file(name + "/student.safetensors")["relation"] for name in ("one", "two", "none"))
    assert torch.equal(one, two)
    assert not torch.equal(one, none)
