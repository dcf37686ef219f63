"""Sets of teachers: their probabilities, masks and weights."""

import itertools

import pytest
import torch

from dsomgnn.distill.policy import Policy, divergence, entropy, greedy, log_prob, merged_weights, sample, set_weights

LOGITS = torch.tensor([[0.3, -1.2, 2.0], [0.0, 0.5, -0.4]], dtype=torch.float64)
MASK = torch.tensor([[1, 1, 1], [1, 0, 1]], dtype=torch.float64)
SETS = torch.tensor(list(itertools.product([0, 1], repeat=3)), dtype=torch.float64)


def all_log_probs(logits, mask):
    """Log probability of each of the 8 sets, (B, 8), -inf for sets that the mask forbids."""
    rows = [log_prob(logits, mask, s.expand_as(logits)) for s in SETS]
    forbidden = (SETS[None] > mask[:, None]).any(2)
    return torch.stack(rows, 1).masked_fill(forbidden, -torch.inf)


def test_probabilities_of_the_sets_sum_to_one_under_the_mask():
    torch.testing.assert_close(all_log_probs(LOGITS, MASK).exp().sum(1), torch.ones(2, dtype=torch.float64))


def test_entropy_is_that_of_the_sets():
    log_p = all_log_probs(LOGITS, MASK)
    plain = -(log_p.exp() * log_p.masked_fill(log_p.isinf(), 0)).sum(1)
    torch.testing.assert_close(entropy(LOGITS, MASK), plain)


def test_samples_follow_the_probabilities_and_never_break_the_mask():
    torch.manual_seed(0)
    drawn = torch.stack([sample(LOGITS, MASK) for _ in range(8000)])
    assert drawn[:, 1, 1].sum() == 0
    torch.testing.assert_close(drawn.mean(0), LOGITS.sigmoid() * MASK, atol=0.02, rtol=0)


def test_greedy_takes_what_is_more_likely_than_not():
    assert greedy(LOGITS, MASK).tolist() == [[1, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("prior", [0.5, 0.9])
def test_a_new_policy_takes_every_teacher_with_the_prior_probability(prior):
    torch.testing.assert_close(Policy(5, 3, prior=prior)(torch.randn(4, 5)).sigmoid(), torch.full((4, 3), prior))


@pytest.mark.parametrize("prior", [0.5, 0.9, 0.2])
def test_divergence_is_that_of_the_sets_from_those_of_the_prior(prior):
    log_p = all_log_probs(LOGITS, MASK)
    log_q = all_log_probs(torch.full_like(LOGITS, prior).logit(), MASK)
    plain = (log_p.exp() * (log_p - log_q).nan_to_num(0, 0, 0)).sum(1)
    torch.testing.assert_close(divergence(LOGITS, MASK, prior), plain)
    assert divergence(torch.full_like(LOGITS, prior).logit(), MASK, prior).abs().max() < 1e-12


def test_weights_of_a_set_are_equal_and_of_the_empty_set_zero():
    action = torch.tensor([[1.0, 1, 0], [0, 0, 0], [0, 0, 1]])
    assert set_weights(action).tolist() == [[0.5, 0.5, 0], [0, 0, 0], [0, 0, 1]]


def test_a_merged_row_averages_the_sets_of_its_triples_that_chose_one():
    action = torch.tensor([[1.0, 0], [1, 1], [0, 0], [0, 0]])
    weights, number = merged_weights(action, torch.tensor([0, 0, 0, 1]), 2)
    assert weights.tolist() == [[0.75, 0.25], [0, 0]]
    assert number.tolist() == [2, 0]
