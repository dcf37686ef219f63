"""Filtered ranks: hand-computed, with ties, filters and both sides."""

from __future__ import annotations

import pytest
import torch

from dsomgnn.build import build
from dsomgnn.data.answers import Answers
from dsomgnn.errors import DsomError
from dsomgnn.rank.counting import Dense, Pruned
from dsomgnn.rank.ranks import queries_of, rank_triples
from dsomgnn.recipe import load_recipe

SCORES = [0.5, 0.9, 0.9, 0.1, 0.9]


def dense_ranks(scores, target, known_row, known):
    """Optimistic and pessimistic ranks of one answer per row."""
    rows = torch.arange(len(scores))
    counter = Dense(lambda _: scores.clone())
    above, level, score = counter.count(rows, rows, target, known_row, known)
    assert torch.equal(score, scores[rows, target])
    return 1 + above, above + level


@pytest.mark.parametrize(
    ("scores", "target", "known", "optimistic", "pessimistic"),
    [
        (SCORES, 0, [], 4, 4),
        (SCORES, 0, [1, 4], 2, 2),
        (SCORES, 1, [], 1, 3),
        (SCORES, 1, [2], 1, 2),
        (SCORES, 1, [1, 1, 2, 2], 1, 2),  # the right answer is known itself, and told twice
        (SCORES, 3, [0, 1, 2, 3, 4], 1, 1),
        ([0.0] * 5, 2, [], 1, 5),  # a model that tells nothing apart is not first
        ([0.0] * 5, 2, [0], 1, 4),
        ([1.0, -float("inf"), 0.0], 2, [0], 1, 1),
        ([1.0, float("inf"), 0.0], 0, [], 2, 2),
    ],
)
def test_ranks_by_hand(scores, target, known, optimistic, pessimistic):
    rows = torch.zeros(len(known), dtype=torch.long)
    ranks = dense_ranks(torch.tensor([scores]), torch.tensor([target]), rows, torch.tensor(known, dtype=torch.long))
    assert [r.item() for r in ranks] == [optimistic, pessimistic]


def test_a_known_answer_is_left_out_of_its_own_row_only():
    scores, target = torch.tensor([SCORES, SCORES]), torch.tensor([0, 0])
    optimistic, _ = dense_ranks(scores, target, torch.tensor([0, 1, 1]), torch.tensor([1, 2, 4]))
    assert optimistic.tolist() == [3, 2]


@pytest.mark.parametrize("where", [0, pytest.param(1)], ids=["right", "rival"])
def test_a_nan_is_refused_wherever_it_competes(where):
    scores = torch.tensor([[0.5, 0.9, 0.2, 0.1]])
    scores[0, where] = torch.nan
    with pytest.raises(DsomError, match="NaN"):
        dense_ranks(scores, torch.tensor([0]), torch.tensor([0]), torch.tensor([2]))


@pytest.mark.parametrize("value", [float("inf"), -float("inf")])
def test_an_infinite_score_of_the_right_answer_is_refused(value):
    with pytest.raises(DsomError, match="infinite"):
        dense_ranks(torch.tensor([[0.5, value]]), torch.tensor([1]), torch.tensor([0]), torch.tensor([0]))


def test_answers_known_from_any_split_do_not_compete(tiny):
    """a likes b, c (train) and d (valid); likes a: e (train) and c (test)."""
    (tiny / "recipe.toml").write_text(f'[data]\nname = "{tiny}"\n[distill]\npolicy = "none"\n')
    known = build(load_recipe(tiny / "recipe.toml"), tiny).known
    row, answer = known.gather(known.find(torch.tensor([[0, 1], [0, 3]])))
    assert (row.tolist(), answer.tolist()) == ([0, 0, 0, 1, 1], [1, 2, 3, 2, 4])


N, R = 9, 2


@pytest.fixture(scope="module")
def problem():
    """Scores in few steps, so that many tie; known triples; some of them to be ranked."""
    generator = torch.Generator().manual_seed(0)
    table = torch.randint(5, (N, 2 * R, N), generator=generator).float()
    known = torch.stack([torch.randint(n, (60,), generator=generator) for n in (N, R, N)], 1)
    return table, known, known[:25]


def plain_ranks(table, known, triples):
    facts, found = set(map(tuple, known.tolist())), []
    for side in ("tail", "head"):
        for h, r, t in triples.tolist():
            if side == "tail":
                scores, right, others = table[h, r], t, [e for e in range(N) if (h, r, e) not in facts]
            else:
                scores, right, others = table[t, r + R], h, [e for e in range(N) if (e, r, t) not in facts]
            above = sum(bool(scores[e] > scores[right]) for e in others if e != right)
            level = sum(bool(scores[e] == scores[right]) for e in others if e != right)
            found.append((1 + above, 1 + above + level))
    return found


def ranked(problem, budget):
    table, known, triples = problem
    counter = Dense(lambda q: table[q[:, 0], q[:, 1]].clone(), budget)
    return rank_triples(counter, triples, Answers.of(known, N, R), N, R)


