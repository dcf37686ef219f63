"""Who teaches each triple: the trained agent, or one of the controls that stand in for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dsomgnn.distill.policy import Policy, greedy, sample
from dsomgnn.distill.reinforce import Baseline, Rollout, policy_loss, rollout


@dataclass(frozen=True)
class AgentOptions:
    """How the policy learns; see the recipe's [agent] section."""

    reward: str = "log-probability"
    baseline: str = "mean"
    rows: int = 256
    entropy: float = 0.1
    lr: float = 1e-3
    clip: float = 1.0
    credit: str = "mean"
    prior: float = 0.9


class FixedChoice:
    """all, random (a fair coin per teacher), or single:NAME; a teacher with nothing to say is left out."""

    def __init__(self, kind: str, names: list[str]):
        self.kind = kind
        self.only = names.index(kind.removeprefix("single:")) if kind.startswith("single:") else None

    def choose(self, mask: Tensor) -> Tensor:
        if self.kind == "random":
            return torch.bernoulli(torch.full_like(mask, 0.5)) * mask
        if self.only is not None:
            mask = mask * (torch.arange(mask.shape[1], device=mask.device) == self.only)
        return mask


@dataclass
class Agent:
    """The policy with its optimiser and running baseline."""

    kind = "reinforce"

    policy: Policy
    options: AgentOptions
    baseline: Baseline = field(default_factory=Baseline)

    def __post_init__(self) -> None:
        self.optimiser = torch.optim.Adam(self.policy.parameters(), lr=self.options.lr)

    @torch.no_grad()
    def choose(self, state: Tensor, mask: Tensor) -> Tensor:
        """A random set per state (T, F), (T, K)."""
        return sample(self.policy(state), mask)

    def learn(self, state: Tensor, mask: Tensor, delta: Any) -> Rollout:
        """One REINFORCE step. `delta(action)` (B,) says what a set of teachers did for the student."""
        logits = self.policy(state)
        action = sample(logits.detach(), mask)
        change = delta(action)
        self.baseline.see_scale(change)
        reward = self.baseline.reward(change)
        if self.options.baseline == "greedy":
            against: Tensor | float = self.baseline.reward(delta(greedy(logits.detach(), mask)))
        else:
            against = self.baseline.mean
        self.baseline.see_reward(reward)
        result = rollout(logits, mask, action, reward, against, self.options.prior)
        self.optimiser.zero_grad()
        policy_loss(result, self.options.entropy).backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.options.clip)
        self.optimiser.step()
        return result
