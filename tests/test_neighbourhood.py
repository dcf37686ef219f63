"""Each query's own neighbourhood: what is in it, and that the query's own edges never lead there."""

from __future__ import annotations

from collections import defaultdict

import pytest
import torch

from dsomgnn.batches import TrainingQueries
from dsomgnn.data.mkg import MKG
from dsomgnn.data.triples import load_dataset
from dsomgnn.neighbourhood import KINDS, Neighbours
from dsomgnn.sampling import seed_all

merged_or_not = pytest.mark.parametrize("merge", [True, False], ids=["merged", "apart"])


def rows(neighbourhood, number: int) -> list[set[int]]:
    return [set(neighbourhood.node[neighbourhood.row == i].tolist()) for i in range(number)]


def of(neighbours, batch) -> list[set[int]]:
    return rows(neighbours.of(batch.queries, batch.row, batch.target), len(batch.queries))


def breadth_first(mkg, query, targets, hops) -> set[int]:
    """Entities one to `hops` steps from the head, without the query's own edges; plain."""
    (head, relation), count = query, mkg.num_relations
    own = {(head, relation, t) for t in targets} | {(t, (relation + count) % (2 * count), head) for t in targets}
    steps = defaultdict(set)
    for h, r, t in mkg.edges.tolist():
        if (h, r, t) not in own:
            steps[h].add(t)
    found, reached = set(), {head}
    for _ in range(hops):
        reached = {t for h in reached for t in steps[h]}
        found |= reached
    return found


@merged_or_not
@pytest.mark.parametrize("hops", [1, 2, 3])
def test_khop_is_a_breadth_first_search_without_the_own_edges_plus_the_targets(random_mkg, merge, hops):
    training = TrainingQueries(random_mkg, merge)
    batch = training.at(torch.arange(0, len(training), 3))
    found = of(Neighbours(random_mkg, "khop", hops), batch)
    for i, query in enumerate(batch.queries.tolist()):
        targets = set(batch.target[batch.row == i].tolist())
        assert found[i] == breadth_first(random_mkg, query, targets, hops) | targets


@merged_or_not
def test_sampled_is_a_part_of_khop_and_all_of_it_with_walks_enough(random_mkg, merge):
    training = TrainingQueries(random_mkg, merge)
    batch = training.at(torch.arange(0, len(training), 5))
    exact = of(Neighbours(random_mkg, "khop", 2), batch)
    seed_all(0)
    few, many = (of(Neighbours(random_mkg, "sampled", 2, walks), batch) for walks in (4, 4000))
    assert all(part <= whole for part, whole in zip(few, exact, strict=True))
    assert sum(map(len, few)) < sum(map(len, exact)) / 2
    assert many == exact


@pytest.mark.parametrize("kind", ["sampled", "khop"])
def test_what_lies_behind_the_own_edge_is_not_in_the_neighbourhood(mkg_of, kind):
    """0 -r0-> {1, 4} are the own edges; 3 and 5 lie behind them, 6 behind the other edge of 0."""
    mkg = mkg_of([[0, 0, 1], [0, 0, 4], [1, 1, 3], [4, 1, 5], [0, 1, 2], [2, 1, 6]], 8, 2)
    neighbours = Neighbours(mkg, kind, hops=4, walks=300)

    def found(head, relation, *targets):
        queries, row = torch.tensor([[head, relation]]), torch.zeros(len(targets), dtype=torch.long)
        return rows(neighbours.of(queries, row, torch.tensor(targets)), 1)[0]

    seed_all(0)
    assert found(0, 0, 1, 4) == {1, 4} | {0, 2, 6}
    assert found(0, 0, 1) == {1} | {0, 2, 6, 4, 5}  # the other triple of this query is not its own
    assert found(0, 1, 2) == {2} | {0, 1, 3, 4, 5}
    assert found(1, 2, 0) == {0} | {1, 3}  # the head side of 0 -r0-> 1: the same edge is its own
    assert found(3, 3, 1) == {1}


