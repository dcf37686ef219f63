"""Slices by hand."""

from __future__ import annotations

from dataclasses import replace

import torch

from dsomgnn.rank.metrics import summary
from dsomgnn.rank.ranks import Ranks
from dsomgnn.rank.slices import all_slices, named, unseen_slices

TRIPLES = torch.tensor([[0, 0, 1], [3, 0, 1], [0, 1, 3]])  # of entities 0 to 3, of which 3 is unseen
UNSEEN = torch.tensor([False, False, False, True])


def test_a_query_is_unseen_by_its_answer_or_by_its_given_entity():
    """Queries: tails of the three triples, then their heads."""
    found = {name: mask.int().tolist() for name, mask in unseen_slices(TRIPLES, UNSEEN).items()}
    assert found == {
        "all entities seen": [1, 0, 0, 1, 0, 0],
        "an entity unseen": [0, 1, 1, 0, 1, 1],
        "- as the answer": [0, 0, 1, 0, 1, 0],
        "- as the given one": [0, 1, 0, 0, 0, 1],
    }


def test_where_all_was_seen_there_is_no_slice():
    assert unseen_slices(TRIPLES[:1], UNSEEN) == {}


def test_a_slice_has_the_metrics_of_its_own_queries():
    rank = torch.tensor([1, 2, 4, 1, 10, 5]).double()
    ranks = Ranks(rank, rank, torch.tensor([0, 0, 1, 0, 0, 1]), torch.tensor([1, 1, 1, 0, 0, 0]), rank)
    slices = summary(ranks, ["a", "b"], slices=unseen_slices(TRIPLES, UNSEEN))["slices"]
    assert slices["all entities seen"]["mrr"] == 1
    assert slices["- as the answer"] == {
        "mrr": (1 / 4 + 1 / 10) / 2, "mr": 7.0, "hits@1": 0.0, "hits@3": 0.0, "hits@10": 1.0, "n": 2
    }  # fmt: skip


# r0 is N-1: heads 0, 1, 2 share tail 3; r1 joins 3 and 0 once, the other way round than r0 does; entity 5 is unseen.
TRAIN = [[0, 0, 3], [1, 0, 3], [2, 0, 4], [3, 1, 0], [4, 1, 1], [2, 0, 3]]
TEST = [[1, 0, 4], [3, 1, 5], [0, 1, 3]]


def test_slices_of_a_small_graph_by_hand(dataset_of):
    data = dataset_of(6, 2, TRAIN, [], TEST)
    present = {"text": torch.tensor([True, True, True, True, False, False])}
    groups = all_slices(data, "test", present)
    found = {key: mask.int().tolist() for key, mask in named(groups).items()}
    assert found == {  # tails of the three triples, then their heads
        "cardinality: 1-1": [0, 1, 1, 0, 1, 1],
        "cardinality: N-1": [1, 0, 0, 1, 0, 0],
        "train triples of the answer: 0": [0, 1, 0, 0, 0, 0],
        "train triples of the answer: 1 to 3": [1, 0, 0, 1, 0, 1],
        "train triples of the answer: 4 to 10": [0, 0, 1, 0, 1, 0],
        "entities in train: all entities seen": [1, 0, 1, 1, 0, 1],
        "entities in train: an entity unseen": [0, 1, 0, 0, 1, 0],
        "entities in train: - as the answer": [0, 1, 0, 0, 0, 0],
        "entities in train: - as the given one": [0, 0, 0, 0, 1, 0],
        "text of the answer: present": [0, 0, 1, 1, 1, 1],
        "text of the answer: missing": [1, 1, 0, 0, 0, 0],
        "the pair, reversed: in train": [1, 0, 1, 1, 0, 1],
        "the pair, reversed: not in train": [0, 1, 0, 0, 1, 0],
        "the pair, by another relation: in train": [0, 0, 1, 0, 0, 1],
        "the pair, by another relation: not in train": [1, 1, 0, 1, 1, 0],
    }


def test_a_train_triple_of_an_answer_with_itself_is_one(dataset_of):
    data = dataset_of(6, 2, [*TRAIN, [4, 0, 4]], [], TEST)
    assert all_slices(data, "test")["train triples of the answer"]["1 to 3"].int().tolist() == [1, 0, 0, 1, 0, 1]


def test_a_group_that_tells_no_query_from_another_is_left_out(dataset_of):
    data = dataset_of(6, 2, TRAIN, [], TEST[:1])
    everyone = {"text": torch.ones(6, dtype=torch.bool)}
    assert set(all_slices(data, "test", everyone)) == set()


def test_texts_that_name_the_answer_are_a_slice_of_the_side_that_asks_for_it(dataset_of):
    data = dataset_of(6, 2, TRAIN, [], TEST)
    entities = type(data.entities)(data.entities.ids, ("Oslo", "Rome", "Kiel", "Bonn", "Bern", "Graz"))
    texts = ["", "a road from Bern", "", "", "", "trains to Bonn"]
    groups = all_slices(replace(data, entities=entities), "test", texts=texts)
    assert groups["the answer's name"]["in the given entity's text"].int().tolist() == [1, 0, 0, 0, 1, 0]
