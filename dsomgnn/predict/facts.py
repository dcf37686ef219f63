"""What a data set already knows of an answer: the split that a triple stands in."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from dsomgnn.data.answers import Answers
from dsomgnn.data.triples import SPLITS, Dataset

NAMES = (*SPLITS, "unused")  # of a triple in several, the first; unused: published, but held out of the run


def facts_of(queries: Tensor, answers: Tensor, num_relations: int) -> Tensor:
    """Triples (..., 3) that answers (...) make of queries (..., 2), of which there may be one for many answers."""
    given, asked = (column.expand_as(answers) for column in queries.unbind(-1))
    back = asked >= num_relations
    ends = torch.where(back, answers, given), torch.where(back, given, answers)
    return torch.stack([ends[0], asked % num_relations, ends[1]], -1)


class Facts:
    """The triples of a data set, by split."""

    def __init__(self, dataset: Dataset):
        self.dataset = dataset

    def split_of(self, triples: Tensor) -> Tensor:
        """For each triple (n, 3) its split as a place in NAMES, (n,); -1: it stands in none."""
        keys, split = self._sorted
        wanted = self._keys(triples)
        at = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
        return torch.where(keys[at] == wanted, split[at], -1)

    @cached_property
    def answers(self) -> Answers:
        """Known answers of every query, from all splits."""
        data = self.dataset
        return Answers.of(data.known, data.num_entities, data.num_relations)

    @cached_property
    def _sorted(self) -> tuple[Tensor, Tensor]:
        data = self.dataset
        parts = [data.train, data.valid, data.test, data.unused]
        split = torch.arange(len(parts)).repeat_interleave(torch.tensor([len(part) for part in parts]))
        keys, order = self._keys(torch.cat(parts)).sort(stable=True)
        return keys, split[order]

    def _keys(self, triples: Tensor) -> Tensor:
        head, relation, tail = triples.unbind(1)
        return (head * self.dataset.num_relations + relation) * self.dataset.num_entities + tail
