"""Ranks of a job's model on one split, and what valid triples tell of a model."""

from __future__ import annotations

import torch
from torch import Tensor

from dsomgnn.build import Job
from dsomgnn.distill.ensemble import Ensemble
from dsomgnn.distill.teachers import FrozenTeacher, fit_temperature, freeze
from dsomgnn.models.model import Model
from dsomgnn.processor import exact_products, fast_dtype
from dsomgnn.rank.counting import Dense, Pruned, RankCounter
from dsomgnn.rank.metrics import mrr
from dsomgnn.rank.ranks import Ranks, rank_triples


def rank_split(job: Job, model: FrozenTeacher | Ensemble, split: str) -> Ranks:
    """Filtered ranks in both directions, within the recipe's memory budget."""
    return rank_these(job, model, job.dataset.split(split))


@torch.no_grad()
def rank_these(job: Job, model: FrozenTeacher | Ensemble, triples: Tensor) -> Ranks:
    """`rank_split` of triples (n, 3) of the data set."""
    data, budget = job.dataset, job.budget
    counter: RankCounter
    if job.device.type == "cpu" and isinstance(model, FrozenTeacher):
        counter = Pruned(model.vectors, model.entities, fast_dtype(), budget)
    else:
        counter = Dense(exact_products(job.device)(lambda queries: model.logits(queries.to(job.device))), budget)
    return rank_triples(counter, triples, job.known, data.num_entities, data.num_relations)


def valid_mrr(job: Job, model: Model) -> float:
    """Filtered validation MRR, ties realistic: what models are selected by."""
    return mrr(rank_these(job, _ready(job, model), job.selecting))


def temperature(job: Job, model: Model) -> float:
    """The temperature that fits a model's soft labels to the valid triples that models are selected on."""
    return fit_temperature(_ready(job, model), job.selecting, job.dataset.num_relations)


def _ready(job: Job, model: Model) -> FrozenTeacher:
    """A model in training, for the queries of the triples that models are selected on."""
    return freeze("", model, None, asked=job.selecting[:, [0, 2]].unique())
