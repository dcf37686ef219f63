"""One move of the parameters per batch, whose scores of all entities are made in parts that fit in memory."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from dsomgnn.batches import Batch, rows_within, step_memory
from dsomgnn.choices import Tally
from dsomgnn.distill.distiller import Distiller
from dsomgnn.models.model import Model
from dsomgnn.optimise import Optimisers
from dsomgnn.pool import Pool
from dsomgnn.processor import number_format
from dsomgnn.settings import Training


def plain_step(model: Model, batch: Batch, optimisers: Optimisers, settings: Training) -> Tensor:
    """A step of cross entropy and N3 on a batch of the CPU; its loss."""
    found, entities, device = [], model.fusion.num_entities, model.relation.device
    dtype = number_format(settings.products, device)
    own = len(batch.queries) + len(batch.row)
    width = min(entities, settings.candidates + own) if settings.candidates else entities

    def losses() -> Iterator[Tensor]:
        for part in batch.parts(rows_within(width, 1, dtype, step_memory(device))):
            pool = Pool.around(torch.cat([part.queries[:, 0], part.target]), settings.candidates, entities)
            loss = model.loss(part, settings.n3, dtype, pool) * (len(part.row) / len(batch.row))
            found.append(loss.detach())
            yield loss

    optimisers.step(losses())
    return torch.stack(found).sum()


def taught_step(
    distiller: Distiller, batch: Batch, stage: str, optimisers: Optimisers, tally: Tally, measure: bool
) -> None:
    """A step of the student with its teachers, which `tally` hears of."""

    def losses() -> Iterator[Tensor]:
        step = distiller.step(batch, stage, measure)
        tally.add(step, measure)
        yield step.loss

    optimisers.step(losses())
