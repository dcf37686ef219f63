"""REINFORCE against enumeration, the rewards against what they stand for."""

import itertools

import pytest
import torch

from dsomgnn.distill.agent import Agent, AgentOptions
from dsomgnn.distill.losses import LossWeights, distillation, mix
from dsomgnn.distill.policy import Policy, entropy, log_prob, sample, set_weights
from dsomgnn.distill.reinforce import (
    Baseline,
    geometric,
    improvement,
    log_probability_gain,
    policy_loss,
    rollout,
)  # fmt: skip

SETS = [torch.tensor(s, dtype=torch.float64) for s in itertools.product([0, 1], repeat=3)]


def rewards_of_sets(rows):
    generator = torch.Generator().manual_seed(1)
    table = torch.rand(rows, 8, generator=generator, dtype=torch.float64)
    code = torch.tensor([4, 2, 1], dtype=torch.float64)
    return table, lambda action: table.gather(1, (action @ code).long()[:, None])[:, 0]


def test_reinforce_is_the_exact_policy_gradient_in_the_mean():
    """Sum over all 8 sets of pi(a) (R(a) - b) grad log pi(a) against the mean of sampled gradients."""
    torch.manual_seed(0)
    rows = 6
    logits = torch.randn(rows, 3, dtype=torch.float64, requires_grad=True)
    mask = torch.ones(rows, 3, dtype=torch.float64)
    mask[0, 1] = 0
    table, reward = rewards_of_sets(rows)
    expected = sum(
        (log_prob(logits, mask, s.expand(rows, 3)).exp() * table[:, i] * (s <= mask).all(1)).sum()
        for i, s in enumerate(SETS)
    )
    exact = torch.autograd.grad(-expected / rows - 0.01 * entropy(logits, mask).mean(), logits)[0]
    copies = 40_000
    wide_logits, wide_mask = (x.repeat(copies, 1) for x in (logits, mask))
    table_wide = table.repeat(copies, 1)
    action = sample(wide_logits.detach(), wide_mask)
    chosen = table_wide.gather(1, (action @ torch.tensor([4.0, 2, 1], dtype=torch.float64)).long()[:, None])[:, 0]
    for baseline in (0.0, 0.5):  # a baseline changes the variance, not the mean
        loss = policy_loss(rollout(wide_logits, wide_mask, action, chosen, baseline), 0.01)
        sampled = torch.autograd.grad(loss, logits, retain_graph=True)[0]
        torch.testing.assert_close(sampled, exact, atol=1.5e-3, rtol=0)
    assert exact[0, 1] == 0, "a masked teacher gets no gradient"


def test_an_agent_learns_the_best_set_of_a_bandit():
    torch.manual_seed(0)
    best = torch.tensor([1.0, 0, 1])
    agent = Agent(Policy(2, 3), AgentOptions(lr=0.02, entropy=0.0))
    state, mask = torch.randn(64, 2), torch.ones(64, 3)
    for _ in range(400):
        agent.learn(state, mask, lambda action: 1.0 - (action - best).abs().sum(1))
    assert (agent.choose(state, mask, explore=False) == best).all(1).float().mean() > 0.95


def test_improvement_is_what_a_small_step_on_the_taught_loss_does_to_the_cross_entropy():
    torch.manual_seed(0)
    logits = torch.randn(4, 7, dtype=torch.float64)
    log_probs = torch.randn(2, 4, 7, dtype=torch.float64).log_softmax(2)
    action = torch.tensor([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=torch.float64)
    target, inside = torch.tensor([0, 3, 2, 6]), torch.rand(4, 7) < 0.4
    weights = LossWeights(tau=1.5, alpha=0.7, beta=2.0)
    found = improvement(logits, log_probs, action, target, inside, weights)
    step = 1e-6
    for i in range(3):
        row = logits[i : i + 1].clone().requires_grad_()
        soft = mix(log_probs[:, i : i + 1], set_weights(action[i : i + 1]))
        (gradient,) = torch.autograd.grad(distillation(row, soft, inside[i : i + 1], weights).sum(), row)
        before, after = (x.log_softmax(1)[0, target[i]] for x in (row.detach(), row.detach() - step * gradient))
        torch.testing.assert_close(found[i], (after - before) / step, rtol=1e-4, atol=1e-6)
    assert found[3] == 0, "an empty set does nothing"


def test_log_probability_gain_by_hand():
    log_probs = torch.tensor([[[0.8, 0.1, 0.1]], [[0.2, 0.4, 0.4]]], dtype=torch.float64).log()
    logits = torch.zeros(1, 3, dtype=torch.float64)
    one = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    both = geometric(log_probs, torch.tensor([[0.5, 0.5]], dtype=torch.float64))
    products = torch.tensor([0.8 * 0.2, 0.1 * 0.4, 0.1 * 0.4]).sqrt()
    torch.testing.assert_close(both.exp()[0].float(), products / products.sum())
    gain = log_probability_gain(logits, log_probs, one, torch.tensor([0]), 1.0)
    bar = torch.maximum(torch.tensor(1 / 3, dtype=torch.float64), both.exp()[0, 0]).log()
    torch.testing.assert_close(gain[0], log_probs[0, 0, 0] - bar)
    assert log_probability_gain(logits, log_probs, 0 * one, torch.tensor([0]), 1.0) == 0


@pytest.mark.parametrize(("delta", "reward"), [([-5.0, -0.1], [0, 0]), ([0.0, 9.0], [0, 1])])
def test_reward_only_where_a_set_benefits_the_student(delta, reward):
    baseline = Baseline(scale=2.0)
    assert baseline.reward(torch.tensor(delta)).tolist() == reward


def test_reward_grows_with_the_improvement_up_to_one_standard_deviation():
    torch.testing.assert_close(Baseline(scale=2.0).reward(torch.tensor([0.5, 1.0])), torch.tensor([0.25, 0.5]))
