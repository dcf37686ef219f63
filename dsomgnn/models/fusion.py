"""Mask-aware fusion of an entity's structure and modalities into one vector; what is absent adds nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import reduce

import torch
from torch import Tensor, nn

from dsomgnn.data.features import Feature

STRUCTURE = "structure"
OF = "of_"  # before a name: a ModuleDict has names of its own


class _Kept(torch.autograd.Function):
    """A table as it is, without a copy; its rows `absent` are zero and stay so."""

    @staticmethod
    def forward(ctx, table, absent):
        ctx.save_for_backward(absent)
        return table.view_as(table)

    @staticmethod
    def backward(ctx, gradient):
        (absent,) = ctx.saved_tensors
        return gradient.index_fill(0, absent, 0) if len(absent) else gradient, None


class Fusion(nn.Module):
    """Parts of an entity: a trained table (structure) and a projection per modality, each with its mask.

    `structured` (N,) bool says who has structure: an entity without a train triple has none. In training a share
    `structure_dropout` of the others is treated so too, so that modalities learn to stand alone.
    In training, products with projections have the number format `products`; fused vectors are float32 whatever it is.
    Every kind gives `forward() -> (N, width)`, laid out for a score function whose vectors have `parts` parts, and
    `forward(ids) -> (n, width)` for some entities alone, through which the table's gradient is sparse.
    """

    def __init__(
        self,
        structured: Tensor,
        features: Mapping[str, Feature],
        rank: int,
        modality_rank: int,
        parts: int,
        structure: bool = True,
        structure_dropout: float = 0.0,
        init: float = 1e-3,
        products: torch.dtype = torch.float32,
    ):
        super().__init__()
        self.parts, self.structure_dropout, self.ranks = parts, structure_dropout, (rank, modality_rank)
        self.products = products
        self.names = ([STRUCTURE] if structure else []) + list(features)
        self.table: nn.Parameter | None = None
        if structure:
            self.table = nn.Parameter(init * torch.randn(len(structured), rank * parts) * structured[:, None])
            self._there(STRUCTURE, structured)
        self.project = nn.ModuleDict()
        for name, feature in features.items():
            self._there(name, feature.present)
            self.register_buffer(f"values_{name}", feature.values, persistent=False)
            project = nn.Linear(feature.dim, modality_rank * parts)
            nn.init.normal_(project.weight, std=init)  # feature rows have length 1
            nn.init.zeros_(project.bias)
            self.project[OF + name] = project

    def _there(self, name: str, mask: Tensor) -> None:
        self.register_buffer(f"mask_{name}", mask, persistent=False)
        self.register_buffer(f"absent_{name}", torch.nonzero(~mask)[:, 0], persistent=False)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """For a while, no entity has this modality."""
        mask = self.get_buffer(f"mask_{name}")
        self._there(name, torch.zeros_like(mask))
        try:
            yield
        finally:
            self._there(name, mask)

    @property
    def num_entities(self) -> int:
        return len(self.get_buffer(f"mask_{self.names[0]}"))

    def forward(self, ids: Tensor | None = None) -> Tensor:
        """Fused vectors (N, width), or (n, width) of the entities `ids` (n,)."""
        if ids is None and self.names == [STRUCTURE] and not self._dropping:
            return self._whole(STRUCTURE)
        return _exact(self.fused(ids))

    @property
    def _dropping(self) -> bool:
        return self.training and self.structure_dropout > 0

    def fused(self, ids: Tensor | None = None) -> Tensor:
        raise NotImplementedError

    def sources(self, ids: Tensor | None = None) -> tuple[list[Tensor], list[Tensor]]:
        """Per source its vectors (N, w), zero where absent, and its mask (N, 1) bool; or of the entities `ids`."""
        vectors, masks = [], []
        for name in self.names:
            mask, dropping = _rows(self.get_buffer(f"mask_{name}"), ids), name == STRUCTURE and self._dropping
            if dropping:
                mask = mask & (torch.rand(len(mask), device=mask.device) >= self.structure_dropout)
            whole = ids is None and not dropping
            vectors.append(self._whole(name) if whole else self._values(name, ids) * mask[:, None])
            masks.append(mask[:, None])
        return vectors, masks

    def _whole(self, name: str) -> Tensor:
        """Vectors of all entities, without a copy to mask them."""
        values, absent = self._values(name, None), self.get_buffer(f"absent_{name}")
        if name == STRUCTURE:
            return _Kept.apply(values, absent)
        return values.index_fill_(0, absent, 0) if len(absent) else values

    def _values(self, name: str, ids: Tensor | None) -> Tensor:
        if name == STRUCTURE and self.table is not None:
            return self.table if ids is None else nn.functional.embedding(ids, self.table, sparse=True)
        values, project = _rows(self.get_buffer(f"values_{name}"), ids), self.project[OF + name]
        if not self.training or self.products == torch.float32:
            return project(values)
        with torch.autocast(values.device.type, self.products):
            return project(values)


def _rows(values: Tensor, ids: Tensor | None) -> Tensor:
    return values if ids is None else values[ids]


def _exact(vectors: Tensor) -> Tensor:
    return vectors.float() if vectors.dtype == torch.bfloat16 else vectors


class Blocks(Fusion):
    """One block per source side by side, so that a score is the sum of one score per source."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        rank, modality_rank = self.ranks
        self.width = self.parts * (len(self.project) * modality_rank + (rank if self.table is not None else 0))

    def fused(self, ids: Tensor | None = None) -> Tensor:
        vectors, _ = self.sources(ids)
        parts = [v.view(len(v), self.parts, -1) for v in vectors]
        return torch.cat(parts, 2).flatten(1)


class Sum(Fusion):
    """The sum of all sources, in one vector of the structure's width."""

    def __init__(self, structured, features, rank, modality_rank, parts, **options):
        super().__init__(structured, features, rank, rank, parts, **options)
        self.width = rank * parts

    def fused(self, ids: Tensor | None = None) -> Tensor:
        return reduce(torch.add, self.sources(ids)[0])


class Gate(Sum):
    """A weighted sum of the sources that are there, by a softmax over one learnt gate per source and entity."""

    def __init__(self, structured, features, rank, modality_rank, parts, **options):
        super().__init__(structured, features, rank, modality_rank, parts, **options)
        self.gate = nn.ModuleList(nn.Linear(self.width, 1) for _ in self.names)

    def fused(self, ids: Tensor | None = None) -> Tensor:
        sources, masks = self.sources(ids)
        vectors = [_exact(source) for source in sources]
        logits = torch.cat([gate(v) for gate, v in zip(self.gate, vectors, strict=True)], 1)
        there = torch.cat(masks, 1)
        weights = torch.where(there, logits, -1e9).softmax(1) * there
        return (torch.stack(vectors, 1) * weights[:, :, None]).sum(1)


FUSIONS: dict[str, type[Blocks] | type[Gate] | type[Sum]] = {"blocks": Blocks, "gate": Gate, "sum": Sum}
