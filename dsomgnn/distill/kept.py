"""What teachers say of all training queries, made once, since teachers are frozen: where every triple has the same
ones, the soft labels of them together; else, as far as memory goes, the scores of each. A step that finds soft labels
multiplies no more than one of a student without teachers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dsomgnn.batches import Batch, TrainingQueries, rows_within, step_memory
from dsomgnn.counter import Counter
from dsomgnn.distill.agent import FixedChoice
from dsomgnn.distill.losses import LossWeights
from dsomgnn.distill.policy import set_weights
from dsomgnn.distill.soft_labels import soft_labels
from dsomgnn.distill.state import speak
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.processor import own_pages

CHANGING = ("reinforce", "random")  # policies that choose anew in every step


@dataclass(frozen=True)
class Tables:
    """Tables (Q, N) of what teachers say of all training queries: one of soft labels, or, where a policy chooses anew
    in every step, one of scores `by_teacher`. How many are `wanted`, how many fit, and the bytes of each."""

    by_teacher: bool = False
    wanted: int = 0
    fitting: int = 0
    size: int = 0

    @classmethod
    def within(cls, memory: int, policy: str, teachers: int, numbers: int, dtype: torch.dtype) -> Tables:
        by_teacher, size = policy in CHANGING, numbers * dtype.itemsize
        wanted = teachers if by_teacher else 1
        return cls(by_teacher, wanted, min(wanted, memory // size), size)

    @property
    def kept(self) -> int:
        """Bytes of those that fit."""
        return self.fitting * self.size


@torch.no_grad()
def kept_labels(
    teachers: Sequence[FrozenTeacher],
    training: TrainingQueries,
    choice: FixedChoice,
    weights: LossWeights,
    dtype: torch.dtype,
) -> Tensor:
    """Soft labels (Q, N) in `dtype` at weights.tau of all training queries; how far it is goes to stderr."""

    def made(batch: Batch) -> Tensor:
        shares = set_weights(choice.choose(speak(teachers, batch.queries)))
        return soft_labels(teachers, batch, shares, weights, dtype)

    return _of_all(training, teachers[0], dtype, "soft labels of train queries", made)


@torch.no_grad()
def kept_teacher(teacher: FrozenTeacher, training: TrainingQueries, dtype: torch.dtype) -> FrozenTeacher:
    """The teacher, to be asked of training queries alone, with its scores of all of them in `dtype`; how far it is
    goes to stderr."""

    def made(batch: Batch) -> Tensor:
        return teacher.logits(batch.queries, batch.index, dtype)

    scores = _of_all(training, teacher, dtype, f"{teacher.name}: scores of train queries", made)
    return replace(teacher, own_scores=scores)


def _of_all(
    training: TrainingQueries, teacher: FrozenTeacher, dtype: torch.dtype, told: str, made: Callable[[Batch], Tensor]
) -> Tensor:
    """A table (Q, N) of what is made for batches of all training queries."""
    shape, device = (len(training), len(teacher.entities)), teacher.entities.device
    found = own_pages(shape, dtype) if device.type == "cpu" else torch.empty(shape, dtype=dtype, device=device)
    with Counter(told) as count:
        for index in torch.arange(shape[0]).split(rows_within(shape[1], 2, dtype, step_memory(device))):
            found[index[0] : index[-1] + 1] = made(training.at(index).to(device))
            count(int(index[-1]) + 1, shape[0])
    return found
