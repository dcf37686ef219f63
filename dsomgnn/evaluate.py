"""Ranks of a job's model on one split."""

from __future__ import annotations

import torch

from dsomgnn.build import Job
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.rank.ranks import Ranks, rank_triples


@torch.no_grad()
def rank_split(job: Job, model: FrozenTeacher, split: str) -> Ranks:
    """Filtered ranks in both directions, within the recipe's memory budget."""
    data = job.dataset
    return rank_triples(
        lambda queries: model.logits(queries.to(job.device)),
        data.split(split),
        job.known,
        data.num_entities,
        data.num_relations,
        job.recipe.rank.budget_mb << 20,
    )
