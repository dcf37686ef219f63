"""The whole audit: by hand on a small data set, and the known defects of the benchmarks."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from dsomgnn.data.audit.audit import Audit, Names, audit, audit_folder

SPLITS = {
    "train": "a likes b|a likes c|a likes b|c knows a|b knows b",
    "valid": "b likes a|a likes b|a likes b|d knows a",
    "test": "c likes a|e hates a|a likes c",
}


@pytest.fixture
def small(tiny):
    for split, rows in SPLITS.items():
        (tiny / f"{split}.txt").write_text("".join("\t".join(row.split()) + "\n" for row in rows.split("|")))
    (tiny / "entities.tsv").write_text("a\tAnna\nb\tBerta\nc\tCecilia\nd\tDora\ne\tEmil\nz\tnobody\n")
    (tiny / "text.tsv").write_text("b\tsister of anna\na\tmother\n")
    return tiny


def rows(found: Audit) -> dict[str, dict[str, int]]:
    """Checks that found something, as rows by split."""
    return {s: {c: f.rows for c, f in split.found.items() if f.rows} for s, split in found.splits.items()}


def test_rows_and_distinct_triples_of_every_check(small):
    found = audit_folder(small)
    assert [(split.rows, split.distinct) for split in found.splits.values()] == [(5, 4), (4, 3), (3, 3)]
    assert rows(found) == {
        "train": {"repeated": 1, "self_loop": 1},
        "valid": {"repeated": 1, "in_train": 2, "reversed_in_train": 1, "unseen_entity": 1, "text_names_tail": 1}
        | {"text_names_head": 2},
        "test": {"in_train": 1, "pair_in_train": 1, "reversed_in_train": 2, "unseen_entity": 1, "unseen_relation": 1},
    }
    in_train = found.splits["valid"].found["in_train"]
    assert (in_train.rows, in_train.distinct) == (2, 1)


def test_examples_name_lines_and_the_row_that_they_clash_with(small):
    found = audit_folder(small).splits
    assert found["train"].found["repeated"].examples == ("train.txt:3, train.txt:1: a likes b",)
    assert found["valid"].found["in_train"].examples == tuple(
        f"valid.txt:{line}, train.txt:1: a likes b" for line in (2, 3)
    )
    assert found["valid"].found["unseen_entity"].examples == ("valid.txt:4: d knows a",)
    assert found["test"].found["reversed_in_train"].examples[0] == "test.txt:1, train.txt:2: c likes a / a likes c"
    assert found["test"].found["pair_in_train"].examples == ("test.txt:1, train.txt:4: c likes a / c knows a",)


def test_no_more_than_three_examples_are_given(tiny):
    (tiny / "test.txt").write_text("a\tlikes\tb\n" * 9)
    assert len(audit_folder(tiny).splits["test"].found["in_train"].examples) == 3


def test_entities_and_relations_that_train_lacks(small):
    found = audit_folder(small)
    assert found.only_outside_train == {"entities": Names(2, ("d", "e")), "relations": Names(1, ("hates",))}
    assert found.in_no_triple == {"entities": Names(1, ("z",)), "relations": Names(0, ())}


def test_how_train_triples_spread(small):
    found = audit_folder(small)  # a: 4, b: 3, of which one with itself, c: 2, d, e, z: 0; likes: 3, knows: 2
    assert (found.degree.least, found.degree.median, found.degree.most) == (0, 1.0, 4)
    assert (found.degree.none, found.degree.rare) == (3, 6)
    assert found.degree.mean == pytest.approx(9 / 6)
    assert (found.frequency.least, found.frequency.median, found.frequency.most) == (0, 2.0, 3)


def test_relations_are_counted_by_split_check_and_class(small):
    found = audit_folder(small)
    likes = next(relation for relation in found.by_relation if relation.relation == "likes")
    assert (likes.cardinality, likes.tails_per_head, likes.heads_per_tail) == ("1-N", 2.0, 1.0)
    assert likes.rows == {"train": 3, "valid": 3, "test": 2}
    assert {c: n for c, n in likes.test.items() if n} == {"in_train": 1, "pair_in_train": 1, "reversed_in_train": 2}
    assert found.by_cardinality()["1-N"] == {"relations": 1, "train": 3, "valid": 3, "test": 2}
    assert found.by_cardinality()["not in train"] == {"relations": 1, "train": 0, "valid": 0, "test": 1}


def test_what_a_record_keeps_are_numbers_that_add_up(small):
    found = audit_folder(small)
    kept = json.loads(json.dumps(found.counts()))
    assert kept["splits"]["valid"]["in_train"] == 2
    assert kept["only_outside_train"] == {"entities": 2, "relations": 1}
    assert sum(row["train"] for row in kept["by_cardinality"].values()) == kept["splits"]["train"]["rows"] == 5
    assert "examples" not in json.dumps(kept)


def test_without_texts_nothing_is_said_of_them(dataset_of):
    found = audit(dataset_of(3, 1, [(0, 0, 1)], [(1, 0, 2)], [(2, 0, 0)]))
    assert "text_names_tail" not in found.splits["test"].found
    assert json.dumps(asdict(found))


# The benchmarks, where they are at hand

TRUTHS = {
    "db15k": {
        "valid repeated": (2423, 1520), "valid in_train": (8719, 6584), "valid in_test": (1105, 824),
        "test in_valid": (824, 824), "test in_train": (0, 0), "valid unseen_entity": (3, 3),
        "test unseen_entity": (77, 77), "test pair_in_train": (2519, 2519), "test reversed_in_train": (678, 678),
    },
    "mkg-w": {
        "valid in_train": (0, 0), "valid unseen_entity": (333, 333), "test unseen_entity": (306, 306),
        "test pair_in_train": (449, 449), "test reversed_in_train": (224, 224),
    },
    "mkg-y": {
        "test in_valid": (0, 0), "valid unseen_entity": (400, 400), "test unseen_entity": (388, 388),
        "test pair_in_train": (704, 704), "test reversed_in_train": (50, 50),
    },
    "wn18": {"test pair_in_train": (24, 24), "test reversed_in_train": (4698, 4698), "test unseen_entity": (0, 0)},
    "fb15k-237": {"test pair_in_train": (0, 0), "test reversed_in_train": (0, 0), "test unseen_entity": (28, 28)},
    "worldfacts": {"test reversed_in_train": (87, 87), "test unseen_entity": (0, 0), "valid in_train": (0, 0)},
}  # fmt: skip
# self-loops of all splits; median and largest degree; entities and relations only in valid or test
SHAPES = {
    "db15k": (1228, 8, 6777, 57, 6), "mkg-w": (70, 3, 3534, 491, 1), "mkg-y": (0, 2, 78, 612, 0),
    "wn18": (9, 4, 961, 0, 0), "fb15k-237": (1806, 22, 7613, 36, 0),
}  # fmt: skip
TWINS = {
    "wn18": {
        ("inverse", "_hypernym", "_hyponym"),
        ("symmetric", "_derivationally_related_form", "_derivationally_related_form"),
    },
    "worldfacts": {("symmetric", "borders", "borders")},
}


@pytest.mark.parametrize("name", TRUTHS)
def test_the_known_defects_of_a_benchmark_are_found(real_data, name: str):
    found = audit_folder(real_data(name))
    checks = {f"{s} {c}": (f.rows, f.distinct) for s, split in found.splits.items() for c, f in split.found.items()}
    assert {check: checks[check] for check in TRUTHS[name]} == TRUTHS[name]
    loops = sum(split.found["self_loop"].rows for split in found.splits.values())
    outside = (found.only_outside_train[what].count for what in ("entities", "relations"))
    shape = (loops, found.degree.median, found.degree.most, *outside)
    assert shape == SHAPES.get(name, shape)
    assert found.modalities[0].share == 1  # texts
    assert {(twin.kind, twin.relation, twin.other) for twin in found.twins} >= TWINS.get(name, set())