def test_ranks_of_both_sides_equal_a_plain_loop(problem):
    """The head side of (h, r, t) is the query (t, r + R)."""
    ranks, wanted = ranked(problem, 1 << 20), plain_ranks(*problem)
    assert list(zip(ranks.optimistic.tolist(), ranks.pessimistic.tolist(), strict=True)) == wanted
    assert any(low < high for low, high in wanted)
    assert ranks.side.tolist() == [1] * 25 + [0] * 25
    assert ranks.relation.tolist() == problem[2][:, 1].tolist() * 2


@pytest.mark.parametrize("budget", [1, 700, 4 * 2 * N * 25])
def test_the_memory_budget_does_not_change_a_rank(problem, budget):
    whole, parts = ranked(problem, 1 << 30), ranked(problem, budget)
    assert torch.equal(whole.optimistic, parts.optimistic)
    assert torch.equal(whole.pessimistic, parts.pessimistic)


def test_realistic_is_the_mean_of_both(problem):
    ranks = ranked(problem, 1 << 20)
    assert torch.equal(ranks.by("realistic") * 2, ranks.by("optimistic") + ranks.by("pessimistic"))
    assert (ranks.by("optimistic") <= ranks.by("realistic")).all()


def products(generator, width: int, steps: int):
    """Query and entity tables of few distinct values, so that exact ties and near misses are many."""
    queries, entities = (torch.randint(-steps, steps, (n, width), generator=generator) / 4 for n in (N * 2 * R, N))
    entities[4] = entities[2]
    return queries, entities


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("width", [1, 3, 16])
@pytest.mark.parametrize("steps", [2, 4, 1000])
def test_pruned_ranks_are_those_of_exact_scores(dtype, width, steps, problem):
    """In float32 and bfloat16 alike; scores of a loop over pairs, each summed in one way."""
    _, known, triples = problem
    queries, entities = products(torch.Generator().manual_seed(width), width, steps)
    table = torch.stack([(q * entities).sum(1) for q in queries]).view(N, 2 * R, N)
    counter = Pruned(lambda q: queries[q[:, 0] * 2 * R + q[:, 1]], entities, dtype)
    ranks = rank_triples(counter, triples, Answers.of(known, N, R), N, R)
    found = list(zip(ranks.optimistic.tolist(), ranks.pessimistic.tolist(), strict=True))
    assert found == plain_ranks(table, known, triples)
    asked, target = queries_of(triples, R)
    assert torch.allclose(ranks.score, table[asked[:, 0], asked[:, 1], target])


def test_pruning_leaves_no_rank_of_a_large_random_model_different():
    generator = torch.Generator().manual_seed(1)
    entities, vectors = torch.randn(3000, 40, generator=generator), torch.randn(200, 40, generator=generator)
    entities *= torch.rand(3000, 1, generator=generator) * 4
    entities[1500:1600] = entities[:100]
    row, target = torch.arange(200).repeat_interleave(2), torch.randint(3000, (400,), generator=generator)
    target[:200:2] = (vectors[:100] @ entities.T).argmax(1)
    nothing = row[:0]
    counts = [
        Pruned(lambda q: vectors[q], entities, dtype).count(torch.arange(200), row, target, nothing, nothing)
        for dtype in (torch.float32, torch.bfloat16)
    ]
    exact = torch.stack([(v.double() * entities.double()).sum(1) for v in vectors])[row]
    right = exact[torch.arange(400), target]
    assert torch.equal(counts[0][0], counts[1][0])
    assert torch.equal(counts[0][1], counts[1][1])
    assert (counts[1][0] - (exact > right[:, None] + 1e-9).sum(1)).abs().max() <= 1  # float32 sums, against float64
    assert counts[1][1][target < 100].min() >= 2  # a copy ties


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("budget", [1, 300, 5000])
def test_tiles_and_threads_change_no_rank(budget, threads, problem):
    _, known, triples = problem
    queries, entities = products(torch.Generator().manual_seed(3), 3, 4)
    found = []
    for size, number in ((1 << 20, 1), (budget, threads)):
        counter = Pruned(lambda q: queries[q[:, 0] * 2 * R + q[:, 1]], entities, torch.bfloat16, size)
        counter.threads = number
        found.append(rank_triples(counter, triples, Answers.of(known, N, R), N, R))
    assert torch.equal(found[0].optimistic, found[1].optimistic)
    assert torch.equal(found[0].pessimistic, found[1].pessimistic)


def test_a_diverged_model_is_refused_by_pruned_ranks_too():
    entities = torch.ones(4, 2)
    nothing = torch.empty(0, dtype=torch.long)
    with pytest.raises(DsomError, match="diverged"):
        Pruned(lambda q: q, entities.index_fill(0, torch.tensor([2]), torch.nan))
    counter = Pruned(lambda _: torch.full((1, 2), torch.inf), entities)
    with pytest.raises(DsomError, match="diverged"):
        counter.count(torch.zeros(1, 2), torch.tensor([0]), torch.tensor([1]), nothing, nothing)
