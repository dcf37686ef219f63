"""Sampling through DGL: blocks of layers for encoders, without the batch's own edges."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dsomgnn._dgl import dgl
from dsomgnn.data.mkg import MKG
from dsomgnn.layer import Layer


def seed_all(*parts: int) -> None:
    """Seed torch and DGL from whole numbers (seed, phase, epoch): every epoch can be repeated by itself."""
    mixed = 0
    for part in parts:
        mixed = (mixed * 1_000_003 + part + 1) % (2**31 - 1)
    torch.manual_seed(mixed)
    dgl.seed(mixed)


class BlockSampler:
    """Fan-out sampling of the train graph. A fan-out counts in-edges over all relations; -1 takes every one."""

    def __init__(self, mkg: MKG, fanouts: Sequence[int]):
        self.mkg, self.graph = mkg, mkg.homogeneous
        self.fanouts = list(fanouts)
        self.relation = self.graph.edata["relation"]
        self.pair = _pair_of(mkg)
        self._sampler = dgl.dataloading.NeighborSampler(self.fanouts)
        self._hidden = torch.zeros(int(self.pair.max()) + 1, dtype=torch.bool)

    def layers(self, seeds: Tensor, own: Tensor | None = None) -> list[Layer]:
        """Layers, outermost first, whose last destinations are `seeds` (distinct entities).

        `own`: ids of the batch's edges. Every edge between the two ends of one of them is left out: the edge, its
        reciprocal, and what would give them away (the mirrored fact of a symmetric relation).
        """
        _, _, blocks = self._sampler.sample_blocks(self.graph, seeds)
        hidden = self._hidden
        if own is not None:
            hidden[self.pair[own]] = True
        layers = [self._layer(block, own is not None) for block in blocks]
        if own is not None:
            hidden[self.pair[own]] = False
        return layers

    def _layer(self, block: dgl.DGLGraph, hide: bool) -> Layer:
        src, dst = block.edges()
        edge = block.edata[dgl.EID]
        layer = Layer(src, dst, self.relation[edge], block.srcdata[dgl.NID], block.num_dst_nodes())
        return layer.keep(~self._hidden[self.pair[edge]]) if hide else layer


def _pair_of(mkg: MKG) -> Tensor:
    """A number per edge (2n,) that is the same for all edges between the same two entities."""
    head, _, tail = mkg.edges.unbind(1)
    key = torch.minimum(head, tail) * mkg.num_entities + torch.maximum(head, tail)
    return key.unique(return_inverse=True)[1]
