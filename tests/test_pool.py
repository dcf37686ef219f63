"""Sampled candidates: who is in a pool, what its weights estimate, and that all of it equals all entities."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from two_teachers import log_probs

from dsomgnn.batches import TrainingQueries
from dsomgnn.build import build, make_distiller, make_student, make_teacher
from dsomgnn.data.features import Feature
from dsomgnn.distill.lesson import Lesson
from dsomgnn.distill.losses import distillation, inside_mask, mix
from dsomgnn.distill.policy import merged_weights
from dsomgnn.distill.teachers import FrozenTeacher, fit_temperature, freeze
from dsomgnn.epochs import distil_epoch, optimisers_of
from dsomgnn.models.cross_entropy import cross_entropy
from dsomgnn.models.encoders import CompGCN
from dsomgnn.models.fusion import FUSIONS
from dsomgnn.models.model import Model
from dsomgnn.models.score import ComplEx
from dsomgnn.pool import EVERYONE, Pool
from dsomgnn.recipe import parse_recipe
from dsomgnn.sampling import BlockSampler, seed_all

ALL = 10**6  # candidates


@settings(max_examples=100, deadline=None)
@given(size=st.integers(1, 60), candidates=st.integers(1, 80), own=st.lists(st.integers(0, 10**6), max_size=30))
def test_a_pool_is_its_own_and_some_others_that_stand_for_the_rest(size, candidates, own):
    own = torch.tensor(own, dtype=torch.long) % size
    pool = Pool.around(own, candidates, size)
    assert torch.equal(pool.ids, pool.ids.unique())
    assert int(pool.ids.max()) < size
    assert pool.holds(own).all()
    assert torch.equal(pool.ids[pool.place(own)], own)
    assert not pool.log_weight[pool.place(own)].any(), "each for itself"
    assert len(pool.ids) == min(size, len(own.unique()) + candidates)
    assert pool.log_weight.exp().sum().item() == pytest.approx(size, rel=1e-5)


def test_every_other_entity_is_as_likely():
    torch.manual_seed(0)
    times = torch.zeros(200)
    for _ in range(4000):
        times[Pool.around(torch.tensor([3, 50, 51]), 10, 200).ids] += 1
    others = times[times < 4000]
    assert len(others) == 197
    share = 10 / 197
    assert (others / 4000 - share).abs().max() < 5 * math.sqrt(share / 4000)


@pytest.mark.parametrize("heat", [1.0, 0.5, 3.0])
def test_the_estimated_partition_function_is_right_on_average_and_its_logarithm_too_small(heat):
    generator = torch.Generator().manual_seed(1)
    scores = 2 * torch.randn(3, 500, generator=generator, dtype=torch.float64)
    torch.manual_seed(0)
    pools = [Pool.around(torch.arange(5), 40, 500) for _ in range(4000)]
    found = torch.stack([p.weigh(scores[:, p.ids] / heat).logsumexp(1) for p in pools])
    true = (scores / heat).logsumexp(1)
    relative = (found - true).exp()
    assert ((relative.mean(0) - 1).abs() < 4 * relative.std(0) / math.sqrt(len(pools))).all()
    assert (found.mean(0) < true - relative.var(0) / 4).all(), "Jensen"


FEATURE = torch.arange(40) % 2 == 0


def model_of(mkg, encoder: bool, fusion: str = "blocks") -> Model:
    """In float64, with large weights, text for half of the entities, and every neighbour."""
    torch.manual_seed(0)
    features = {"text": Feature("text", torch.randn(40, 3) * FEATURE[:, None], FEATURE)}
    parts = FUSIONS[fusion](mkg.structured, features, 4, 2, 2, init=0.5)
    made = CompGCN(2 * mkg.num_relations, parts.width, parts.width) if encoder else None
    sampler = BlockSampler(mkg, [-1]) if encoder else None
    return Model(ComplEx(), parts, mkg.num_relations, made, sampler, init=0.5).double().eval()


def gradients(model: Model) -> list[torch.Tensor]:
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    return [grad.to_dense() if grad.is_sparse else grad for grad in grads]


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("encoder", [False, True])
def test_a_pool_of_all_entities_gives_the_loss_and_gradients_of_all(random_mkg, encoder, fusion):
    batch = TrainingQueries(random_mkg).at(torch.arange(5, 25))
    found = []
    for candidates in (0, ALL):
        model = model_of(random_mkg, encoder, fusion)
        pool = Pool.around(batch.pairs.view(-1), candidates, 40)
        loss = model.loss(batch, 0.3, pool=pool)
        loss.backward()
        assert model.fusion.table.grad.is_sparse is bool(candidates)
        found.append([loss.detach(), *gradients(model)])
    torch.testing.assert_close(found[0], found[1])


def test_the_loss_over_a_pool_moves_the_rows_of_the_pool_alone(random_mkg):
    batch = TrainingQueries(random_mkg).at(torch.arange(3))
    model = model_of(random_mkg, encoder=False)
    pool = Pool.around(batch.pairs.view(-1), 5, 40)
    model.loss(batch, 0.3, pool=pool).backward()
    assert set(model.fusion.table.grad.coalesce().indices()[0].tolist()) == set(pool.ids.tolist())


def recipe_of(candidates: int, **distill):
    return parse_recipe(
        {
            "data": {"name": "worldfacts"},
            "teachers": {"one": {"rank": 8, "init": 0.5}, "other": {"rank": 8, "init": 0.5}},
            "student": {"rank": 8, "init": 0.5, "candidates": candidates},
            "distill": {"walks": 4, **distill},
            "agent": {"rows": 16},
        }
    )


@pytest.fixture(scope="module")
def taught():
    """`taught(candidates)`: job, student, distiller and lesson in float64, the teachers untrained, but opinionated."""
    start = build(recipe_of(0))
    frozen = [freeze(name, make_teacher(start, name, i).double(), None) for i, name in enumerate(start.recipe.teachers)]

    def make(candidates: int, **distill):
        job = dataclasses.replace(start, recipe=recipe_of(candidates, **distill))
        student = make_student(job).double()
        distiller = make_distiller(job, student, frozen)
        distiller.dtype, distiller.low = torch.float64, frozen
        distiller.choice.policy.double()
        return job, student, distiller, Lesson(distiller, distiller.choice)

    return make


SOFT = {"tau": 2.0, "alpha": 0.5, "beta": 3.0, "gamma": 0.7}


def step_of(taught, candidates: int):
    """A student step on the same batch, with the same walks and choices."""
    _, student, distiller, _ = taught(candidates, **SOFT)
    batch = distiller.training.at(torch.arange(30))
    seed_all(1, 2, 3)
    distiller.choice.choose = lambda state, mask: (torch.arange(mask.numel()).view_as(mask) % 3 > 0).to(mask)
    step = distiller.step(batch, "learn")
    step.loss.backward()
    return step, gradients(student)


def test_a_taught_step_over_a_pool_of_all_entities_is_that_over_all(taught):
    (one, found), (other, wanted) = step_of(taught, ALL), step_of(taught, 0)
    torch.testing.assert_close((one.loss, one.fit, one.taught), (other.loss, other.fit, other.taught))
    torch.testing.assert_close(found, wanted)


def test_the_taught_loss_over_a_pool_is_the_plain_one_with_weights(taught):
    """By autograd and in the plain form: log weights added to the logits of student and teachers at their heat."""
    _, student, distiller, _ = taught(50, **SOFT)
    batch = distiller.training.at(torch.arange(30))
    view = distiller.view(batch)
    assert len(view.pool.ids) < 700
    assert view.pool.holds(torch.cat([batch.queries[:, 0], batch.target, view.pool.ids[view.near.node]])).all()
    distiller.view = lambda _: view
    step = distiller.step(batch, "warm-up")
    found = torch.autograd.grad(step.loss, [student.fusion.table, student.relation], retain_graph=True)

    table, relation = student.fusion.table, student.relation
    query = student.score.query(table[batch.queries[:, 0]], relation[batch.queries[:, 1]])
    scores, extra = query @ table[view.pool.ids].T, view.pool.log_weight
    weight, number = merged_weights(torch.ones(len(batch.row), 2, dtype=torch.float64), batch.row, 30)
    soft = mix(log_probs(distiller, batch, view.pool), weight)
    each = (teacher.logits(batch.queries)[:, view.pool.ids] / 2 + extra for teacher in distiller.teachers)
    torch.testing.assert_close(soft, sum(x.softmax(1) / 2 for x in each).log())
    taught_rows = distillation(scores, soft, inside_mask(view.near, scores), distiller.weights, view.pool)
    fit = cross_entropy(scores + extra, batch.row, view.target)
    rest = distiller.n3 * student.regulariser(view.seen)
    loss = fit + 0.7 * (taught_rows * number).sum() / len(batch.row) + rest
    torch.testing.assert_close(step.loss, loss)
    wanted = torch.autograd.grad(loss, [table, relation])
    torch.testing.assert_close([g.to_dense() for g in found], list(wanted))


def test_a_lesson_over_a_pool_of_all_entities_is_that_over_all(taught):
    found = []
    for candidates in (ALL, 0):
        _, _, distiller, lesson = taught(candidates, **SOFT)
        batch, row = distiller.training.at(torch.arange(40, 60)), torch.arange(20)
        seed_all(3)
        view = distiller.view(batch)
        torch.manual_seed(7)
        effect = lesson.held_out_effect(view)
        assert lesson.held_out_effect(distiller.view(batch)).isfinite().all()
        position = torch.cat([batch.position[batch.row == i][:1] for i in range(20)])
        target = view.pool.place(distiller.training.target[position])
        state = distiller.state(view, row, position, target)
        state[:, -6:-4] = 0  # mass on neighbours: of these walks, or of those that the cache was made with
        rivals, logits = lesson._each(view, row, target)
        found.append((effect, lesson.own_effect(view, row, target), rivals.log_share((logits / 2).softmax(1)), state))
    torch.testing.assert_close(*found)


def test_a_lesson_over_a_pool_brings_of_a_hubs_answers_those_that_were_drawn(taught):
    """Most triples are of queries with many: the pool would be about all entities."""
    _, _, distiller, lesson = taught(5)
    seed_all(3)
    view, _, position, _ = lesson._view(distiller, lesson.trained)
    assert torch.equal(view.batch.position.unique(), position.unique())
    answers = distiller.training.indptr.diff()[view.batch.index]
    assert answers.sum() > 3 * len(view.batch.row)


def test_rewarded_on_valid_other_valid_answers_of_a_query_do_not_compete(taught, dataset_of):
    job, _, _, _ = taught(0)
    triples = torch.tensor([[0, 0, 1], [2, 1, 3]]), torch.tensor([[0, 0, 2], [0, 0, 3]]), torch.tensor([[0, 0, 4]])
    data = dataset_of(6, 2, *triples)
    for reward_on, known in (("valid", [1, 2, 3]), ("reserve", [1])):
        agent = job.recipe.agent.model_copy(update={"reward_on": reward_on})
        asked = dataclasses.replace(job, dataset=data, recipe=job.recipe.model_copy(update={"agent": agent}))
        found = asked.learnt_from
        assert found.gather(found.find(torch.tensor([[0, 0]])))[1].tolist() == known


def test_an_agent_learns_over_pools(taught):
    job, student, distiller, lesson = taught(30)
    before = [p.clone() for p in distiller.choice.policy.parameters()]
    event = distil_epoch(distiller, lesson, optimisers_of(student, job.recipe.student), 100, 4, steps=3)
    assert all(math.isfinite(event[key]) for key in ("loss", "fit", "taught", "reward"))
    assert any(not torch.equal(a, b) for a, b in zip(before, distiller.choice.policy.parameters(), strict=True))


def test_a_teacher_gives_a_pool_the_scores_of_its_entities():
    generator = torch.Generator().manual_seed(0)
    tables = (torch.randn(n, 6, generator=generator) for n in (9, 9, 4))
    teacher = FrozenTeacher("one", ComplEx(), *tables, torch.ones(9, dtype=torch.bool), temperature=2.0)
    queries, pool = torch.tensor([[0, 1], [5, 2]]), Pool.around(torch.tensor([4]), 3, 9)
    torch.testing.assert_close(teacher.logits(queries, pool=pool), teacher.logits(queries)[:, pool.ids])
    wanted = (teacher.logits(queries)[:, pool.ids] / 6 + pool.log_weight).log_softmax(1)
    torch.testing.assert_close(teacher.log_probs(queries, None, 3.0, pool), wanted)
    assert Pool.around(torch.tensor([4]), 0, 9) is EVERYONE


def test_a_run_over_sampled_candidates_is_ranked_explained_and_selected_on_some_triples(workshop: Path, call):
    text = Path("tiny.toml").read_text().replace("batch = 5", "batch = 5\ncandidates = 2")
    Path("few.toml").write_text(text + "\n[rank]\nvalid = 1\n")
    assert call("fit", "few.toml", "--run", "out").code == 0
    record = json.loads(Path("out/record.json").read_text())
    assert "1 of the 2 valid triples, drawn by the seed" in record["selection"]
    assert call("rank", "out", "--model", "all", "--no-report").code == 0
    assert call("explain", "out", "a", "likes", "d").code == 0
    refused = call("fit", "few.toml", "--run", "other", "--set", "agent.state=target")
    assert refused.code == 2
    assert "student.candidates = 0" in refused.err


def test_the_valid_triples_that_select_are_those_of_the_seed(worldfacts):
    job = build(parse_recipe({**recipe_of(0).model_dump(), "rank": {"valid": 7}}))
    again = dataclasses.replace(job)
    other = dataclasses.replace(job, recipe=job.recipe.model_copy(update={"seed": 1}))
    assert torch.equal(job.selecting, again.selecting)
    assert not torch.equal(job.selecting, other.selecting)
    valid = set(map(tuple, job.dataset.valid.tolist()))
    assert len(set(map(tuple, job.selecting.tolist())) & valid) == 7
    every = dataclasses.replace(job, recipe=recipe_of(0))
    assert every.selecting is job.dataset.valid


def test_the_temperature_over_a_pool_is_about_that_over_all_entities(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    tables = [torch.randn(n, 8, generator=generator) for n in (900, 900, 6)]
    teacher = FrozenTeacher("one", ComplEx(), *tables, torch.ones(900, dtype=torch.bool))
    queries = torch.stack([torch.randint(n, (60,), generator=generator) for n in (900, 3)], 1)
    target = torch.multinomial((teacher.logits(queries) / 2).softmax(1), 1, generator=generator)
    triples = torch.cat([queries, target], 1)
    exact = fit_temperature(teacher, triples, 3)
    monkeypatch.setattr("dsomgnn.distill.teachers.FITTED", 4 * 120 * 500)
    found = fit_temperature(teacher, triples, 3)
    assert found != exact
    assert found == pytest.approx(exact, rel=0.1)
    assert found == fit_temperature(teacher, triples, 3)
