"""The multimodal knowledge graph as a heterogeneous DGLGraph, and its homogeneous view for sampling."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import torch
from torch import Tensor

from dsomgnn._dgl import DGLGraph, dgl
from dsomgnn.data.features import Feature
from dsomgnn.data.triples import Dataset, directed

INVERSE = "inverse:"


class MKG:
    """Train triples in both directions with the entities' modality features.

    `train` (n, 3) may be a part of the data set's train split (a slice of it can be held in reserve); no valid or
    test triple ever enters a graph.
    """

    def __init__(self, dataset: Dataset, features: Mapping[str, Feature] | None = None, train: Tensor | None = None):
        self.dataset = dataset
        self.features = dict(features or {})
        self.train = dataset.train if train is None else train

    @property
    def num_entities(self) -> int:
        return self.dataset.num_entities

    @property
    def num_relations(self) -> int:
        """R, without reciprocals; relation r + R is the reciprocal of r."""
        return self.dataset.num_relations

    @cached_property
    def edges(self) -> Tensor:
        """Directed triples (2n, 3): edge i + n is the reciprocal of edge i."""
        return directed(self.train, self.num_relations)

    @cached_property
    def structured(self) -> Tensor:
        """Whether an entity has a train triple, (N,) bool."""
        seen = torch.zeros(self.num_entities, dtype=torch.bool)
        seen[self.edges[:, 0]] = True
        return seen

    def edge_types(self) -> list[str]:
        """Names of the 2R relations; the second half are reciprocals."""
        names, prefix = list(self.dataset.relations.ids), INVERSE
        while any(name.startswith(prefix) for name in names):
            prefix += INVERSE
        return names + [prefix + name for name in names]

    def graph(self) -> DGLGraph:
        """Heterogeneous: one canonical edge type ("entity", relation, "entity") per relation and reciprocal.

        Node data: `NAME` (N, d) and `NAME_present` (N,) per modality.
        """
        order = torch.argsort(self.edges[:, 1], stable=True)
        head, relation, tail = self.edges[order].unbind(1)
        counts = torch.bincount(relation, minlength=2 * self.num_relations).tolist()
        edges = {
            ("entity", name, "entity"): pair
            for name, pair in zip(
                self.edge_types(), zip(head.split(counts), tail.split(counts), strict=True), strict=True
            )
        }
        graph = dgl.heterograph(edges, num_nodes_dict={"entity": self.num_entities})
        for name, feature in self.features.items():
            graph.nodes["entity"].data[name] = feature.values
            graph.nodes["entity"].data[f"{name}_present"] = feature.present
        return graph

    @cached_property
    def homogeneous(self) -> DGLGraph:
        """The same edges as one type, in the order of `edges`.

        Sampling 1,070 edge types costs hundreds of times what sampling one does, so samplers use this view.
        """
        return dgl.graph((self.edges[:, 0], self.edges[:, 2]), num_nodes=self.num_entities)

    @cached_property
    def joined(self) -> tuple[Tensor, Tensor]:
        """Keys of the pairs of entities that an edge joins, sorted, and the place of each edge's among them, (2n,)."""
        return self.pair_key(self.edges[:, [0, 2]]).unique(return_inverse=True)

    def pair_key(self, pairs: Tensor) -> Tensor:
        """A number per pair of entities (n, 2) that is the same both ways round."""
        return pairs.amin(1) * self.num_entities + pairs.amax(1)
