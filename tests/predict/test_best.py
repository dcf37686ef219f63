"""The best answers are those of a full sort, whatever the chunks, and their probabilities those of a softmax."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dsomgnn.data.answers import Answers
from dsomgnn.models.score import ComplEx
from dsomgnn.predict.best import BUDGET, all_scores, scores_of, top
from dsomgnn.predict.student import Student

N, R = 30, 3


def student(seed: int = 0, temperature: float = 0.7) -> Student:
    draw = torch.Generator().manual_seed(seed)
    tables = (torch.randn(size, 8, generator=draw) for size in (N, 2 * R))
    return Student(ComplEx(), *tables, temperature)


def brute(model: Student, query: list[int], hidden: set[int]) -> list[tuple[int, float, float]]:
    """Entity, score and probability, best first, by complex numbers in float64."""
    head, relation = model.entities[query[0]].double(), model.relations[query[1]].double()
    h, r, t = (torch.complex(*x.chunk(2, -1)) for x in (head, relation, model.entities.double()))
    scores = (h * r * t.conj()).sum(-1).real
    p = (scores / model.temperature).softmax(0)
    return [(i, scores[i].item(), p[i].item()) for i in scores.argsort(descending=True).tolist() if i not in hidden]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, 2 * R - 1)), min_size=1, max_size=12),
    st.integers(1, N + 5),
    st.sampled_from([1, 4 * N * 3, BUDGET]),
)
def test_they_are_those_of_a_full_sort(pairs: list[tuple[int, int]], k: int, budget: int):
    model, queries = student(), torch.tensor(pairs)
    best = top(model, queries, k, budget=budget)
    for row, pair in enumerate(pairs):
        wanted = brute(model, list(pair), set())[:k]
        assert best.entity[row].tolist() == [i for i, _, _ in wanted]
        assert best.score[row].tolist() == pytest.approx([s for _, s, _ in wanted], rel=1e-4, abs=1e-5)
        assert best.probability[row].tolist() == pytest.approx([p for _, _, p in wanted], rel=1e-4)


def test_hidden_answers_are_left_out_and_keep_their_share_of_the_probability():
    model, facts = student(), torch.tensor([[4, 1, tail] for tail in range(0, N, 2)])
    best = top(model, torch.tensor([[4, 1], [5, 1]]), 5, Answers.of(facts, N, R))
    wanted = brute(model, [4, 1], set(range(0, N, 2)))[:5]
    assert best.entity[0].tolist() == [i for i, _, _ in wanted]
    assert best.probability[0].tolist() == pytest.approx([p for _, _, p in wanted], rel=1e-4)
    assert best.entity[1].tolist() == [i for i, _, _ in brute(model, [5, 1], set())[:5]]


def test_where_all_answers_are_hidden_nothing_is_left():
    facts = torch.tensor([[4, 1, tail] for tail in range(N)])
    assert (top(student(), torch.tensor([[4, 1]]), 3, Answers.of(facts, N, R)).score == -torch.inf).all()


def test_all_answers_share_a_probability_of_one():
    best = top(student(), torch.tensor([[0, 0], [7, 5]]), N)
    torch.testing.assert_close(best.probability.sum(1), torch.ones(2))


def test_huge_scores_do_not_overflow():
    model = student()
    huge = Student(ComplEx(), model.entities * 1e3, model.relations * 1e3, 0.1)
    assert top(huge, torch.tensor([[0, 0]]), 2).probability[0].tolist() == [1.0, 0.0]


def test_single_scores_are_those_of_the_whole_row():
    model, queries = student(), torch.tensor([[0, 0], [1, 5], [0, 0], [29, 2]])
    answers = torch.tensor([3, 4, 5, 0])
    wanted = all_scores(model, queries)[torch.arange(4), answers]
    torch.testing.assert_close(scores_of(model, queries, answers, chunk=3), wanted)