@pytest.mark.parametrize("kind", ["sampled", "khop", "answers"])
def test_a_row_is_not_moved_by_its_neighbours_in_the_batch(random_mkg, kind):
    """Own edges are hidden from their own row only."""
    training = TrainingQueries(random_mkg)
    neighbours = Neighbours(random_mkg, kind, hops=1, walks=400)
    batch = training.at(torch.arange(30))
    seed_all(0)
    together = of(neighbours, batch)
    assert together == [of(neighbours, training.at(torch.tensor([i])))[0] for i in range(30)]


def test_answers_are_the_train_tails_of_the_query(random_mkg):
    training = TrainingQueries(random_mkg, merge=False)
    known = defaultdict(set)
    for h, r, t in random_mkg.edges.tolist():
        known[h, r].add(t)
    found = of(Neighbours(random_mkg, "answers"), training.at(torch.arange(len(training))))
    assert found == [known[query] for query in map(tuple, training.queries.tolist())]


@pytest.mark.parametrize("kind", ["target", "none"])
def test_the_target_alone(random_mkg, kind):
    batch = TrainingQueries(random_mkg).at(torch.arange(20))
    assert of(Neighbours(random_mkg, kind), batch) == [set(batch.target[batch.row == i].tolist()) for i in range(20)]


def test_random_is_as_large_as_sampled_and_blind_to_the_graph(worldfacts):
    mkg = MKG(load_dataset(worldfacts))
    batch = TrainingQueries(mkg).at(torch.arange(0, 1500, 10))
    targets = of(Neighbours(mkg, "target"), batch)
    seed_all(0)

    def beside_targets(kind):
        return [found - own for found, own in zip(of(Neighbours(mkg, kind), batch), targets, strict=True)]

    near, chance, exact = map(beside_targets, ("sampled", "random", "khop"))
    size, free = sum(map(len, near)), [mkg.num_entities - len(own) for own in targets]
    assert size * 0.8 < sum(map(len, chance)) < size * 1.7
    hits = sum(len(c & e) for c, e in zip(chance, exact, strict=True))
    assert hits == pytest.approx(sum(len(c) * len(e) / n for c, e, n in zip(chance, exact, free, strict=True)), rel=0.1)


@pytest.mark.parametrize("kind", ["sampled", "random"])
def test_neighbourhoods_are_those_of_their_seed(worldfacts, kind):
    mkg = MKG(load_dataset(worldfacts))
    batch = TrainingQueries(mkg).at(torch.arange(400))

    def sampled(*seed):
        seed_all(*seed)
        return of(Neighbours(mkg, kind), batch)

    assert sampled(0, 1) == sampled(0, 1)
    assert sampled(0, 1) != sampled(0, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_without_train_edges_has_its_target_alone(random_mkg, kind):
    near = Neighbours(random_mkg, kind).of(torch.tensor([[39, 0]]), torch.tensor([0]), torch.tensor([5]))
    assert (near.row.tolist(), near.node.tolist()) == ([0], [5])


def test_pairs_are_sorted_and_distinct(random_mkg):
    batch = TrainingQueries(random_mkg).at(torch.arange(50))
    near = Neighbours(random_mkg).of(batch.queries, batch.row, batch.target)
    pairs = torch.stack([near.row, near.node], 1)
    assert torch.equal(pairs, pairs.unique(dim=0))


def test_an_unknown_kind_is_refused(random_mkg):
    with pytest.raises(ValueError, match="khopp"):
        Neighbours(random_mkg, "khopp")


@pytest.mark.parametrize("kind", ["sampled", "khop"])
def test_queries_without_targets_have_a_neighbourhood_too(random_mkg, kind):
    """A batch whose triples are all held back."""
    nothing = torch.empty(0, dtype=torch.long)
    queries = TrainingQueries(random_mkg).queries[:3]
    near = Neighbours(random_mkg, kind, hops=1, walks=400).of(queries, nothing, nothing)
    found = rows(near, 3)
    assert found == [breadth_first(random_mkg, query, set(), 1) for query in queries.tolist()]
