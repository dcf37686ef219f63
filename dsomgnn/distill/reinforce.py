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


@dataclass(frozen=True)
class Evidence:
    """What a reward is measured on: student `logits` (B, N), teachers' `log_probs` (K, B, N) at tau, `target` (B,).

    `rivals` (B, N) bool: the target and what is not known to be an answer too. As in filtered ranks, other answers
    do not compete: else a teacher that knows them would seem to harm.
    """

    logits: Tensor
    log_probs: Tensor
    target: Tensor
    rivals: Tensor

    def among_rivals(self, scores: Tensor) -> Tensor:
        """Log softmax of scores (..., B, N) over the rivals."""
        return scores.masked_fill(~self.rivals, -torch.inf).log_softmax(-1)

    def of_target(self, log_probs: Tensor) -> Tensor:
        """The target's entry of each row, (B,)."""
        return log_probs.gather(1, self.target[:, None])[:, 0]


def improvement(evidence: Evidence, action: Tensor, inside: Tensor, weights: LossWeights) -> Tensor:
    """What one step on L_nd would do for the student's cross entropy on this triple, to first order, (B,).

    A step along -grad L_nd changes the cross entropy by -<grad CE, grad L_nd>: the inner product, over the row's
    scores, is the improvement per unit of step. An empty set improves nothing: 0. The cross entropy is that of the
    calibrated student: on unseen triples a student is too sure of itself, and any noise, a shuffled teacher best of
    all, would lower its raw cross entropy by flattening it, which ranks nothing better.
    """
    with torch.enable_grad():
        scores = evidence.logits.detach().requires_grad_()
        soft = mix(evidence.log_probs, _safe(action)).detach()
        (gradient,) = torch.autograd.grad(distillation(scores, soft, inside, weights).sum(), scores)
    hard = evidence.among_rivals(evidence.logits).exp()
    inner = (hard * gradient).sum(1) - evidence.of_target(gradient)
    return torch.where(action.sum(1) > 0, inner, 0)


def sharpness(evidence: Evidence, steps: int = 4) -> Tensor:
    """The factor on the student's scores, shared by all rows, of the least cross entropy: Newton's method, from 1."""
    scores = evidence.logits.masked_fill(~evidence.rivals, 0)
    right = evidence.of_target(scores)
    factor = scores.new_ones(())
    for _ in range(steps):
        p = evidence.among_rivals(scores * factor).exp()
        mean = (p * scores).sum(1)
        slope = (mean - right).mean()
        curvature = ((p * scores.square()).sum(1) - mean.square()).mean()
        factor = (factor - slope / curvature.clamp(min=1e-6)).clamp(0.05, 5.0)
    return factor


def log_probability_gain(evidence: Evidence, action: Tensor, tau: float) -> Tensor:
    """log p_a(t) - max(log u(t), log p_all(t)) among the rivals, (B,); empty set: 0.

    p_a is the normalised geometric mean of the set: an arithmetic mean is never above its best member.
    """
    everyone = set_weights(torch.ones_like(action))
    student = evidence.of_target(evidence.among_rivals(evidence.logits / tau))
    chosen, of_all = (
        evidence.of_target(evidence.among_rivals(geometric(evidence.log_probs, weights)))
        for weights in (_safe(action), everyone)
    )
    return torch.where(action.sum(1) > 0, chosen - torch.maximum(student, of_all), 0)


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
        return (delta / max(self.scale, 1e-12)).clamp(-1, 1)

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
