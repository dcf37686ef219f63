"""REINFORCE against enumeration of all sets, and an agent's steps by hand."""

import itertools

import pytest
import torch
from torch import nn

from dsomgnn.distill.agent import Agent, AgentOptions
from dsomgnn.distill.policy import Policy, entropy, greedy, log_prob, sample
from dsomgnn.distill.reinforce import Baseline, policy_loss, rollout

WORTH = torch.tensor([1.0, -0.5, 0.3])  # of each teacher
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


def test_running_means_are_exponential_and_begin_with_the_first_round():
    baseline = Baseline()
    for values in ([1.0, 3.0], [5.0, 9.0]):
        baseline.see_scale(torch.tensor(values))
        baseline.see_reward(torch.tensor(values))
    assert baseline.scale == pytest.approx(0.95 * 2**0.5 + 0.05 * 8**0.5)
    assert baseline.mean == pytest.approx(0.95 * 2 + 0.05 * 7)


def worth(action: torch.Tensor) -> torch.Tensor:
    return action @ WORTH


def drawn_agent(**options: object) -> tuple[Agent, torch.Tensor, torch.Tensor]:
    """An agent with 64 states and their masks."""
    torch.manual_seed(0)
    return Agent(Policy(2, 3), AgentOptions(**options)), torch.randn(64, 2), torch.ones(64, 3)


@pytest.mark.parametrize("kind", ["mean", "greedy"])
def test_an_advantage_is_over_the_mean_of_past_rounds_or_the_greedy_set(kind):
    agent, state, mask = drawn_agent(baseline=kind, lr=0.05)

    def reward(action):
        return (worth(action) / agent.baseline.scale).clamp(0, 1)

    for _ in range(3):
        past, logits = agent.baseline.mean, agent.policy(state).detach()
        found = agent.learn(state, mask, worth)
        torch.testing.assert_close(found.reward, reward(found.action))
        against = past if kind == "mean" else reward(greedy(logits, mask))
        torch.testing.assert_close(found.advantage, found.reward - against)
    assert 0 < agent.baseline.mean < 1


@pytest.mark.parametrize("clip", [100.0, 1e-3])
def test_an_agent_moves_along_the_clipped_gradient_of_its_last_round_alone(clip):
    agent, state, mask = drawn_agent(lr=0.0, entropy=0.3, clip=clip, prior=0.8)
    nn.init.normal_(agent.policy.net[2].weight)
    for _ in range(2):
        found = agent.learn(state, mask, worth)
    again = rollout(agent.policy(state), mask, found.action, found.reward, found.reward - found.advantage, 0.8)
    wanted = torch.autograd.grad(policy_loss(again, 0.3), list(agent.policy.parameters()))
    length = sum(gradient.square().sum() for gradient in wanted).sqrt().item()
    for p, gradient in zip(agent.policy.parameters(), wanted, strict=True):
        torch.testing.assert_close(p.grad, gradient * min(1.0, clip / length), rtol=1e-3, atol=1e-8)
