"""Score functions: a query vector from head and relation, compared with every candidate in one product."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor


class ScoreFunction(Protocol):
    """Linear in head, in relation and in tail: an inner product of query and candidate.

    `parts`: how many equal parts a vector has (2: real and imaginary). Widths are real numbers per vector."""

    name: str
    parts: int

    def query(self, head: Tensor, relation: Tensor) -> Tensor:
        """Query vectors (B, d) from heads (B, d) and relations (B, d)."""
        ...

    def logits(self, query: Tensor, candidates: Tensor) -> Tensor:
        """Scores (B, N) of candidates (N, d)."""
        ...

    def moduli(self, vectors: Tensor) -> Tensor:
        """Sizes of the components, for the N3 regulariser."""
        ...


class ComplEx:
    """Re<h, r, conj(t)> (Trouillon et al. 2016); a vector is its real half, then its imaginary half."""

    name = "complex"
    parts = 2

    def query(self, head: Tensor, relation: Tensor) -> Tensor:
        (a, b), (c, d) = head.chunk(2, -1), relation.chunk(2, -1)
        return torch.cat([a * c - b * d, a * d + b * c], -1)

    def logits(self, query: Tensor, candidates: Tensor) -> Tensor:
        return query @ candidates.T

    def moduli(self, vectors: Tensor) -> Tensor:
        real, imaginary = vectors.chunk(2, -1)
        return (real.square() + imaginary.square() + 1e-30).sqrt()


class DistMult:
    """<h, r, t> (Yang et al. 2015)."""

    name = "distmult"
    parts = 1

    def query(self, head: Tensor, relation: Tensor) -> Tensor:
        return head * relation

    def logits(self, query: Tensor, candidates: Tensor) -> Tensor:
        return query @ candidates.T

    def moduli(self, vectors: Tensor) -> Tensor:
        return vectors.abs()


SCORES: dict[str, type[ComplEx] | type[DistMult]] = {"complex": ComplEx, "distmult": DistMult}


def n3(score: ScoreFunction, factors: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    """Sum of cubed moduli of factors, given as vectors (B, d) with weights (B,) (Lacroix et al. 2018)."""
    cubes = [((score.moduli(vectors) ** 3).sum(-1) * weight).sum() for vectors, weight in factors]
    return torch.stack(cubes).sum()
