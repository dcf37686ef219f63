"""Ranks of a job's model on one split."""

from __future__ import annotations

import torch

from dsomgnn.build import Job
from dsomgnn.distill.ensemble import Ensemble
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.processor import fast_dtype
from dsomgnn.rank.counting import Counter, Dense, Pruned
from dsomgnn.rank.ranks import Ranks, rank_triples


@torch.no_grad()
def rank_split(job: Job, model: FrozenTeacher | Ensemble, split: str) -> Ranks:
    """Filtered ranks in both directions, within the recipe's memory budget."""
    data = job.dataset
    counter: Counter
    if job.device.type == "cpu" and isinstance(model, FrozenTeacher):
        counter = Pruned(model.vectors, model.entities, fast_dtype())
    else:
        counter = Dense(lambda queries: model.logits(queries.to(job.device)))
    triples, budget = data.split(split), job.recipe.rank.budget_mb << 20
    return rank_triples(counter, triples, job.known, data.num_entities, data.num_relations, budget)
