"""Slices of the queries: where a model is good, and where it has nothing to go by."""

from __future__ import annotations

import torch
from torch import Tensor


def unseen_slices(triples: Tensor, unseen: Tensor) -> dict[str, Tensor]:
    """Masks (2n,) over the queries of triples (n, 3), tails asked for first, by whether training saw the entities.

    `unseen` (N,) bool: entities without a train triple. Empty where every entity of the triples was seen.
    """
    head, tail = unseen[triples[:, 0]], unseen[triples[:, 2]]
    given, answer = torch.cat([head, tail]), torch.cat([tail, head])
    if not answer.any():
        return {}
    return {
        "all entities seen": ~(given | answer),
        "an entity unseen": given | answer,
        "- as the answer": answer,
        "- as the given one": given,
    }
