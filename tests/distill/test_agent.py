"""The agent on real data: a useless teacher is dropped; rewards are what they say; held-back triples stay back."""

import dataclasses
import inspect

import pytest
import torch
from two_teachers import log_probs, start

from dsomgnn.choices import choice_report
from dsomgnn.distill import lesson as lessons
from dsomgnn.distill.agent import FixedChoice
from dsomgnn.distill.distiller import LEARN, TAUGHT, WARM_UP
from dsomgnn.distill.losses import LossWeights, distillation, inside_mask, mix
from dsomgnn.distill.policy import merged_weights
from dsomgnn.epochs import distil_epoch, optimisers_of
from dsomgnn.models.cross_entropy import cross_entropy


def shares_after(epochs, **agent):
    job, student, distiller, lesson = start(lr=3e-3, **agent)
    optimisers = optimisers_of(student, job.recipe.student)
    for epoch in range(1, 1 + epochs):
        distil_epoch(distiller, lesson, optimisers, 400, epoch)
    return choice_report(distiller, job.dataset)["overall"]


@pytest.mark.parametrize(
    ("reward", "reward_on", "pull"),
    [
        ("improvement", "reserve", 0.01),
        ("improvement", "valid", 0.01),
        ("log-probability", "reserve", 0.1),
        ("log-probability", "train", 0.1),
        ("log-probability", "valid", 0.1),
    ],
)
def test_a_shuffled_teacher_is_dropped_within_a_few_epochs(reward, reward_on, pull):
    shares = shares_after(6, reward=reward, reward_on=reward_on, entropy=pull)
    assert shares["good"] > 0.9, shares
    assert shares["shuffled"] < 0.1, shares


def test_improvement_on_the_row_itself_prefers_the_good_teacher_less_surely():
    """A student that has learnt its own triples has little to gain on them from any teacher: hence the reserve."""
    shares = shares_after(4, reward="improvement", reward_on="train", entropy=0.01)
    assert shares["good"] > 1.5 * shares["shuffled"], shares


@pytest.mark.parametrize("reward_on", ["reserve", "valid"])
def test_improvement_on_held_out_triples_is_the_product_of_the_two_gradients(reward_on):
    """Against plain autograd: gradient of the held-out cross entropy times gradient of the row's taught loss."""
    job, student, distiller, lesson = start(rows=8, reward="improvement", reward_on=reward_on)
    distil_epoch(distiller, None, optimisers_of(student, job.recipe.student), 400, 1)
    student.double()
    distiller.dtype, distiller.weights = torch.float64, LossWeights(alpha=0.5, beta=2.0)
    view, row, _, target = lesson._view(lesson.distiller, lesson.trained)
    torch.manual_seed(5)
    found = lesson._improvement(view, row, target)(torch.ones(len(row), 2, dtype=torch.float64))

    torch.manual_seed(5)
    held = lesson.held[torch.randint(len(lesson.held), (32,))]
    batch, held_row = lesson.over.training.around(held)
    parameters = (student.fusion.table, student.relation)
    loss = filtered_cross_entropy(distiller, batch.queries[held_row], lesson.over.training.target[held])
    wanted = torch.autograd.grad(loss, parameters)
    logits = scores_of(student, view.batch.queries[row])
    half = torch.full((len(row), 2), 0.5, dtype=torch.float64)
    soft = mix(log_probs(distiller, view.batch)[:, row].double(), half)
    inside = inside_mask(view.near, view.logits)[row]
    for value, taught in zip(found, distillation(logits, soft, inside, distiller.weights), strict=True):
        own = torch.autograd.grad(taught, parameters, retain_graph=True)
        exact = sum((a * b).sum() for a, b in zip(own, wanted, strict=True))
        torch.testing.assert_close(value, exact, rtol=1e-3, atol=1e-3 * found.abs().max().item())


