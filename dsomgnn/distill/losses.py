"""Decoupled distillation in its plain form: readable, float64-safe, one (B, N) tensor per quantity.

For a row with soft labels p and student u, both distributions over N entities, and neighbours M:

    KL(p||u) = KL_bin + m_T KL_M + (1 - m_T) KL_O        m_T = sum of p over M, m_S = sum of u over M
    L_nd     = tau^2 (KL_bin + alpha KL_M + beta KL_O)

KL_bin compares (m_T, 1 - m_T) with (m_S, 1 - m_S); KL_M and KL_O compare p and u renormalised inside and outside M
(after Zhao et al. 2022, Decoupled Knowledge Distillation, eq. 5 to 7; the split by neighbourhood is DSoM's).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dsomgnn.neighbourhood import Neighbourhood
from dsomgnn.pool import EVERYONE, Pool

EMPTY = -1e30  # the log mass of a group without entities: finite, so that gradients are


@dataclass(frozen=True)
class LossWeights:
    """gamma scales the whole, tau softens both sides, alpha and beta weigh inside and outside.

    `split` False is plain KL: gamma tau^2 KL(p||u). `binary` False drops KL_bin. `combine`: p is the "mean" of
    the chosen teachers' distributions, or their "product".
    """

    gamma: float = 1.0
    tau: float = 1.0
    alpha: float = 1.0
    beta: float = 1.0
    binary: bool = True
    split: bool = True
    combine: str = "mean"


def mix(log_probs: Tensor, weights: Tensor) -> Tensor:
    """Log of the weighted mean of K distributions: log_probs (K, B, N), weights (B, K), rows summing to 1."""
    return (log_probs + weights.T.clamp(min=0).log()[:, :, None]).logsumexp(0)


def geometric(log_probs: Tensor, weights: Tensor) -> Tensor:
    """Log of the normalised weighted geometric mean of K distributions: log_probs (K, B, N), weights (B, K)."""
    return (log_probs * weights.T[:, :, None]).sum(0).log_softmax(1)


def kl(log_p: Tensor, log_u: Tensor) -> Tensor:
    """KL(p||u) per row, (B,)."""
    return (log_p.exp() * (log_p - log_u)).sum(1)


def decoupled_kl(log_p: Tensor, log_u: Tensor, inside: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """KL_bin, KL_M, KL_O and m_T, each (B,); `inside` (B, N) bool marks the neighbours M.

    A group that is empty or has one entity gives 0, with finite gradients.
    """
    p_in, u_in = _mass(log_p, inside), _mass(log_u, inside)
    p_out, u_out = _mass(log_p, ~inside), _mass(log_u, ~inside)
    binary = p_in.exp() * (p_in - u_in) + p_out.exp() * (p_out - u_out)
    within = _group_kl(log_p - p_in[:, None], log_u - u_in[:, None], inside)
    beyond = _group_kl(log_p - p_out[:, None], log_u - u_out[:, None], ~inside)
    return binary, within, beyond, p_in.exp()


def _mass(log_p: Tensor, group: Tensor) -> Tensor:
    return log_p.masked_fill(~group, EMPTY).logsumexp(1)


def _group_kl(log_p: Tensor, log_u: Tensor, group: Tensor) -> Tensor:
    log_p, log_u = (x.masked_fill(~group, 0) for x in (log_p, log_u))
    return (log_p.exp() * (log_p - log_u) * group).sum(1)


def inside_mask(neighbours: Neighbourhood, like: Tensor) -> Tensor:
    """Mask (B, N) of the neighbours, for scores of that shape."""
    mask = torch.zeros_like(like, dtype=torch.bool)
    mask[neighbours.row, neighbours.node] = True
    return mask


def distillation(logits: Tensor, log_p: Tensor, inside: Tensor, weights: LossWeights, pool: Pool = EVERYONE) -> Tensor:
    """L_nd per row, (B,), without gamma: student `logits` (B, N), soft labels `log_p` (B, N) made at the same tau.

    Over a pool both are of its entities, and its weights are in the soft labels already.
    """
    log_u = pool.weigh(logits / weights.tau).log_softmax(1)
    if not weights.split:
        return weights.tau**2 * kl(log_p, log_u)
    binary, within, beyond, _ = decoupled_kl(log_p, log_u, inside)
    return weights.tau**2 * (weights.binary * binary + weights.alpha * within + weights.beta * beyond)
