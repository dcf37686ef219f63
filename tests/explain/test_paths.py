"""Paths between two entities are all those of one or two train facts but the fact itself, the telling ones first."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dsomgnn.data.triples import directed
from dsomgnn.explain.paths import MOST, Path, paths

R = 2
FACTS = [(0, 0, 1), (0, 1, 1), (1, 1, 0), (0, 0, 2), (2, 1, 1), (3, 0, 0), (3, 1, 1), (3, 0, 4), (0, 0, 0), (5, 0, 5)]


def found(facts: list[tuple[int, int, int]], start: int, relation: int, end: int):
    return paths(directed(torch.tensor(facts), R), start, relation, end)


def test_direct_ones_come_first_then_those_through_entities_of_few_facts():
    result = found(FACTS, 0, 0, 1)
    assert result.shown == (
        Path((1,)),
        Path((1 + R,)),
        Path((0, 1), through=2, degree=2),
        Path((0 + R, 1), through=3, degree=3),
    )
    assert result.count == 4


def test_a_fact_of_an_entity_with_itself_is_one_of_its_facts():
    [path] = found([(0, 0, 2), (2, 1, 1), (2, 0, 2), (0, 1, 1)], 0, 1, 1).shown
    assert path == Path((0, 1), through=2, degree=3)


def test_an_entity_has_no_path_to_itself_and_a_stranger_has_none():
    assert found(FACTS, 0, 0, 0).count == found(FACTS, 5, 0, 1).count == 0


def test_of_many_ten_are_shown_and_all_are_counted():
    hub = [(0, 0, m) for m in range(2, 27)] + [(m, 1, 1) for m in range(2, 27)] + [(2, 1, 26)]
    result = found(hub, 0, 0, 1)
    assert (len(result.shown), result.count) == (MOST, 25)
    assert [path.through for path in result.shown] == list(range(3, 13))  # entity 2 has one fact more


def brute(facts: set[tuple[int, int, int]], start: int, relation: int, end: int) -> set[tuple]:
    steps = {(h, r, t) for h, r, t in facts} | {(t, r + R, h) for h, r, t in facts}
    steps -= {(start, relation, end), (end, relation + R, start)}
    direct = {((r,), None) for h, r, t in steps if (h, t) == (start, end)}
    two = {
        ((r, s), m)
        for h, r, m in steps
        for n, s, t in steps
        if h == start and t == end and m == n and m not in (start, end)
    }
    return direct | two


@settings(max_examples=60, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 4), st.integers(0, R - 1), st.integers(0, 4)), min_size=1, max_size=8))
def test_they_are_those_that_a_search_by_hand_finds(facts: set[tuple[int, int, int]]):
    start, relation, end = min(facts)
    if start != end:
        result, wanted = found(sorted(facts), start, relation, end), brute(facts, start, relation, end)
        assert result.count == len(wanted)
        shown = [(path.relations, path.through) for path in result.shown]
        assert len(set(shown)) == len(shown) == min(MOST, len(wanted))
        assert set(shown) <= wanted