@pytest.mark.parametrize("row_of_another", [False, True])
def test_own_effect_is_the_gradient_of_a_triples_own_filtered_cross_entropy(row_of_another):
    _, student, distiller, lesson = start(rows=8, reward="improvement", reward_on="train")
    opinionated(student.double())
    distiller.dtype = torch.float64
    view, row, _, target = lesson._view(lesson.distiller, lesson.trained)
    if row_of_another:
        row = row.flip(0)
    logits = scores_of(student, view.batch.queries[row]).detach().requires_grad_()
    loss = len(row) * filtered_cross_entropy(distiller, view.batch.queries[row], target, logits)
    torch.testing.assert_close(lesson.own_effect(view, row, target), torch.autograd.grad(loss, logits)[0])


def opinionated(student):
    with torch.no_grad():
        student.fusion.table.mul_(500)
        student.relation.mul_(500)


def scores_of(student, queries):
    head, relation = queries.unbind(1)
    return student.score.query(student.fusion.table[head], student.relation[relation]) @ student.fusion.table.T


def filtered_cross_entropy(distiller, queries, target, logits=None):
    """Mean over triples, each among what is not known to be an answer of its query too."""
    logits = scores_of(distiller.student, queries) if logits is None else logits
    row, known = distiller.known.gather(distiller.known.find(queries))
    away = torch.zeros_like(logits, dtype=torch.bool)
    away[row, known] = True
    away[torch.arange(len(target)), target] = False
    return torch.nn.functional.cross_entropy(logits.masked_fill(away, -torch.inf), target)


def test_held_back_triples_reach_the_student_only_after_the_agent_has_learnt():
    job, _, distiller, lesson = start(epochs=2)
    reserve = set(lesson.held.tolist())
    seen = {}
    for epoch in (1, 2, 3, 4):
        batches = list(distiller.epoch(400, epoch))
        seen[epoch] = ({p for b, _ in batches for p in b.position.tolist()}, batches[0][1])
    assert [stage for _, stage in seen.values()] == [WARM_UP, LEARN, LEARN, TAUGHT]
    assert all(not reserve & positions for positions, stage in seen.values() if stage != TAUGHT)
    assert len(seen[4][0]) == distiller.training.num_triples
    assert len(reserve) == 2 * round(0.05 * len(job.dataset.train))


def test_no_reserved_triple_is_in_the_teachers_graph():
    job, *_ = start()
    key = lambda t: set(map(tuple, t.tolist()))  # noqa: E731
    training = job.training
    held = {(*training.queries[q].tolist(), t) for q, t in held_pairs(job)}
    assert held
    assert not held & key(job.teacher_mkg.edges)
    assert held <= key(job.mkg.edges)


def held_pairs(job):
    training = job.training
    row = torch.repeat_interleave(torch.arange(len(training)), training.indptr.diff())
    return zip(row[job.held].tolist(), training.target[job.held].tolist(), strict=True)


def test_context_state_does_not_know_the_answer_and_target_state_does():
    """With context only, all triples of a query look the same; with target features they differ."""
    for kind, same in (("context", True), ("target", False)):
        _, _, distiller, _ = start(state=kind)
        batch = distiller.training.at(distiller.training.indptr.diff().argmax()[None])
        state = distiller.state(distiller.view(batch))
        assert (state == state[0]).all().item() is same


def test_one_student_step_in_fast_form_equals_the_plain_loss():
    _, student, distiller, _ = start()
    batch = distiller.training.at(torch.arange(40))
    torch.manual_seed(1)
    view = distiller.view(batch)
    action = (torch.rand(len(batch.row), 2) < 0.5).float()
    distiller.choice.choose = lambda state, mask: action
    distiller.neighbours.around = lambda *_: view.around
    step = distiller.step(batch, LEARN)
    weight, number = merged_weights(action, batch.row, len(batch.queries))
    rows = number > 0
    logits = view.query @ view.table.T
    soft = mix(log_probs(distiller, batch)[:, rows], weight[rows])
    taught = (
        distillation(logits[rows], soft, inside_mask(view.near, logits)[rows], LossWeights()) * number[rows]
    ).sum()
    fit = cross_entropy(logits, batch.row, batch.target)
    rest = distiller.n3 * student.regulariser(view.seen)
    torch.testing.assert_close(step.loss, fit + taught / len(batch.row) + rest, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("every", "lessons"), [(1, 6), (4, 2), (100, 1)])
