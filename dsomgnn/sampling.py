"""Sampling through DGL: blocks of layers for encoders, without the batch's own edges."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import torch
from torch import Tensor

from dsomgnn._dgl import dgl, drawn, seed
from dsomgnn.data.mkg import MKG
from dsomgnn.layer import Layer


def seed_all(*parts: int) -> None:
    """Seed torch and DGL from whole numbers (seed, phase, epoch): every epoch can be repeated by itself."""
    mixed = 0
    for part in parts:
        mixed = (mixed * 1_000_003 + part + 1) % (2**31 - 1)
    torch.manual_seed(mixed)
    seed(mixed)


class BlockSampler:
    """Fan-out sampling of the train graph. A fan-out counts in-edges over all relations; -1 takes every one."""

    def __init__(self, mkg: MKG, fanouts: Sequence[int]):
        self.mkg, self.fanouts = mkg, list(fanouts)
        self._pairs, self._pair = mkg.joined
        self._hidden = torch.zeros(len(self._pairs), dtype=torch.bool)
        self._place = torch.zeros(mkg.num_entities, dtype=torch.long)
        self._known = torch.zeros(mkg.num_entities, dtype=torch.bool)

    def of(self, most: int, further: int | None = None) -> BlockSampler:
        """The same depth with so many neighbours of a seed, and of what is further out, if that is another number; -1:
        with every one."""
        other = copy(self)
        other.fanouts = [*[most if further is None else further] * (len(self.fanouts) - 1), most]
        return other

    def pieces(self, entities: Tensor, most: int, edges: int) -> tuple[Tensor, ...]:
        """Entities (n,) in groups with about so many in-edges, of which `most` of each entity count."""
        heard = self.mkg.homogeneous.in_degrees(entities).clamp(max=most) + 1
        _, sizes = (heard.cumsum(0) // edges).unique_consecutive(return_counts=True)
        return entities.split(sizes.tolist())

    def layers(self, seeds: Tensor, own: Tensor | None = None) -> list[Layer]:
        """Layers, outermost first, whose last destinations are `seeds` (distinct entities).

        `own` (n, 2): head and target of the batch's triples. Every edge between the two is left out: the triple's
        own edge, its reciprocal, and what would give it away (the mirrored fact of a symmetric relation).
        """
        hidden = None if own is None else self._places_of(own)
        layers: list[Layer] = []
        for fanout in reversed(self.fanouts):
            layer, edge = self._layer(seeds, fanout)
            seeds = layer.nodes
            if hidden is not None:
                self._hidden[hidden] = True
                layer = layer.keep(~self._hidden[self._pair[edge]])
                self._hidden[hidden] = False
            layers.append(layer)
        return layers[::-1]

    def _layer(self, seeds: Tensor, fanout: int) -> tuple[Layer, Tensor]:
        """Sampled in-edges of the seeds, and their ids.

        DGL's own blocks number their sources in parallel, in whatever order threads come: the same seed would give
        other samples one layer further out. Here sources beyond the seeds are sorted by entity, edges by id.
        """
        sampled = drawn(dgl.sampling.sample_neighbors, self.mkg.homogeneous, seeds, fanout)
        edge = sampled.edata[dgl.EID].sort().values
        head, relation, tail = self.mkg.edges[edge].unbind(1)
        self._known[seeds] = True
        nodes = torch.cat([seeds, head[~self._known[head]].unique()])
        self._known[seeds] = False
        self._place[nodes] = torch.arange(len(nodes))
        return Layer(self._place[head], self._place[tail], relation, nodes, len(seeds)), edge

    def _places_of(self, own: Tensor) -> Tensor:
        """Which of the graph's pairs of entities these are; pairs without an edge are left out."""
        key = self.mkg.pair_key(own)
        at = torch.searchsorted(self._pairs, key).clamp(max=len(self._pairs) - 1)
        return at[self._pairs[at] == key]
