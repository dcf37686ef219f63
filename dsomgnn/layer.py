"""What an encoder receives: one layer of message passing, as plain tensors on any device."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dsomgnn._dgl import DGLGraph, dgl
from dsomgnn.unwaited import counts, moved


@dataclass(frozen=True)
class Layer:
    """Messages flow along edge i from source `src[i]` to destination `dst[i]` under relation `etype[i]`.

    `src`, `dst`, `etype` (E,) int64; destinations are the first `num_dst` of the `num_src` sources; `nodes`
    (num_src,) are the sources' entity ids; `etype` >= R means a reciprocal relation.
    """

    src: Tensor
    dst: Tensor
    etype: Tensor
    nodes: Tensor
    num_dst: int

    @property
    def num_src(self) -> int:
        return len(self.nodes)

    @property
    def block(self) -> DGLGraph:
        """The same layer as a DGL block, for dgl.nn modules (on CPU, or with a CUDA build of DGL)."""
        return dgl.create_block((self.src, self.dst), self.num_src, self.num_dst, device=self.src.device)

    def to(self, device: torch.device | str) -> Layer:
        src, dst, etype, nodes = (moved(x, device) for x in (self.src, self.dst, self.etype, self.nodes))
        return Layer(src, dst, etype, nodes, self.num_dst)

    def keep(self, mask: Tensor) -> Layer:
        """The layer with only the edges where `mask` (E,) is true."""
        return replace(self, src=self.src[mask], dst=self.dst[mask], etype=self.etype[mask])

    def sum(self, messages: Tensor) -> Tensor:
        """Messages (E, d) summed at their destinations, (num_dst, d)."""
        out = messages.new_zeros(self.num_dst, *messages.shape[1:])
        return out.index_add(0, self.dst, messages)

    def mean(self, messages: Tensor) -> Tensor:
        """Messages (E, d) averaged at their destinations; zero where there is none."""
        degree = counts(self.dst, self.num_dst).clamp(min=1)
        return self.sum(messages) / degree.to(messages.dtype)[:, None]

    def softmax(self, logits: Tensor) -> Tensor:
        """Softmax of edge logits (E,) or (E, heads) over the edges of each destination."""
        index = self.dst if logits.dim() == 1 else self.dst[:, None].expand_as(logits)
        start = logits.new_full((self.num_dst, *logits.shape[1:]), -torch.inf)
        highest = start.scatter_reduce(0, index, logits.detach(), "amax")
        weights = (logits - highest[self.dst]).exp()
        return weights / self.sum(weights)[self.dst]