def test_the_agent_learns_on_one_batch_of_every_so_many(every, lessons, monkeypatch):
    job, student, distiller, lesson = start()
    given, give = [], lesson.give
    monkeypatch.setattr(lesson, "give", lambda: given.append(0) or give())
    learn = distiller.stages.warmup + 1
    distil_epoch(
        distiller, lesson, optimisers_of(student, job.recipe.student), 1 + len(job.training) // 6, learn, every
    )
    assert len(given) == lessons


@pytest.mark.parametrize(("reward", "of_reserve"), [("improvement", False), ("log-probability", True)])
def test_a_lesson_asks_of_the_reserve_only_where_its_reward_is_measured_there(reward, of_reserve, monkeypatch):
    _, _, distiller, lesson = start(reward=reward)
    view, asked, around = lesson._view, [], []

    def noted(of, triples):
        found = view(of, triples)
        asked.append(triples)
        around.append(found[0].batch.position)
        return found

    monkeypatch.setattr(lesson, "_view", noted)
    lesson.give()
    assert (distiller.held[asked[0]] == of_reserve).all()
    assert not distiller.held[around[0]].any(), "what is held back is no answer beside it either"


@pytest.mark.parametrize("name", ["improvement", "log_probability_gain"])
def test_a_reward_is_measured_by_the_settings_and_among_teachers_that_speak(name, monkeypatch):
    reward = {"improvement": "improvement", "log_probability_gain": "log-probability"}[name]
    _, student, distiller, lesson = start(reward=reward, credit="sum")
    opinionated(student)
    distiller.weights = LossWeights(tau=2.0)
    good, shuffled = distiller.teachers
    distiller.teachers = [good, dataclasses.replace(shuffled, speaks=torch.zeros_like(shuffled.speaks))]
    measure, view_of, told = getattr(lessons, name), lesson._view, {}

    def noted(*given):
        told.update(inspect.signature(measure).bind(*given).arguments)
        return measure(*given)

    def seen(of, triples):
        view, row, position, target = view_of(of, triples)
        told.update(asked=view.batch.queries[row], target=target)
        return view, row, position, target

    monkeypatch.setattr(lessons, name, noted)
    monkeypatch.setattr(lesson, "_view", seen)
    lesson.give()
    if name == "improvement":
        assert (told["credit"], told["weights"].tau) == ("sum", 2.0)
    else:
        soft = filtered_cross_entropy(distiller, told["asked"], told["target"], scores_of(student, told["asked"]) / 2)
        torch.testing.assert_close(-told["student"].mean(), soft)
        best = filtered_cross_entropy(distiller, told["asked"], told["target"], good.softened(told["asked"], tau=2.0))
        torch.testing.assert_close(-told["everyone"].mean(), best)


def test_a_fixed_choice_leaves_out_who_has_nothing_to_say():
    torch.manual_seed(0)
    mask = torch.tensor([[1.0, 0], [0, 1], [1, 1]]).repeat(1000, 1)
    assert torch.equal(FixedChoice("all", ["a", "b"]).choose(mask), mask)
    assert torch.equal(FixedChoice("single:b", ["a", "b"]).choose(mask), mask * torch.tensor([0, 1]))
    drawn = FixedChoice("random", ["a", "b"]).choose(mask)
    assert not drawn[mask == 0].any()
    assert abs(drawn[mask == 1].mean() - 0.5) < 0.05
