"""REINFORCE for the policy: reward only where a set of teachers benefits the student."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from dsomgnn.distill.policy import divergence, entropy, log_prob


@dataclass(frozen=True)
class Rollout:
    """One round of choices: `action` (B, K), the rest (B,). `divergence`: from the prior."""

    action: Tensor
    log_prob: Tensor
    entropy: Tensor
    divergence: Tensor
    reward: Tensor
    advantage: Tensor


@dataclass
class Baseline:
    """Running scale of delta and running mean of the reward (exponential, over rows of past rounds)."""

    scale: float = 0.0
    mean: float = 0.0
    rounds: int = 0
    decay: float = 0.95

    def reward(self, delta: Tensor) -> Tensor:
        """clip(delta / std, 0, 1): nothing for sets that do not benefit the student."""
        return (delta / max(self.scale, 1e-12)).clamp(0, 1)

    def see_scale(self, delta: Tensor) -> None:
        value = delta.std().item() if len(delta) > 1 else abs(delta.item())
        self.scale = value if self.rounds == 0 else self.decay * self.scale + (1 - self.decay) * value

    def see_reward(self, reward: Tensor) -> None:
        value = reward.mean().item()
        self.mean = value if self.rounds == 0 else self.decay * self.mean + (1 - self.decay) * value
        self.rounds += 1


def rollout(
    logits: Tensor, mask: Tensor, action: Tensor, reward: Tensor, against: Tensor | float, prior: float = 0.5
) -> Rollout:
    """Put a round together; `against` is the baseline, a number or one per row."""
    own = log_prob(logits, mask, action), entropy(logits, mask), divergence(logits, mask, prior)
    return Rollout(action, *own, reward, (reward - against).detach())


def policy_loss(rollout: Rollout, pull: float) -> Tensor:
    """REINFORCE (Williams 1992): -mean(advantage * log prob) + pull * mean divergence from the prior. Where that is
    one half, this is an entropy bonus."""
    return -(rollout.advantage * rollout.log_prob).mean() + pull * rollout.divergence.mean()
