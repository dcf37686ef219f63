"""Bootstrap intervals: paired draws, known spreads, slices."""

from __future__ import annotations

import pytest
import torch

from dsomgnn.rank import intervals
from dsomgnn.rank.intervals import bootstrapped, interval, slice_intervals, triple_values


@pytest.fixture
def ranks() -> torch.Tensor:
    """Of 400 triples, tails first."""
    return torch.randint(1, 50, (800,), generator=torch.Generator().manual_seed(0)).double()


def test_a_triple_counts_as_the_mean_of_both_its_queries():
    values = triple_values(torch.tensor([1.0, 2, 4, 20]).double())  # tails of two triples, then their heads
    assert values["mrr"].tolist() == pytest.approx([(1 + 1 / 4) / 2, (1 / 2 + 1 / 20) / 2])
    assert {name: value.tolist() for name, value in values.items() if name != "mrr"} == {
        "hits@1": [0.5, 0], "hits@3": [0.5, 0.5], "hits@10": [1, 0.5]
    }  # fmt: skip


def test_an_interval_is_that_of_a_mean(ranks):
    value = triple_values(ranks)["mrr"]
    low, high = interval(bootstrapped({"mrr": value}, 4000)["mrr"])
    mean, error = value.mean().item(), value.std().item() / len(value) ** 0.5
    assert (low, high) == pytest.approx((mean - 1.96 * error, mean + 1.96 * error), abs=error / 4)


def test_draws_are_the_same_for_every_key_and_call(ranks):
    value = triple_values(ranks)["mrr"]
    found = bootstrapped({"a": value, "b": value + 0.25})
    assert (found["b"] - found["a"]).tolist() == pytest.approx([0.25] * 1000)
    assert torch.allclose(bootstrapped({"c": value})["c"], found["a"], rtol=1e-12)
    assert not torch.allclose(bootstrapped({"c": value}, seed=1)["c"], found["a"])


def test_pieces_draw_what_the_whole_draws(ranks, monkeypatch):
    value = triple_values(ranks)
    whole = bootstrapped(value, 50)
    monkeypatch.setattr(intervals, "AT_ONCE", 1000)
    assert all(torch.allclose(part, whole[name], rtol=1e-12) for name, part in bootstrapped(value, 50).items())


def test_a_slice_of_all_queries_has_the_interval_of_all(ranks):
    everything = torch.ones(800, dtype=torch.bool)
    few = everything.clone()
    few[10:] = False
    found = slice_intervals(ranks, {"all": everything, "few": few})
    assert found["all"] == pytest.approx(interval(bootstrapped(triple_values(ranks))["mrr"]))
    assert found["few"][1] - found["few"][0] > 3 * (found["all"][1] - found["all"][0])


def test_a_slice_of_one_query_has_no_spread(ranks):
    one = torch.zeros(800, dtype=torch.bool)
    one[3] = True
    assert slice_intervals(ranks, {"one": one})["one"] == pytest.approx([1 / ranks[3].item()] * 2)
