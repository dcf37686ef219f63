"""What a data set already knows of an answer: the split that a triple stands in."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dsomgnn.data.answers import Answers
from dsomgnn.data.triples import SPLITS, Dataset, hold_out, load_dataset
from dsomgnn.errors import DataError
from dsomgnn.places import find_dataset
from dsomgnn.settings import Recipe

NAMES = (*SPLITS, "unused")  # of a triple in several, the first; unused: published, but held out of the run


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


def load_facts(recipe: Recipe, run: Path, record: dict[str, Any]) -> Facts:
    """The facts that a run was made of. Raises DataError where its data set is not at hand, or is another now."""
    recorded = Path(record["data"]["folder"])
    dataset = load_dataset(recorded if recorded.is_dir() else find_dataset(recipe.data.name, run))
    if recipe.data.holdout:
        dataset = hold_out(dataset, recipe.data.holdout)
    if dataset.sha256 != record["data"]["sha256"]:
        raise DataError(f"{dataset.folder}: not the data that {run} was trained on (sha256 differs)")
    return Facts(dataset)
