"""Cardinality of relations: how many tails a head has on average, and how many heads a tail."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CLASSES = ("1-1", "1-N", "N-1", "N-N")
OUTSIDE = "not in train"
MANY = 1.5  # Bordes et al. 2013: fewer on average count as one


@dataclass(frozen=True)
class Cardinality:
    """Per relation, of distinct triples: `tails_per_head`, `heads_per_tail` (R,) float, 0 without a triple."""

    tails_per_head: Tensor
    heads_per_tail: Tensor

    @classmethod
    def of(cls, train: Tensor, num_entities: int, num_relations: int) -> Cardinality:
        """From triples (n, 3), which may repeat."""
        head, relation, tail = train.unbind(1)
        facts = ((relation * num_entities + head) * num_entities + tail).unique()
        count = torch.bincount(facts // num_entities**2, minlength=num_relations)
        heads, tails = (
            torch.bincount((relation * num_entities + side).unique() // num_entities, minlength=num_relations)
            for side in (head, tail)
        )
        return cls(count / heads.clamp(min=1), count / tails.clamp(min=1))

    @property
    def number(self) -> Tensor:
        """Class of each relation as a position in `CLASSES`, (R,) int64; 4 without a triple."""
        number = 2 * (self.heads_per_tail >= MANY) + (self.tails_per_head >= MANY).long()
        return torch.where(self.tails_per_head > 0, number, len(CLASSES))

    @property
    def names(self) -> list[str]:
        """Class of each relation in words: "1-1", "1-N" (one head, many tails), "N-1", "N-N" or "not in train"."""
        return [(*CLASSES, OUTSIDE)[i] for i in self.number.tolist()]
