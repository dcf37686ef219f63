"""Paired tests: exact where they can be worked out, near to the textbook's where they are drawn."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dsomgnn.rank.paired import METRICS, metric_values, over_seeds, paired

RANK = st.integers(1, 12)


def everything(n: int) -> dict[str, torch.Tensor]:
    return {"all": torch.ones(n, dtype=torch.bool)}


def by_ranks(baseline: list[float], other: list[float], unit: list[int], resamples: int = 400, **slices):
    """`paired` of ranks of one run each, on all queries and on slices given as lists of 0 and 1."""
    values = [metric_values(torch.tensor(ranks, dtype=torch.double)) for ranks in (baseline, other)]
    masks = {name: torch.tensor(mask, dtype=torch.bool) for name, mask in slices.items()}
    return paired(*values, torch.tensor(unit), {**everything(len(unit)), **masks}, resamples)


def test_values_are_those_that_metrics_are_means_of():
    assert metric_values(torch.tensor([1.0, 2.5, 10.0])).tolist() == [
        [1.0, 1, 1, 1],
        [0.4, 0, 1, 1],
        [0.1, 0, 0, 1],
    ]
    runs = torch.tensor([[1.0, 4.0], [2.0, 4.0]])
    assert metric_values(runs).tolist() == [[0.75, 0.5, 1, 1], [0.25, 0, 0, 1]]


def test_a_difference_counts_triples_by_the_sum_of_their_queries():
    # triples 0 and 1 with both queries, 2 with one; the first gets better by more than it gets worse
    found = by_ranks([2, 1, 4, 4, 1], [1, 2, 2, 4, 2], [0, 1, 0, 1, 2], tail=[1, 1, 0, 0, 0])
    mrr = found["all"]["mrr"]
    assert (mrr.better, mrr.worse, mrr.equal, mrr.queries) == (1, 2, 0, 5)
    assert mrr.baseline == pytest.approx((0.5 + 1 + 0.25 + 0.25 + 1) / 5)
    assert mrr.difference == pytest.approx((0.5 - 0.5 + 0.25 + 0 - 0.5) / 5)
    tail = found["tail"]["mrr"]
    assert (tail.better, tail.worse, tail.equal, tail.queries) == (1, 1, 0, 2)
    assert tail.difference == 0
    assert tail.noise


def test_what_cancels_within_a_triple_is_equal():
    found = by_ranks([3, 2], [2, 3], [0, 0])["all"]
    assert all((d.better, d.worse, d.equal, d.p, d.sign_p) == (0, 0, 1, 1.0, 1.0) for d in found.values())


@given(st.lists(st.tuples(RANK, RANK), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_swapping_both_turns_the_sign_and_nothing_else(ranks: list[tuple[int, int]]):
    first, second = (list(side) for side in zip(*ranks, strict=True))
    unit = list(range(len(ranks)))
    there, back = (by_ranks(*sides, unit, 200)["all"] for sides in ((first, second), (second, first)))
    for metric in METRICS:
        a, b = there[metric], back[metric]
        assert a.difference == pytest.approx(-b.difference, abs=1e-12)
        assert (a.low, a.high) == (pytest.approx(-b.high, abs=1e-12), pytest.approx(-b.low, abs=1e-12))
        assert (a.better, a.worse, a.equal) == (b.worse, b.better, b.equal)
        assert (a.sign_p, a.noise) == (b.sign_p, b.noise)
        assert 0 < a.p <= 1


def test_the_sign_test_is_the_binomial():
    found = by_ranks([2] * 10, [1] * 8 + [3] * 2, list(range(10)))["all"]["mrr"]
    assert found.sign_p == pytest.approx(sum(math.comb(10, k) for k in (0, 1, 2, 8, 9, 10)) / 2**10)


def test_the_interval_is_near_to_that_of_the_t_test_for_many_triples():
    generator = torch.Generator().manual_seed(3)
    first = torch.randint(1, 30, (4000,), generator=generator).double()
    second = (first + torch.randint(-2, 3, (4000,), generator=generator)).clamp(min=1)
    found = by_ranks(first.tolist(), second.tolist(), list(range(4000)), 2000)["all"]["mrr"]
    test = stats.ttest_1samp((1 / second - 1 / first).numpy(), 0)
    low, high = test.confidence_interval(0.95)
    assert (found.low, found.high) == (
        pytest.approx(low, abs=0.15 * (high - low)),
        pytest.approx(high, abs=0.15 * (high - low)),
    )


def test_queries_of_one_triple_are_drawn_together():
    """Twice the same query is no more evidence than once."""
    generator = torch.Generator().manual_seed(1)
    first, second = torch.randint(1, 9, (2, 300), generator=generator).double().tolist()
    once = by_ranks(first, second, list(range(300)))["all"]["mrr"]
    twice = by_ranks(first * 2, second * 2, list(range(300)) * 2)["all"]["mrr"]
    assert (twice.low, twice.high, twice.p) == (pytest.approx(once.low), pytest.approx(once.high), once.p)
    apart = by_ranks(first * 2, second * 2, list(range(600)))["all"]["mrr"]
    assert apart.high - apart.low < 0.85 * (once.high - once.low)


def test_noise_is_called_so_about_nineteen_times_in_twenty():
    generator = torch.Generator().manual_seed(5)
    found = []
    for _ in range(100):
        first, second = torch.randint(1, 20, (2, 150), generator=generator).double().tolist()
        found.append(by_ranks(first, second, list(range(150)), 200)["all"]["mrr"].noise)
    assert 85 <= sum(found) <= 100


def test_a_clear_difference_is_not_called_noise():
    found = by_ranks([3.0] * 50 + [1.0] * 10, [2.0] * 50 + [1.0] * 10, list(range(60)))["all"]["mrr"]
    assert not found.noise
    assert found.p < 0.01


def test_a_slice_that_a_resample_may_miss_has_an_interval_still():
    found = by_ranks([2] * 60, [1] + [2] * 59, list(range(60)), one=[1] + [0] * 59)["one"]["mrr"]
    assert (found.low, found.high) == (0.5, 0.5)


def test_over_seeds_is_the_paired_t_test_or_welchs():
    a, b = [0.40, 0.42, 0.41], [0.43, 0.44, 0.45]
    test = stats.ttest_rel(b, a).confidence_interval(0.95)
    spread = over_seeds(a, b)
    assert spread.pairs == (pytest.approx(0.03), pytest.approx(0.02), pytest.approx(0.04))
    assert (spread.low, spread.high) == (pytest.approx(test.low), pytest.approx(test.high))
    assert not spread.noise
    test = stats.ttest_ind([*b, 0.1], a, equal_var=False).confidence_interval(0.95)
    spread = over_seeds(a, [*b, 0.1])
    assert spread.pairs == ()
    assert (spread.low, spread.high) == (pytest.approx(test.low), pytest.approx(test.high))
    assert spread.noise


def test_over_seeds_says_nothing_of_single_runs_and_is_sure_where_seeds_agree_exactly():
    assert over_seeds([0.4], [0.5, 0.6]) is None
    same = over_seeds([0.25, 0.5], [0.5, 0.75])
    assert (same.mean, same.low, same.high, same.noise) == (0.25, 0.25, 0.25, False)


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.1, -0.08])
def test_p_is_near_to_that_of_the_two_sided_t_test(shift: float):
    drawn = torch.randn(500, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    gain = drawn - drawn.mean() + shift
    values = gain[:, None].expand(-1, len(METRICS))
    found = paired(torch.zeros_like(values), values, torch.arange(500), everything(500), 4000)["all"]["mrr"]
    assert found.p == pytest.approx(stats.ttest_1samp(gain, 0).pvalue, rel=0.25, abs=0.02)
