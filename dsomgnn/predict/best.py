"""The best answers of queries among all entities, in chunks that fit a memory budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from dsomgnn.data.answers import Answers
from dsomgnn.processor import products

BUDGET = 64 << 20  # bytes of scores at a time


class Scorer(Protocol):
    """A model that scores all N entities as answers: the student, or a frozen teacher."""

    @property
    def entities(self) -> Tensor:
        """Candidates, (N, d)."""
        ...

    @property
    def temperature(self) -> float:
        """Fitted on validation data: probabilities are softmax(scores / temperature)."""
        ...

    def vectors(self, queries: Tensor) -> Tensor:
        """Query vectors (B, d), whose products with `entities` are the scores."""
        ...


@dataclass(frozen=True)
class Top:
    """The best answers of B queries, best first: `entity` int64, `score`, `probability` float32, each (B, k).

    A probability is a share of all entities, those that were hidden included. A score of -inf: nothing is left.
    """

    entity: Tensor
    score: Tensor
    probability: Tensor


@torch.no_grad()
@products()  # a GPU that has trained multiplies in TF32
def top(scorer: Scorer, queries: Tensor, k: int, hide: Answers | None = None, budget: int = BUDGET) -> Top:
    """The k best entities of queries (B, 2), all N where k is more; a query that is asked twice is answered once.

    `hide`: known answers to leave out. One buffer of about `budget` bytes holds the scores of all chunks in turn.
    """
    distinct, place = queries.unique(dim=0, return_inverse=True)
    count = len(scorer.entities)
    k, size = min(k, count), max(1, min(len(distinct), budget // (4 * count)))
    best = torch.empty(len(distinct), k, dtype=torch.long), *torch.empty(2, len(distinct), k)
    buffer = scorer.entities.new_empty(size, count)
    for start in range(0, len(distinct), size):
        part = distinct[start : start + size]
        scores = torch.mm(_vectors(scorer, part), scorer.entities.T, out=buffer[: len(part)])
        for column, found in zip(best, _best(scores, part, k, scorer.temperature, hide), strict=True):
            column[start : start + size] = found
    return Top(*(column[place] for column in best))


def _best(
    scores: Tensor, queries: Tensor, k: int, temperature: float, hide: Answers | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Entities, scores and probabilities (B, k); spoils `scores`."""
    row, known = hide.gather(hide.find(queries)) if hide else queries[:0].unbind(1)
    at = row.to(scores.device), known.to(scores.device)
    hidden, scores[at] = scores[at], -torch.inf
    best = scores.topk(k)
    scores[at] = hidden
    highest = scores.amax(1, keepdim=True)
    whole = scores.sub_(highest).div_(temperature).exp_().sum(1, keepdim=True)
    return best.indices, best.values, (best.values - highest).div(temperature).exp() / whole


@torch.no_grad()
@products()
def all_scores(scorer: Scorer, queries: Tensor) -> Tensor:
    """Scores (B, N) of every entity as the answer of queries (B, 2)."""
    return _vectors(scorer, queries) @ scorer.entities.T


@torch.no_grad()
@products()
def scores_of(scorer: Scorer, queries: Tensor, answers: Tensor, chunk: int = 1 << 16) -> Tensor:
    """Scores (n,) of one answer (n,) each for queries (n, 2)."""
    device = scorer.entities.device
    parts = zip(queries.to(device).split(chunk), answers.to(device).split(chunk), strict=True)
    return torch.cat([torch.linalg.vecdot(scorer.vectors(q), scorer.entities[a]) for q, a in parts]).cpu()


def _vectors(scorer: Scorer, queries: Tensor) -> Tensor:
    return scorer.vectors(queries.to(scorer.entities.device))
