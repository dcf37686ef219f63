"""What an audit's warnings say, and when they keep silent."""

from __future__ import annotations

import pytest

from dsomgnn.data.audit.audit import audit, audit_folder
from dsomgnn.data.audit.coverage import Coverage
from dsomgnn.data.audit.verdict import warnings

CHAIN = [(i, 0, i + 1) for i in range(60)]


def said(dataset, **more) -> list[str]:
    return [line.split(":")[0] for line in warnings(audit(dataset, **more))]


def test_a_sound_data_set_gets_no_warning(worldfacts, dataset_of):
    assert warnings(audit_folder(worldfacts)) == ()
    assert said(dataset_of(61, 1, CHAIN, [(0, 0, 2)], [(0, 0, 3)])) == []


def test_a_valid_split_that_stands_in_train_cannot_select_models(dataset_of):
    [line] = warnings(audit(dataset_of(61, 1, CHAIN, [(0, 0, 1), (0, 0, 2)], [(0, 0, 3)])))
    assert line == (
        "valid.txt cannot select models: 1 of its 2 distinct triples stand in train; say [data] holdout = 0.05"
    )


def test_a_small_overlap_is_told_as_small(dataset_of):
    valid = [CHAIN[0]] + [(i, 0, i + 2) for i in range(50)]
    assert said(dataset_of(61, 1, CHAIN, valid, [(0, 0, 3)])) == [
        "valid.txt gives validation figures that are too high"
    ]


@pytest.mark.parametrize(
    ("valid", "test", "told"),
    [
        ([(0, 0, 2)], [(0, 0, 1)], "test.txt gives figures that are too high"),
        ([(0, 0, 2)], [(0, 0, 2)], "models are selected on what they are tested on"),
        ([(0, 0, 2), (0, 0, 2)], [(0, 0, 3)], "valid.txt"),
        ([(0, 0, 2)], [(0, 0, 61)], "1 of 62 entities occur only in valid or test (0 and 1 triples)"),
        ([(0, 1, 2)], [(0, 0, 3)], "1 of 2 relations occur only in valid or test (1 and 0 triples)"),
    ],
)
def test_overlaps_repeats_and_what_train_lacks_are_told(dataset_of, valid, test, told):
    relations = 1 + max(r for _, r, _ in valid)
    entities = 1 + max(60, *(t for _, _, t in test))
    assert said(dataset_of(entities, relations, CHAIN, valid, test)) == [told]


@pytest.mark.parametrize(
    ("known", "rows", "told"),
    [
        (10, 10, ["10 of 10 test pairs (100%) stand reversed in train"]),
        (9, 9, []),  # too few to speak of a share
        (10, 110, []),  # a small share
    ],
)
def test_pairs_that_stand_reversed_in_train_are_told_from_a_tenth(dataset_of, known: int, rows: int, told: list[str]):
    test = [(i + 1, 0, i) for i in range(known)] + [(i, 0, i + 2) for i in range(rows - known)]
    assert said(dataset_of(121, 1, [(i, 0, i + 1) for i in range(120)], [(0, 0, 5)], test)) == told


def test_pairs_known_by_another_relation_are_told(dataset_of):
    data = dataset_of(61, 2, [*CHAIN, (50, 1, 60)], [(0, 0, 5)], [(i, 1, i + 1) for i in range(10)])
    assert said(data) == ["10 of 10 test pairs (100%) stand in train under another relation"]


def test_texts_that_name_the_answer_are_told(dataset_of):
    data = dataset_of(61, 1, CHAIN, [(0, 0, 5)], [(i, 0, i + 2) for i in range(10)])
    names = [f"name{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(61)]
    entities = type(data.entities)(data.entities.ids, tuple(names))
    data = type(data)("made", data.folder, entities, data.relations, data.train, data.valid, data.test)
    texts = [f"leads to {names[(i + 2) % 61]}" for i in range(61)]
    assert said(data, texts=texts) == ["texts name the answer of 10 of 20 test queries (50%)"]
    assert said(data, texts=[""] * 61) == []


@pytest.mark.parametrize(
    ("modality", "told"),
    [
        (Coverage("x.npy", "array", 6, 0.0984, 0), ["x.npy covers 6 of 61 entities (9.8%)"]),
        (Coverage("x.npy", "array", 61, 1.0, 0), []),
        (Coverage("x.npy", "array", None, None, None), []),
        (Coverage("x.npy", "array", defect="x.npy, 3 rows"), ["x.npy, 3 rows; fit refuses it"]),
        (Coverage("i.tsv", "pictures", 61, 1.0, 0, {"missing_files": 2}), ["i.tsv names 2 files that are not there"]),
        (Coverage("text.tsv", "text", 61, 1.0, 0, {"entities_with_repeated_text": 30}), ["text.tsv"]),
        (Coverage("text.tsv", "text", 61, 1.0, 0, {"entities_with_repeated_text": 6}), []),
    ],
)
def test_modalities_that_are_broken_scarce_or_say_nothing_are_told(dataset_of, modality: Coverage, told: list[str]):
    data = dataset_of(61, 1, CHAIN, [(0, 0, 2)], [(0, 0, 3)])
    assert said(data, modalities=(modality,)) == told
