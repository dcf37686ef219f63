"""The data set of a recipe, and the very one that a run was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dsomgnn.data.triples import Dataset, hold_out, load_dataset
from dsomgnn.errors import DataError
from dsomgnn.places import find_dataset
from dsomgnn.settings import Recipe


def read_dataset(recipe: Recipe, folder: Path, recorded: Path | None = None) -> Dataset:
    """What a recipe in `folder` names, with its holdout; from the `recorded` folder where that is still there.

    Raises DataError.
    """
    at = recorded if recorded and recorded.is_dir() else find_dataset(recipe.data.name, folder)
    dataset = load_dataset(at)
    return hold_out(dataset, recipe.data.holdout) if recipe.data.holdout else dataset


def dataset_of(recipe: Recipe, run: Path, record: dict[str, Any]) -> Dataset:
    """The data that a run was made of. Raises DataError where they are not at hand, or others now."""
    dataset = read_dataset(recipe, run, Path(record["data"]["folder"]))
    if dataset.sha256 != record["data"]["sha256"]:
        raise DataError(f"{dataset.folder}: not the data that {run} was trained on (sha256 differs)")
    return dataset
