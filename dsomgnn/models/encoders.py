"""Encoders: message passing over sampled layers, from the query's head outwards.

An encoder is a plain nn.Module. `__init__(num_relations, in_dim, out_dim, **options)` receives the 2R relations
(reciprocals are the second half) and, where its signature names it, `num_layers`. `forward(layers, x)` receives the
layers, outermost first, and the sources' vectors (layers[0].num_src, in_dim); it returns (num_seeds, out_dim).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from dsomgnn.layer import Layer


def near_zero(linear: nn.Linear) -> nn.Linear:
    """A linear map that starts near zero, so that an encoder starts as the identity."""
    nn.init.normal_(linear.weight, std=1e-3)
    return linear


class Lookup(nn.Module):
    """No message passing: the vector of the seed itself."""

    def __init__(self, num_relations: int, in_dim: int, out_dim: int):
        super().__init__()
        if in_dim != out_dim:
            raise ValueError(f"lookup cannot turn {in_dim} columns into {out_dim}")

    def forward(self, layers: Sequence[Layer], x: Tensor) -> Tensor:
        return x[: layers[-1].num_dst]


class CompGCN(nn.Module):
    """Messages source * relation, one map per direction, averaged and added to the entity itself (after Vashishth et
    al. 2020, eq. 2 to 5; without an activation)."""

    def __init__(self, num_relations: int, in_dim: int, out_dim: int, num_layers: int = 1, dropout: float = 0.1):
        super().__init__()
        widths = [in_dim] * num_layers + [out_dim]
        self.num_forward = num_relations // 2
        self.relation = nn.Parameter(1 + 0.1 * torch.randn(num_relations, in_dim))
        pairs = list(pairwise(widths))
        self.forth = nn.ModuleList(near_zero(nn.Linear(a, b, bias=False)) for a, b in pairs)
        self.back = nn.ModuleList(near_zero(nn.Linear(a, b, bias=False)) for a, b in pairs)
        self.loop = nn.ModuleList(near_zero(nn.Linear(a, b)) for a, b in pairs)
        self.resize = nn.Identity() if in_dim == out_dim else nn.Linear(in_dim, out_dim, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, layers: Sequence[Layer], x: Tensor) -> Tensor:
        last = len(layers) - 1
        for i, (layer, forth, back, loop) in enumerate(zip(layers, self.forth, self.back, self.loop, strict=True)):
            messages = x[layer.src] * self.relation[layer.etype]
            reciprocal = (layer.etype >= self.num_forward)[:, None]
            own = x[: layer.num_dst]
            new = forth(layer.mean(messages * ~reciprocal)) + back(layer.mean(messages * reciprocal)) + loop(own)
            x = (self.resize(own) if i == last else own) + self.dropout(new)
        return x


class RGCN(nn.Module):
    """Relational GCN with basis decomposition (after Schlichtkrull et al. 2018, eq. 2 and 3): averaged over all edges,
    not over those of each relation, added to the entity itself, and without an activation.

    Messages are summed once per basis and multiplied after: E x B numbers instead of E matrix products.
    """

    def __init__(self, num_relations: int, in_dim: int, out_dim: int, num_layers: int = 1, bases: int = 8):
        super().__init__()
        widths = [in_dim] * num_layers + [out_dim]
        pairs = list(pairwise(widths))
        self.share = nn.ParameterList(torch.randn(num_relations, bases) / bases**0.5 for _ in pairs)
        self.basis = nn.ModuleList(near_zero(nn.Linear(a * bases, b, bias=False)) for a, b in pairs)
        self.loop = nn.ModuleList(near_zero(nn.Linear(a, b)) for a, b in pairs)
        self.resize = nn.Identity() if in_dim == out_dim else nn.Linear(in_dim, out_dim, bias=False)

    def forward(self, layers: Sequence[Layer], x: Tensor) -> Tensor:
        last = len(layers) - 1
        for i, (layer, share, basis, loop) in enumerate(zip(layers, self.share, self.basis, self.loop, strict=True)):
            source, weight = x[layer.src], share[layer.etype]
            pooled = torch.cat([layer.mean(source * weight[:, b : b + 1]) for b in range(weight.shape[1])], 1)
            own = x[: layer.num_dst]
            x = (self.resize(own) if i == last else own) + basis(pooled) + loop(own)
        return x
