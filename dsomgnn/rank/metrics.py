"""Metrics of ranks: MRR, MR and Hits@k, overall, per side and per relation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dsomgnn.rank.ranks import Ranks

HITS = (1, 3, 10)


def metrics(ranks: Tensor) -> dict[str, float | int]:
    """MRR, MR, Hits@1/3/10 in 0..1 and the number of queries; zeros where there is none."""
    if not len(ranks):
        return {"mrr": 0.0, "mr": 0.0, **{f"hits@{k}": 0.0 for k in HITS}, "n": 0}
    hits = {f"hits@{k}": (ranks <= k).double().mean().item() for k in HITS}
    return {"mrr": ranks.reciprocal().mean().item(), "mr": ranks.mean().item(), **hits, "n": len(ranks)}


def mrr(ranks: Ranks) -> float:
    """Mean reciprocal rank over both directions, ties realistic."""
    return ranks.realistic.reciprocal().mean().item()


def summary(
    ranks: Ranks, relation_names: Sequence[str], ties: str = "realistic", slices: Mapping[str, Tensor] | None = None
) -> dict:
    """Metrics of both sides, each side and each slice (masks over the queries), and MRR per relation.

    `ties` names the reading that counts.
    """
    value = ranks.by(ties)
    relations = {}
    for relation in ranks.relation.unique().tolist():
        own = value[ranks.relation == relation]
        relations[relation_names[relation]] = {"mrr": own.reciprocal().mean().item(), "n": len(own)}
    sides = {
        "both": torch.ones_like(ranks.side, dtype=torch.bool),
        "head": ranks.side == 0,
        "tail": ranks.side == 1,
    }
    return {
        **{name: metrics(value[mask]) for name, mask in sides.items()},
        "slices": {name: metrics(value[mask]) for name, mask in (slices or {}).items()},
        "relations": relations,
        "ties": {
            name: ranks.by(name).reciprocal().mean().item() for name in ("optimistic", "realistic", "pessimistic")
        },
    }
