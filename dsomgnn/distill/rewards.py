"""What a set of teachers did for the student on a row: the two measures of delta.

(a) improvement: how much a step on L_nd lowers a cross entropy C, to first order. A step along -grad L_nd changes C
    by -<grad C, grad L_nd>, so <effect, dL_nd/dscores> is the improvement per unit of step, with `effect` the
    derivative of C along the row's scores. C is the row's own cross entropy (`own_effect`), or that of held-out
    triples, on which neither teachers nor student were trained: then the effect comes through the parameters that
    rows share, and memorised facts earn nothing (`Lesson.held_out_effect`).
(b) log_probability_gain: how much more the set gives the target than the student and all teachers do.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dsomgnn.distill.losses import COMBINED, LossWeights, distillation, geometric
from dsomgnn.distill.policy import set_weights
from dsomgnn.pool import EVERYONE, Pool


@dataclass(frozen=True)
class Evidence:
    """Rows that ask for one target each: student `logits` (B, N), `target` (B,); over a `pool` places in it.

    `rivals` (B, N) bool: the target, and what is not known to be an answer too. As in filtered ranks, other answers
    do not compete: else a teacher that knows them would seem to harm.
    """

    logits: Tensor
    target: Tensor
    rivals: Tensor
    pool: Pool = EVERYONE

    def student(self, tau: float = 1.0) -> Tensor:
        """The student's log softmax at `tau` over the rivals, (B, N)."""
        return self.log_probs(self.pool.weigh(self.logits / tau))

    def log_probs(self, scores: Tensor) -> Tensor:
        """Log softmax of scores (B, N) over the rivals."""
        return scores.masked_fill(~self.rivals, -torch.inf).log_softmax(-1)

    def of_target(self, values: Tensor) -> Tensor:
        """The target's entry of each row, (B,)."""
        return values.gather(1, self.target[:, None])[:, 0]

    def own_effect(self) -> Tensor:
        """Derivative of each row's own cross entropy by its scores, (B, N)."""
        effect = self.student().exp()
        return effect.scatter_add(1, self.target[:, None], -torch.ones_like(self.target, dtype=effect.dtype)[:, None])


def improvement(
    logits: Tensor,
    log_probs: Tensor,
    action: Tensor,
    inside: Tensor,
    effect: Tensor,
    weights: LossWeights,
    pool: Pool = EVERYONE,
    credit: str = "mean",
) -> Tensor:
    """Measure (a), (B,): student `logits` (B, N), teachers' `log_probs` (K, B, N) at tau; an empty set gives 0.

    Without the split by neighbourhood the effect of a mean of soft labels is, to first order, the mean of their
    effects, never above that of the best member: it is the entropy bonus that keeps the policy from teaching by one
    teacher alone. With the `credit` "sum" of what its members do alone, every teacher that helps belongs to the best
    set.
    """

    def of(chosen: Tensor) -> Tensor:
        with torch.enable_grad():
            scores = logits.detach().requires_grad_()
            soft = COMBINED[weights.combine](log_probs, _safe(chosen)).detach()
            (gradient,) = torch.autograd.grad(distillation(scores, soft, inside, weights, pool).sum(), scores)
        return torch.where(chosen.sum(1) > 0, (effect * gradient).sum(1), 0)

    if credit == "mean":
        return of(action)
    alone = torch.eye(action.shape[1], dtype=action.dtype, device=action.device)
    return (action * torch.stack([of(member.expand_as(action)) for member in alone], 1)).sum(1)


def log_probability_gain(evidence: Evidence, log_probs: Tensor, action: Tensor, mask: Tensor, tau: float) -> Tensor:
    """Measure (b), (B,): log p_a(t) - max(log u(t), log p_all(t)) among the rivals; an empty set gives 0.

    p_a is the normalised geometric mean of the set (an arithmetic mean is never above its best member), p_all that of
    all teachers that speak, by `mask` (B, K).
    """
    everyone = _safe(mask)
    student = evidence.of_target(evidence.student(tau))
    chosen, of_all = (
        evidence.of_target(evidence.log_probs(geometric(log_probs, weights))) for weights in (_safe(action), everyone)
    )
    return torch.where(action.sum(1) > 0, chosen - torch.maximum(student, of_all), 0)


def _safe(action: Tensor) -> Tensor:
    """Weights of the set, uniform where it is empty (its result is not used)."""
    return set_weights(torch.where(action.sum(1, keepdim=True) > 0, action, torch.ones_like(action)))
