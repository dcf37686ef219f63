"""Soft labels of all training queries, made once: where every triple has the same teachers they never change, since
teachers are frozen. A step that finds them multiplies no more than one of a student without teachers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dsomgnn.batches import TrainingQueries, rows_within, step_memory
from dsomgnn.counter import Counter
from dsomgnn.distill.agent import FixedChoice
from dsomgnn.distill.losses import LossWeights
from dsomgnn.distill.policy import set_weights
from dsomgnn.distill.soft_labels import soft_labels
from dsomgnn.distill.state import speak
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.processor import own_pages

CHANGING = ("reinforce", "random")  # policies that choose anew in every step


def label_bytes(queries: int, entities: int, dtype: torch.dtype) -> int:
    """What soft labels of so many queries take."""
    return queries * entities * dtype.itemsize


@torch.no_grad()
def kept_labels(
    teachers: Sequence[FrozenTeacher],
    training: TrainingQueries,
    choice: FixedChoice,
    weights: LossWeights,
    dtype: torch.dtype,
) -> Tensor:
    """Soft labels (Q, N) in `dtype` at weights.tau of all training queries; how far it is goes to stderr."""
    shape, device = (len(training), len(teachers[0].entities)), teachers[0].entities.device
    found = own_pages(shape, dtype) if device.type == "cpu" else torch.empty(shape, dtype=dtype, device=device)
    rows = rows_within(shape[1], 2, dtype, step_memory(device))
    with Counter("soft labels of train queries") as count:
        for index in torch.arange(len(training)).split(rows):
            batch = training.at(index).to(device)
            shares = set_weights(choice.choose(speak(teachers, batch.queries)))
            found[index[0] : index[-1] + 1] = soft_labels(teachers, batch, shares, weights, dtype)
            count(int(index[-1]) + 1, shape[0])
    return found
