"""Slices by hand."""

from __future__ import annotations

import torch

from dsomgnn.rank.metrics import summary
from dsomgnn.rank.ranks import Ranks
from dsomgnn.rank.slices import unseen_slices

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
    ranks = Ranks(rank, rank, torch.tensor([0, 0, 1, 0, 0, 1]), torch.tensor([1, 1, 1, 0, 0, 0]))
    slices = summary(ranks, ["a", "b"], slices=unseen_slices(TRIPLES, UNSEEN))["slices"]
    assert slices["all entities seen"]["mrr"] == 1
    assert slices["- as the answer"] == {
        "mrr": (1 / 4 + 1 / 10) / 2, "mr": 7.0, "hits@1": 0.0, "hits@3": 0.0, "hits@10": 1.0, "n": 2
    }  # fmt: skip
