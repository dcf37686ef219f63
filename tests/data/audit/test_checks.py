"""Repeats, overlaps, pairs known from train, unseen entities: by hand, and against loops over sets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dsomgnn.data.audit.checks import checks

TRAIN = [(0, 0, 1), (1, 1, 2), (0, 0, 1), (3, 0, 3), (0, 0, 1)]
VALID = [(0, 0, 1), (1, 0, 0), (0, 0, 1), (2, 0, 1)]
TEST = [(0, 1, 1), (1, 0, 0), (5, 0, 4), (3, 2, 3), (1, 1, 2)]
WANTED = {
    "train": {"repeated": [0, 0, 1, 0, 1], "self_loop": [0, 0, 0, 1, 0]},
    "valid": {
        "repeated": [0, 0, 1, 0],
        "in_train": [1, 0, 1, 0],
        "in_test": [0, 1, 0, 0],
        "reversed_in_train": [0, 1, 0, 1],
        "pair_in_train": [0, 0, 0, 0],  # the same triple in train is no other relation
        "unseen_entity": [0, 0, 0, 0],
        "unseen_relation": [0, 0, 0, 0],
        "self_loop": [0, 0, 0, 0],
    },
    "test": {
        "repeated": [0, 0, 0, 0, 0],
        "in_train": [0, 0, 0, 0, 1],
        "in_valid": [0, 1, 0, 0, 0],
        "reversed_in_train": [0, 1, 0, 1, 0],  # a self-loop of train is its own reverse
        "pair_in_train": [1, 0, 0, 1, 0],
        "unseen_entity": [0, 0, 1, 0, 0],
        "unseen_relation": [0, 0, 0, 1, 0],
        "self_loop": [0, 0, 0, 1, 0],
    },
}


def found(dataset) -> dict[str, dict[str, list[int]]]:
    return {split: {c: m.int().tolist() for c, m in masks.items()} for split, masks in checks(dataset).items()}


def test_each_check_finds_the_rows_that_a_person_finds(dataset_of):
    assert found(dataset_of(6, 3, TRAIN, VALID, TEST)) == WANTED


def naive(train: list, valid: list, test: list) -> dict[str, dict[str, list[int]]]:
    splits = {"train": train, "valid": valid, "test": test}
    entities, relations = {e for h, _, t in train for e in (h, t)}, {r for _, r, _ in train}
    pairs = {(h, t) for h, _, t in train}

    def of(split: str) -> dict[str, list[bool]]:
        rows = splits[split]
        everywhere = {
            "repeated": [row in rows[:i] for i, row in enumerate(rows)],
            "self_loop": [h == t for h, _, t in rows],
        }
        if split == "train":
            return everywhere
        other = {"valid": "test", "test": "valid"}[split]
        return everywhere | {
            "in_train": [row in train for row in rows],
            f"in_{other}": [row in splits[other] for row in rows],
            "reversed_in_train": [(t, h) in pairs for h, _, t in rows],
            "pair_in_train": [any((h, t) == (a, b) and r != q for a, q, b in train) for h, r, t in rows],
            "unseen_entity": [not {h, t} <= entities for h, _, t in rows],
            "unseen_relation": [r not in relations for _, r, _ in rows],
        }

    return {split: {check: [int(x) for x in mask] for check, mask in of(split).items()} for split in splits}


triples = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(triples, triples, triples)
def test_masks_are_those_of_loops_over_sets(dataset_of, train: list, valid: list, test: list):
    assert found(dataset_of(4, 3, train, valid, test)) == naive(train, valid, test)
