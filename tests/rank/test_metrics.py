"""Metrics by hand."""

from __future__ import annotations

import pytest
import torch

from dsomgnn.rank.metrics import metrics, mrr, summary
from dsomgnn.rank.ranks import Ranks


def test_metrics_by_hand():
    found = metrics(torch.tensor([1.0, 2, 4, 20]))
    assert found == pytest.approx({"mrr": 0.45, "mr": 6.75, "hits@1": 0.25, "hits@3": 0.5, "hits@10": 0.75, "n": 4})


def test_a_tied_rank_counts_as_it_stands():
    """Ranks 1.5 and 3.5 are not in the first 1 and 3."""
    found = metrics(torch.tensor([1.5, 3.5]).double())
    assert (found["hits@1"], found["hits@3"], found["hits@10"]) == (0, 0.5, 1)


def test_no_query_gives_zeros():
    assert set(metrics(torch.empty(0).double()).values()) == {0.0}


@pytest.fixture
def ranks() -> Ranks:
    """Two tails, then two heads; relations 0 and 2 (1 is never asked)."""
    low, high = torch.tensor([1, 2, 4, 10]).double(), torch.tensor([1, 6, 4, 30]).double()
    return Ranks(low, high, torch.tensor([0, 2, 0, 2]), torch.tensor([1, 1, 0, 0]), torch.zeros(4))


def test_summary_by_hand(ranks):
    found = summary(ranks, ["a", "b", "c"])
    assert found["both"]["mrr"] == mrr(ranks) == pytest.approx((1 + 1 / 4 + 1 / 4 + 1 / 20) / 4)
    assert found["tail"]["mrr"] == pytest.approx((1 + 1 / 4) / 2)
    assert found["head"]["mrr"] == pytest.approx((1 / 4 + 1 / 20) / 2)
    assert found["head"]["hits@10"] == 0.5
    assert [found[side]["n"] for side in ("both", "head", "tail")] == [4, 2, 2]
    assert found["relations"] == {
        "a": {"mrr": pytest.approx(5 / 8), "n": 2},
        "c": {"mrr": pytest.approx((1 / 4 + 1 / 20) / 2), "n": 2},
    }
    assert found["ties"]["optimistic"] == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 10) / 4)
    assert found["ties"]["pessimistic"] == pytest.approx((1 + 1 / 6 + 1 / 4 + 1 / 30) / 4)


@pytest.mark.parametrize("ties", ["optimistic", "realistic", "pessimistic"])
def test_the_reading_of_ties_decides_every_number(ranks, ties):
    found = summary(ranks, ["a", "b", "c"], ties)
    assert found["both"]["mrr"] == found["ties"][ties]
    assert found["relations"]["c"]["mrr"] == pytest.approx(ranks.by(ties)[[1, 3]].reciprocal().mean().item())
