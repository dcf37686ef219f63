"""A model: fused entities, an encoder for the head, relations, and a score function."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dsomgnn.batches import Batch
from dsomgnn.models.cross_entropy import fused_cross_entropy
from dsomgnn.models.fusion import Blocks, Gate, Sum
from dsomgnn.models.score import ScoreFunction, n3
from dsomgnn.sampling import BlockSampler


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

    def candidates(self) -> Tensor:
        """Fused vectors of all entities, (N, d)."""
        return self.fusion()

    def heads(self, table: Tensor, head: Tensor, own: Tensor | None = None, every: bool = False) -> Tensor:
        """Encoded heads (B, d) for entity ids (B,); no message passes between the pairs of entities `own` (n, 2).

        Messages come from sampled neighbours, or from `every` one.
        """
        if self.encoder is None or self.sampler is None:
            return table[head]
        seeds, back = head.unique(return_inverse=True)
        sampler = self.sampler.full if every else self.sampler
        layers = [layer.to(table.device) for layer in sampler.layers(seeds.cpu(), own)]
        return self.encoder(layers, table[layers[0].nodes])[back]

    def loss(self, batch: Batch, weight: float, dtype: torch.dtype | None = None) -> Tensor:
        """Cross entropy over all entities plus N3 with `weight`, both means over the batch's triples.

        `dtype`: of the products with all entities.
        """
        table = self.candidates()
        relation = self.relation[batch.queries[:, 1]]
        head = self.heads(table, batch.queries[:, 0], batch.pairs.cpu())
        fit = fused_cross_entropy(self.score.query(head, relation), table, batch.row, batch.target, dtype)
        return fit + weight * self.regulariser(table, head, relation, batch)

    def regulariser(self, table: Tensor, head: Tensor, relation: Tensor, batch: Batch) -> Tensor:
        """N3 of the encoded heads, the relations and the tails of the batch's triples, mean over the triples."""
        count = batch.count.to(table.dtype) / len(batch.row)
        tails, times = batch.target.unique(return_counts=True)
        tail_weight = times.to(table.dtype) / len(batch.row)
        return n3(self.score, ((head, count), (relation, count), (table[tails], tail_weight)))

    @torch.no_grad()
    def encode_all(self, chunk: int = 4096) -> tuple[Tensor, Tensor]:
        """Candidates (N, d) and encoded heads (N, d) of all entities, every train edge used."""
        table = self.candidates()
        parts = torch.arange(len(table), device=table.device).split(chunk)
        return table, torch.cat([self.heads(table, part, every=True) for part in parts])
