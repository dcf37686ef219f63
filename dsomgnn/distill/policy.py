"""The agent's policy: a set of teachers per triple, as K independent Bernoulli choices."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Policy(nn.Module):
    """One hidden layer from the state (B, F) to K probabilities, at first all `prior`; what `mask` (B, K) forbids is
    never chosen."""

    def __init__(self, state_dim: int, num_teachers: int, hidden: int = 128, prior: float = 0.5):
        super().__init__()
        last = nn.Linear(hidden, num_teachers)
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, _log_odds(prior))
        self.net = nn.Sequential(nn.Linear(state_dim, hidden), nn.ReLU(), last)

    def forward(self, state: Tensor) -> Tensor:
        """Logits (B, K) of choosing each teacher."""
        return self.net(state)


def sample(logits: Tensor, mask: Tensor) -> Tensor:
    """A random set per row, (B, K) of 0 and 1."""
    return torch.bernoulli(logits.sigmoid()) * mask


def greedy(logits: Tensor, mask: Tensor) -> Tensor:
    """The set of teachers whose probability exceeds one half."""
    return (logits > 0).to(logits.dtype) * mask


def log_prob(logits: Tensor, mask: Tensor, action: Tensor) -> Tensor:
    """Log probability (B,) of the set `action` (B, K)."""
    log_chosen = torch.where(action > 0, nn.functional.logsigmoid(logits), nn.functional.logsigmoid(-logits))
    return (log_chosen * mask).sum(1)


def entropy(logits: Tensor, mask: Tensor) -> Tensor:
    """Entropy (B,) of the choice, in nats."""
    p = logits.sigmoid()
    each = -(p * nn.functional.logsigmoid(logits) + (1 - p) * nn.functional.logsigmoid(-logits))
    return (each * mask).sum(1)


def divergence(logits: Tensor, mask: Tensor, prior: float) -> Tensor:
    """KL divergence (B,) of the choice from one that takes each teacher with probability `prior`, in nats."""
    away = math.log(1 - prior) + _log_odds(prior) * logits.sigmoid()
    return -entropy(logits, mask) - (away * mask).sum(1)


def _log_odds(p: float) -> float:
    return math.log(p / (1 - p))


def set_weights(action: Tensor) -> Tensor:
    """Weights (B, K) of the mean over the chosen set, a / |a|; zeros for the empty set."""
    return action / action.sum(1, keepdim=True).clamp(min=1)


def merged_weights(action: Tensor, row: Tensor, num_rows: int) -> tuple[Tensor, Tensor]:
    """Weights (B, K) per row, the mean of a/|a| over its triples with a non-empty set, and their number (B,).

    `action` (T, K) is chosen per triple, triple i belongs to row[i]. With one triple per row nothing is averaged.
    """
    taught = (action.sum(1) > 0).to(action.dtype)
    number = action.new_zeros(num_rows).index_add_(0, row, taught)
    total = action.new_zeros(num_rows, action.shape[1]).index_add_(0, row, set_weights(action))
    return total / number.clamp(min=1)[:, None], number
