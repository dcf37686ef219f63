"""REINFORCE against enumeration of all sets."""

import itertools

import pytest
import torch

from dsomgnn.distill.agent import Agent, AgentOptions
from dsomgnn.distill.policy import Policy, entropy, greedy, log_prob, sample
from dsomgnn.distill.reinforce import Baseline, policy_loss, rollout

SETS = [torch.tensor(s, dtype=torch.float64) for s in itertools.product([0, 1], repeat=3)]


def test_reinforce_is_the_exact_policy_gradient_in_the_mean():
    """Sum over all 8 sets of pi(a) (R(a) - b) grad log pi(a) against the mean of sampled gradients."""
    torch.manual_seed(0)
    rows = 6
    logits = torch.randn(rows, 3, dtype=torch.float64, requires_grad=True)
    mask = torch.ones(rows, 3, dtype=torch.float64)
    mask[0, 1] = 0
    table = torch.rand(rows, 8, dtype=torch.float64)
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
    assert (greedy(agent.policy(state), mask) == best).all(1).float().mean() > 0.95


@pytest.mark.parametrize(("delta", "reward"), [([-5.0, -0.1], [0, 0]), ([0.0, 9.0], [0, 1])])
def test_reward_only_where_a_set_benefits_the_student(delta, reward):
    baseline = Baseline(scale=2.0)
    assert baseline.reward(torch.tensor(delta)).tolist() == reward


def test_reward_grows_with_the_improvement_up_to_one_standard_deviation():
    torch.testing.assert_close(Baseline(scale=2.0).reward(torch.tensor([0.5, 1.0])), torch.tensor([0.25, 0.5]))
