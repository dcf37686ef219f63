"""What a set of teachers did for the student on a row: the two measures of delta.

(a) improvement: how much a step on L_nd lowers a cross entropy C, to first order. A step along -grad L_nd changes C
    by -<grad C, grad L_nd>, so <effect, dL_nd/dscores> is the improvement per unit of step, with `effect` the
    derivative of C along the row's scores. C is the row's own cross entropy among its `Rivals`, or that of held-out
    triples, on which neither teachers nor student were trained: then the effect comes through the parameters that
    rows share, and memorised facts earn nothing (`Lesson.held_out_effect`).
(b) log_probability_gain: how much more the set gives the target than all teachers do.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dsomgnn.distill.fused import distillation_slope
from dsomgnn.distill.losses import LossWeights
from dsomgnn.distill.policy import set_weights
from dsomgnn.distill.rivals import Rivals
from dsomgnn.neighbourhood import Neighbourhood
from dsomgnn.pool import EVERYONE, Pool

SoftLabels = Callable[[Tensor], Tensor]


def improvement(
    action: Tensor,
    logits: Tensor,
    soft: SoftLabels,
    near: Neighbourhood,
    effect: Tensor,
    weights: LossWeights,
    pool: Pool = EVERYONE,
    credit: str = "mean",
) -> Tensor:
    """Measure (a) of the set `action` (B, K), (B,); an empty set gives 0. Student `logits` (B, N); `soft(shares)` makes
    soft labels (B, N) at tau of teachers' shares (B, K), to be overwritten; `near`: M of each row.

    Without the split by neighbourhood the effect of a mean of soft labels is, to first order, the mean of their
    effects, never above that of the best member: it is the pull to the prior that keeps the policy from teaching by
    one teacher alone. With the `credit` "sum" of what its members do alone, every teacher that helps belongs to the
    best set.
    """

    def of(chosen: Tensor) -> Tensor:
        slope = distillation_slope(logits.clone(), soft(set_weights(chosen)), near, weights, pool)
        return torch.where(chosen.sum(1) > 0, torch.linalg.vecdot(effect, slope.to(effect.dtype)), 0)

    if credit == "mean":
        return of(action)
    alone = torch.eye(action.shape[1], dtype=action.dtype, device=action.device)
    return torch.stack([of(action * member) for member in alone], 1).sum(1)


def log_probability_gain(action: Tensor, rivals: Rivals, soft: SoftLabels, everyone: Tensor, student: Tensor) -> Tensor:
    """Measure (b) of the set `action` (B, K), (B,): log p_a(t) - log p_all(t) among the rivals, with the student's
    log u(t) in place of the first where the set is empty.

    `soft(shares)`: as in `improvement`; `everyone` (B,): log p_all(t); `student` (B,): log u(t) at tau. p_a are the
    soft labels that would teach: a mean of good teachers is worth more than each of them, as errors of one are not
    those of another, which no measure of a step can tell to first order.
    """
    return torch.where(action.sum(1) > 0, rivals.log_share(soft(set_weights(action))), student) - everyone
