"""Cardinality classes, against counts by hand and a naive count."""

from __future__ import annotations

from collections import defaultdict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dsomgnn.data.audit.cardinality import Cardinality

BY_HAND = {
    "1-1": ([(0, 1), (2, 3), (4, 5)], 1.0, 1.0),
    "1-N": ([(0, 1), (0, 2), (3, 4)], 1.5, 1.0),  # 1.5 is many already
    "N-1": ([(0, 5), (1, 5), (2, 5), (3, 4)], 1.0, 2.0),
    "N-N": ([(0, 1), (0, 2), (3, 1), (3, 2)], 2.0, 2.0),
    "not in train": ([], 0.0, 0.0),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_the_class_is_that_of_the_mean_tails_per_head_and_heads_per_tail(name: str):
    pairs, tails, heads = BY_HAND[name]
    others = [(0, 0, 5), (1, 0, 5), (1, 0, 5)]  # of another relation, and repeated
    train = torch.tensor(others + [(h, 1, t) for h, t in pairs])
    found = Cardinality.of(train, 6, 2)
    assert found.names == ["N-1", name]
    assert (found.tails_per_head[1].item(), found.heads_per_tail[1].item()) == (tails, heads)


def test_just_below_one_and_a_half_counts_as_one():
    train = torch.tensor([(0, 0, 1), (0, 0, 2), (3, 0, 4), (5, 0, 6)])  # 4 tails of 3 heads
    assert Cardinality.of(train, 7, 1).names == ["1-1"]


triples = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=40)


@given(triples)
def test_means_are_those_of_a_naive_count(train: list[tuple[int, int, int]]):
    tails, heads = defaultdict(set), defaultdict(set)
    for h, r, t in train:
        tails[r, h].add(t)
        heads[r, t].add(h)

    def mean(sets: dict, relation: int) -> float:
        sizes = [len(s) for (r, _), s in sets.items() if r == relation]
        return sum(sizes) / max(1, len(sizes))

    found = Cardinality.of(torch.tensor(train), 5, 4)
    assert found.tails_per_head.tolist() == pytest.approx([mean(tails, r) for r in range(4)])
    assert found.heads_per_tail.tolist() == pytest.approx([mean(heads, r) for r in range(4)])
