"""A model: fused entities, an encoder for the head, relations, and a score function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dsomgnn.batches import Batch
from dsomgnn.errors import PluginError
from dsomgnn.layer import Layer
from dsomgnn.models.cross_entropy import fused_cross_entropy
from dsomgnn.models.fusion import Blocks, Gate, Sum
from dsomgnn.models.score import ScoreFunction, n3
from dsomgnn.pool import EVERYONE, Pool
from dsomgnn.registry import own_code
from dsomgnn.sampling import BlockSampler, seed_all
from dsomgnn.unwaited import moved

HEARD, FURTHER = 2**16, 2**10  # neighbours that an entity hears, and those that its neighbours hear: memory has an end
EDGES, OF_ALL_LAYERS = 2**18, 2**20  # edges of the last layer, and of all of them, at a time


class _Read(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table, *rows):
        ctx.save_for_backward(*rows)
        return (table.view_as(table), *(table[r] for r in rows))

    @staticmethod
    def backward(ctx, whole, *parts):
        for rows, part in zip(ctx.saved_tensors, parts, strict=True):
            if whole.device.type == "cpu":
                whole.add_(torch.sparse_coo_tensor(rows[None], part, whole.shape, check_invariants=False))
            else:
                whole.index_add_(0, rows, part)
        return whole, *[None] * len(parts)


def read(table: Tensor, *rows: Tensor) -> tuple[Tensor, ...]:
    """The table (N, d) and some of its rows, each (n, d); their gradients are added to the table's in place.

    Its only reader must hand over a gradient that is read nowhere else. Autograd alone makes a table of zeros for every
    table[rows].
    """
    return _Read.apply(table, *rows)


@dataclass(frozen=True)
class Reading:
    """What a loss reads of a model for a batch: candidates (P, d), heads and relations (B, d), and the batch's distinct
    tails (n, d); and the share of the batch's triples that hold each query, `asked` (B,), and tail, `told` (n,)."""

    table: Tensor
    head: Tensor
    relation: Tensor
    tail: Tensor
    asked: Tensor
    told: Tensor


class Model(nn.Module):
    """Scores of every entity as tail of a query (head, relation); relation r + R asks for the head side of r.

    The head goes through the encoder (message passing over train edges), candidates are the fused vectors.
    Without an encoder both are the same table: the student is such a model, of structure alone.
    """

    def __init__(
        self,
        score: ScoreFunction,
        fusion: Blocks | Gate | Sum,
        num_relations: int,
        encoder: nn.Module | None = None,
        sampler: BlockSampler | None = None,
        init: float = 1e-3,
    ):
        super().__init__()
        self.score, self.fusion, self.encoder, self.sampler = score, fusion, encoder, sampler
        self.relation = nn.Parameter(init * torch.randn(2 * num_relations, fusion.width))

    def heads(self, table: Tensor | None, head: Tensor, own: Tensor | None = None, most: int = 0) -> Tensor:
        """Encoded heads (B, d) for entity ids (B,); no message passes between the pairs of entities `own` (n, 2). Both
        are on the CPU.

        Messages come from sampled neighbours, or from up to `most` of an entity, -1 for every one. Without the `table`
        of all fused vectors (N, d) those that are needed are made.
        """
        device = self.relation.device
        if self.encoder is None or self.sampler is None:
            return self._vectors(table, moved(head, device))
        seeds, back = head.unique(return_inverse=True)
        sampler = self.sampler.of(most) if most else self.sampler
        return self._encoded(table, sampler.layers(seeds, own))[moved(back, device)]

    def _vectors(self, table: Tensor | None, ids: Tensor) -> Tensor:
        return self.fusion(ids) if table is None else table[ids]

    def _encoded(self, table: Tensor | None, layers: Sequence[Layer]) -> Tensor:
        """Encoded seeds of layers on the CPU."""
        assert self.encoder is not None
        layers = [layer.to(self.relation.device) for layer in layers]
        x = self._vectors(table, layers[0].nodes)
        with own_code(self.encoder, f"forward of {type(self.encoder).__name__}"):
            encoded = self.encoder(layers, x)
        if encoded.shape != (wanted := (layers[-1].num_dst, self.relation.shape[1])) or encoded.dtype != x.dtype:
            raise PluginError(
                f"forward of {type(self.encoder).__name__} returned shape {tuple(encoded.shape)} of {encoded.dtype} in "
                f"a run, expected (num_seeds, out_dim) = {wanted} of {x.dtype}"
            )
        return encoded

    def loss(self, batch: Batch, weight: float, dtype: torch.dtype | None = None, pool: Pool = EVERYONE) -> Tensor:
        """Cross entropy over the pool plus N3 with `weight`, both means over the batch's triples.

        `dtype`: of the products with all candidates. The pool holds heads and targets of the batch; both are on the
        CPU, wherever the model is.
        """
        device = self.relation.device
        there = pool.to(device)
        seen = self.read(batch, pool, there)
        query = self.score.query(seen.head, seen.relation)
        asked = moved(batch.row, device), moved(pool.place(batch.target), device)
        return fused_cross_entropy(query, seen.table, *asked, dtype, there) + weight * self.regulariser(seen)

    def read(self, batch: Batch, pool: Pool, there: Pool) -> Reading:
        """Candidates, encoded heads, relations and tails, on the model's device, of a batch and a pool on the CPU; the
        pool is `there` too."""
        head, relation = batch.queries.unbind(1)
        tail, times = batch.target.unique(return_counts=True)
        device = self.relation.device
        candidates = self.fusion(there.ids)
        at_head, at_tail = (moved(pool.place(entities), device) for entities in (head, tail))
        if self.encoder is None:
            table, heads, tails = read(candidates, at_head, at_tail)
        else:
            table, tails = read(candidates, at_tail)
            heads = self.heads(table if pool.ids is None else None, head, batch.pairs)
        asked, told = (moved(n.to(table.dtype) / len(batch.row), device) for n in (batch.count, times))
        return Reading(table, heads, self.relation[moved(relation, device)], tails, asked, told)

    def regulariser(self, seen: Reading) -> Tensor:
        """N3 of the encoded heads, the relations and the tails of a batch's triples, mean over the triples."""
        return n3(self.score, ((seen.head, seen.asked), (seen.relation, seen.asked), (seen.tail, seen.told)))

    @torch.no_grad()
    def encode_all(self, asked: Tensor | None = None, edges: int = EDGES) -> tuple[Tensor, Tensor]:
        """Candidates (N, d), and encoded heads (N, d) of all entities, or of those `asked` (n,), zeros for others.

        Every train edge is used, but HEARD of a hub's, FURTHER where it is a neighbour: the same ones each time that
        the same entities are asked. About so many `edges` of the last layer at a time.
        """
        table = self.fusion().detach()
        if self.encoder is None or self.sampler is None:
            return table, table
        heads = torch.zeros_like(table)
        seed_all(0)
        sampler = self.sampler.of(HEARD, FURTHER)
        parts = list(sampler.pieces(torch.arange(len(table)) if asked is None else asked.unique(), HEARD, edges))[::-1]
        while parts:
            part = parts.pop()
            layers = sampler.layers(part)
            if len(part) > 1 and sum(len(layer.src) for layer in layers) > OF_ALL_LAYERS:
                parts += part.tensor_split(2)[::-1]
            else:
                heads[moved(part, heads.device)] = self._encoded(table, layers)
        return table, heads
