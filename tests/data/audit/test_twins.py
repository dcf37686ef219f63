"""Relations that are inverses, duplicates, or symmetric."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsomgnn.data.audit import twins as room
from dsomgnn.data.audit.twins import Twin, twins

TEN = [(i, 20 + i) for i in range(10)]


def of(relation: int, pairs) -> list[tuple[int, int, int]]:
    return [(h, relation, t) for h, t in pairs]


def reverse(pairs):
    return [(t, h) for h, t in pairs]


def test_an_inverse_is_named_once_with_the_share_of_both_sides(dataset_of):
    more = [(50, 51), (52, 53)]
    found = twins(dataset_of(60, 2, of(0, TEN) + of(1, reverse(TEN[:8]) + more)))
    assert found == (Twin("inverse", "r0", "r1", 10, 0.8, 0.8),)
    found = twins(dataset_of(60, 2, of(0, TEN) + of(1, reverse(TEN) + more)))
    assert found == (Twin("inverse", "r0", "r1", 10, 1.0, round(10 / 12, 4)),)
    found = twins(dataset_of(60, 2, of(1, TEN) + of(0, reverse(TEN) + more)))  # the larger share stands in front
    assert found == (Twin("inverse", "r1", "r0", 10, 1.0, round(10 / 12, 4)),)


def test_a_relation_whose_pairs_stand_under_another_is_its_duplicate(dataset_of):
    wide = TEN + [(30 + i, 40 + i) for i in range(10)]
    assert twins(dataset_of(60, 2, of(0, wide) + of(1, TEN))) == (Twin("duplicate", "r1", "r0", 10, 1.0, 0.5),)


def test_a_symmetric_relation_is_its_own_twin_and_self_loops_say_nothing(dataset_of):
    loops = of(1, [(i, i) for i in range(20)])
    assert twins(dataset_of(60, 2, of(0, TEN + reverse(TEN)) + loops)) == (Twin("symmetric", "r0", "r0", 20, 1.0, 1.0),)


@pytest.mark.parametrize(("pairs", "back"), [(TEN[:9], TEN[:9]), (TEN, TEN[:7])], ids=["9 pairs", "share of 0.7"])
def test_few_pairs_or_a_small_share_make_no_twin(dataset_of, pairs, back):
    rest = [(i, 59) for i in range(10)]
    assert twins(dataset_of(60, 2, of(0, pairs) + of(1, reverse(back) + rest))) == ()


def test_repeated_triples_count_once(dataset_of):
    train = of(0, TEN[:9] + TEN[:9]) + of(1, reverse(TEN[:9]))
    assert twins(dataset_of(60, 2, train)) == ()


def test_a_graph_of_self_loops_has_no_twins(dataset_of):
    assert twins(dataset_of(3, 1, [(0, 0, 0), (1, 0, 1)])) == ()


def naive(train: set) -> set:
    pairs = {r: {(h, t) for h, q, t in train if q == r and h != t} for r in range(3)}
    found = set()
    for r in pairs:
        for q in pairs:
            for kind, theirs in (("duplicate", pairs[q]), ("inverse", set(reverse(pairs[q])))):
                if (r == q and kind == "duplicate") or not pairs[r] or not pairs[q]:
                    continue
                share, back = (round(len(pairs[r] & theirs) / len(pairs[i]), 4) for i in (r, q))
                if share >= room.LEAST_SHARE and len(pairs[r]) >= 2:
                    found.add((frozenset((r, q)), "symmetric" if r == q else kind, *sorted((share, back))))
    return found


triples = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(triples)
def test_twins_are_those_of_a_naive_comparison(dataset_of, train: list):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "LEAST_PAIRS", 2)
        found = twins(dataset_of(4, 3, train))
    named = [(frozenset((int(t.relation[1:]), int(t.other[1:]))), t.kind, *sorted((t.share, t.back))) for t in found]
    assert len(named) == len(set(named))
    assert set(named) == naive(set(train))
