"""Sampling through DGL: blocks of layers for encoders, without the batch's own edges."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from dsomgnn._dgl import DGLGraph, dgl
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
        self.mkg, self.fanouts = mkg, list(fanouts)
        self.relation = mkg.homogeneous.edata["relation"]
        self._sampler = dgl.dataloading.NeighborSampler(self.fanouts)
        self._pairs, self._pair = self._key(mkg.edges[:, [0, 2]]).unique(return_inverse=True)
        self._hidden = torch.zeros(len(self._pairs), dtype=torch.bool)

    @cached_property
    def full(self) -> BlockSampler:
        """The same depth with every neighbour."""
        return BlockSampler(self.mkg, [-1] * len(self.fanouts))

    def layers(self, seeds: Tensor, own: Tensor | None = None) -> list[Layer]:
        """Layers, outermost first, whose last destinations are `seeds` (distinct entities).

        `own` (n, 2): head and target of the batch's triples. Every edge between the two is left out: the triple's
        own edge, its reciprocal, and what would give it away (the mirrored fact of a symmetric relation).
        """
        _, _, blocks = self._sampler.sample_blocks(self.mkg.homogeneous, seeds)
        if own is None:
            return [self._layer(block) for block in blocks]
        at = torch.searchsorted(self._pairs, key := self._key(own)).clamp(max=len(self._pairs) - 1)
        at = at[self._pairs[at] == key]
        self._hidden[at] = True
        layers = [self._layer(block, self._hidden) for block in blocks]
        self._hidden[at] = False
        return layers

    def _layer(self, block: DGLGraph, hidden: Tensor | None = None) -> Layer:
        src, dst = block.edges()
        edge = block.edata[dgl.EID]
        layer = Layer(src, dst, self.relation[edge], block.srcdata[dgl.NID], block.num_dst_nodes())
        return layer if hidden is None else layer.keep(~hidden[self._pair[edge]])

    def _key(self, pairs: Tensor) -> Tensor:
        """A number per pair of entities (n, 2) that is the same both ways round."""
        return pairs.amin(1) * self.mkg.num_entities + pairs.amax(1)
