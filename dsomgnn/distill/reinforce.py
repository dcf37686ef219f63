"""REINFORCE for the policy: reward only where a set of teachers benefits the student."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dsomgnn.distill.losses import LossWeights, distillation, mix
from dsomgnn.distill.policy import entropy, log_prob, set_weights


@dataclass(frozen=True)
class Rollout:
    """One round of choices: `action` (B, K), the rest (B,)."""

    action: Tensor
    log_prob: Tensor
    entropy: Tensor
    reward: Tensor
    advantage: Tensor


def improvement(
    logits: Tensor, log_probs: Tensor, action: Tensor, target: Tensor, inside: Tensor, weights: LossWeights
) -> Tensor:
    """What one step on L_nd would do for the student's cross entropy on this triple, to first order, (B,).

    A step along -grad L_nd changes the cross entropy by -<grad CE, grad L_nd>: the inner product, over the row's
    scores, is the improvement per unit of step. Student `logits` (B, N), teachers' `log_probs` (K, B, N) at tau.
    An empty set improves nothing: 0.
    """
    chosen = action.sum(1) > 0
    with torch.enable_grad():
        scores = logits.detach().requires_grad_()
        soft = mix(log_probs, _safe(action)).detach()
        taught = distillation(scores, soft, inside, weights)
        (gradient,) = torch.autograd.grad(taught.sum(), scores)
    hard = logits.softmax(1)
    inner = (hard * gradient).sum(1) - gradient.gather(1, target[:, None])[:, 0]
    return torch.where(chosen, inner, 0)


def log_probability_gain(logits: Tensor, log_probs: Tensor, action: Tensor, target: Tensor, tau: float) -> Tensor:
    """log p_a(t) - max(log u(t), log p_all(t)) with p_a the normalised geometric mean of the set, (B,); empty: 0."""
    index = torch.arange(len(target), device=target.device)
    student = (logits / tau).log_softmax(1)[index, target]
    chosen = geometric(log_probs, _safe(action))[index, target]
    everyone = geometric(log_probs, set_weights(torch.ones_like(action)))[index, target]
    return torch.where(action.sum(1) > 0, chosen - torch.maximum(student, everyone), 0)


def geometric(log_probs: Tensor, weights: Tensor) -> Tensor:
    """Log of the normalised weighted geometric mean of K distributions, (B, N)."""
    return torch.einsum("kbn,bk->bn", log_probs, weights).log_softmax(1)


def _safe(action: Tensor) -> Tensor:
    """Weights of the set, uniform where it is empty (its result is not used)."""
    return set_weights(torch.where(action.sum(1, keepdim=True) > 0, action, torch.ones_like(action)))


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


def rollout(logits: Tensor, mask: Tensor, action: Tensor, reward: Tensor, against: Tensor | float) -> Rollout:
    """Put a round together; `against` is the baseline, a number or one per row."""
    advantage = (reward - against).detach()
    return Rollout(action, log_prob(logits, mask, action), entropy(logits, mask), reward, advantage)


def policy_loss(rollout: Rollout, entropy_bonus: float) -> Tensor:
    """REINFORCE (Williams 1992): -mean(advantage * log prob) - bonus * mean entropy."""
    return -(rollout.advantage * rollout.log_prob).mean() - entropy_bonus * rollout.entropy.mean()
