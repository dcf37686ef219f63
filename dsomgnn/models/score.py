"""Score functions: a query vector from head and relation, compared with every candidate in one product."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor


class ScoreFunction(Protocol):
    """Linear in head, in relation and in tail: a score is the inner product of query vector and candidate.

    `parts`: how many equal parts a vector has (2: real and imaginary). Widths are real numbers per vector."""

    name: str
    parts: int

    def query(self, head: Tensor, relation: Tensor) -> Tensor:
        """Query vectors (B, d) from heads (B, d) and relations (B, d); `query @ candidates.T` are scores."""
        ...


class ComplEx:
    """Re<h, r, conj(t)> (Trouillon et al. 2016); a vector is its real half, then its imaginary half."""

    name = "complex"
    parts = 2

    def query(self, head: Tensor, relation: Tensor) -> Tensor:
        """Query vectors (B, d) of heads and relations (B, d); `query @ candidates.T` are scores."""
        (a, b), (c, d) = head.chunk(2, -1), relation.chunk(2, -1)
        return torch.cat([a * c - b * d, a * d + b * c], -1)


class DistMult:
    """<h, r, t> (Yang et al. 2015)."""

    name = "distmult"
    parts = 1

    def query(self, head: Tensor, relation: Tensor) -> Tensor:
        """Query vectors (B, d) of heads and relations (B, d); `query @ candidates.T` are scores."""
        return head * relation


SCORES: dict[str, type[ComplEx] | type[DistMult]] = {"complex": ComplEx, "distmult": DistMult}


class _Cubes(torch.autograd.Function):
    """Weighted sum of cubed moduli, whose derivative by a component x of modulus m is 3 m x."""

    @staticmethod
    def forward(ctx, vectors, weight, parts):
        components = vectors.view(len(vectors), parts, -1)
        moduli = components.square().sum(1).sqrt_()
        ctx.save_for_backward(components, moduli, weight)
        return (moduli.square() * moduli).sum(1).dot(weight)

    @staticmethod
    def backward(ctx, upstream):
        components, moduli, weight = ctx.saved_tensors
        slope = moduli * (3 * upstream * weight)[:, None]
        return (components * slope[:, None]).flatten(1), None, None


def n3(score: ScoreFunction, factors: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    """Sum of cubed moduli of factors, given as vectors (B, d) with weights (B,) (Lacroix et al. 2018).

    The modulus of a component is its length over the vector's parts.
    """
    return torch.stack([_Cubes.apply(vectors, weight, score.parts) for vectors, weight in factors]).sum()
