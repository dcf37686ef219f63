"""Training queries: every directed train triple once per epoch, merged or not."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from dsomgnn.batches import TrainingQueries
from dsomgnn.sampling import seed_all

both = pytest.mark.parametrize("merge", [True, False], ids=["merged", "apart"])


def triples_of(batch) -> list[tuple[int, int, int]]:
    head, relation = batch.queries[batch.row].unbind(1)
    return list(zip(head.tolist(), relation.tolist(), batch.target.tolist(), strict=True))


@both
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_an_epoch_holds_every_directed_train_triple_exactly_once(random_mkg, merge, size):
    found = Counter()
    for batch in TrainingQueries(random_mkg, merge).batches(size):
        found.update(triples_of(batch))
    assert found == Counter(map(tuple, random_mkg.edges.tolist()))


def test_a_query_that_is_left_over_joins_the_last_batch(random_mkg):
    """Of one query alone there is no variance, which an encoder with a BatchNorm needs."""
    training = TrainingQueries(random_mkg)
    sizes = [len(batch.queries) for batch in training.batches(len(training) - 1)]
    assert sizes == [len(training)]
    assert [len(batch.queries) for batch in training.batches(1)] == [1] * len(training)


def test_merged_queries_are_the_distinct_ones(random_mkg):
    merged, apart = TrainingQueries(random_mkg, True), TrainingQueries(random_mkg, False)
    assert torch.equal(merged.queries, random_mkg.edges[:, :2].unique(dim=0))
    assert len(merged) < len(apart) == merged.num_triples == len(random_mkg.edges)


@both
def test_a_batch_says_which_query_asks_for_which_target(random_mkg, merge):
    training = TrainingQueries(random_mkg, merge)
    batch = training.at(torch.tensor([5, 0, 5, 17]))
    assert torch.equal(batch.queries, training.queries[[5, 0, 5, 17]])
    assert batch.row.equal(batch.row.sort().values)
    for row, index in enumerate([5, 0, 5, 17]):
        wanted = training.target[training.indptr[index] : training.indptr[index + 1]]
        assert torch.equal(batch.target[batch.row == row], wanted)
    assert torch.equal(batch.count, training.indptr.diff()[[5, 0, 5, 17]])
    assert torch.equal(batch.pairs, torch.tensor([(h, t) for h, _, t in triples_of(batch)]))


@both
def test_the_batch_around_triples_has_their_queries_and_each_ones_row(random_mkg, merge):
    training = TrainingQueries(random_mkg, merge)
    position = torch.randint(training.num_triples, (40,), generator=torch.Generator().manual_seed(0))
    batch, row = training.around(position)
    wanted = random_mkg.edges[training.edge[position]]
    assert torch.equal(torch.cat([batch.queries[row], training.target[position, None]], 1), wanted)
    assert len(batch.index) == len(batch.index.unique())
    assert all(p in batch.position[batch.row == r] for p, r in zip(position, row, strict=True))


@both
def test_edge_names_the_train_edge_of_each_triple(random_mkg, merge):
    training = TrainingQueries(random_mkg, merge)
    triples = triples_of(training.at(torch.arange(len(training))))
    assert random_mkg.edges[training.edge].tolist() == [list(t) for t in triples]


def test_the_order_of_an_epoch_is_that_of_its_seed(random_mkg):
    training = TrainingQueries(random_mkg)

    def order(*seed):
        seed_all(*seed)
        return torch.cat([batch.index for batch in training.batches(16)]).tolist()

    assert order(0, 1, 2) == order(0, 1, 2)
    assert len({tuple(order(*seed)) for seed in [(0, 1, 2), (0, 1, 3), (0, 2, 2), (1, 1, 2)]}) == 4


def test_an_epoch_of_so_many_steps_is_the_start_of_the_whole_one(random_mkg):
    training = TrainingQueries(random_mkg)
    seed_all(0)
    whole = [batch.index.tolist() for batch in training.batches(16)]
    seed_all(0)
    assert [batch.index.tolist() for batch in training.batches(16, 3)] == whole[:3]


def test_queries_of_many_targets_are_asked_in_several_rows_where_a_row_may_have_so_many(random_mkg):
    whole, few = TrainingQueries(random_mkg), TrainingQueries(random_mkg, most=2)
    assert torch.equal(few.target, whole.target)
    assert torch.equal(few.edge, whole.edge)
    assert few.indptr.diff().max() == 2
    most = whole.indptr.diff()
    assert len(few) == (-(-most // 2)).sum()
    assert sorted(triples_of(few.at(torch.arange(len(few))))) == sorted(triples_of(whole.at(torch.arange(len(whole)))))


@both
def test_some_of_the_queries_are_those_alone(random_mkg, merge):
    whole = TrainingQueries(random_mkg, merge)
    index = torch.tensor([9, 2, 30])
    some, batch = whole.only(index), whole.at(index)
    assert triples_of(some.at(torch.arange(3))) == triples_of(batch)
    assert torch.equal(some.edge, whole.edge[batch.position])
    assert (len(some), some.num_triples) == (3, len(batch.row))
