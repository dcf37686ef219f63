"""Where recipes and data sets lie: beside a recipe, in the current folder, under $DSOMGNN_DATASETS, in the package."""

from __future__ import annotations

import os
from pathlib import Path

from dsomgnn.errors import DataError, nearest

PACKAGE = Path(__file__).parent


def shipped(what: str) -> Path:
    """The package's own "recipes" or "datasets", installed or in a checkout."""
    inside = PACKAGE / what
    return inside if inside.is_dir() else PACKAGE.parent / what


def shipped_recipes() -> list[Path]:
    """The shipped recipes, and the encoder files beside them."""
    return sorted(path for path in shipped("recipes").iterdir() if path.suffix in (".toml", ".py"))


def recipe_at(path: Path) -> Path:
    """The recipe, or the shipped one of that name where `NAME.toml` or `recipes/NAME.toml` is not in this folder."""
    if path.exists() or str(path.parent) not in (".", "recipes"):
        return path
    return next((recipe for recipe in shipped_recipes() if recipe.name == path.name), path)


def dataset_places(name: str, folder: Path) -> list[Path]:
    """Where a data set is looked up: beside the recipe, in the current folder, $DSOMGNN_DATASETS, the package."""
    roots = [folder, folder / "datasets", folder.parent / "datasets", Path.cwd(), Path.cwd() / "datasets"]
    if os.environ.get("DSOMGNN_DATASETS"):
        roots.append(Path(os.environ["DSOMGNN_DATASETS"]))
    return [root / name for root in [*roots, shipped("datasets")]]


def at_hand(name: str, folder: Path) -> Path | None:
    """The first place that holds the data set's train.txt (or its .gz), or None."""
    places = dataset_places(name, folder)
    return next((p for p in places if any((p / f"train.txt{end}").exists() for end in ("", ".gz"))), None)


def find_dataset(name: str, folder: Path = Path()) -> Path:
    """The folder of a data set, looked up by name as recipes that lie in `folder` do.

    Raises DataError, which says where it was looked for.
    """
    found = at_hand(name, folder)
    if found is not None:
        return found
    places = dataset_places(name, folder)
    known = {p.name for place in places if place.parent.is_dir() for p in place.parent.iterdir() if p.is_dir()}
    looked = "\n  ".join(dict.fromkeys(str(place) for place in places))
    variable = "" if os.environ.get("DSOMGNN_DATASETS") else "\n  ($DSOMGNN_DATASETS is not set)"
    hint = nearest(name, sorted(known))
    hint = hint if "Did" in hint else ""
    if (shipped("datasets") / f"{name}.toml").is_file():
        hint = f" Get it: dsomgnn data get {name}."
    raise DataError(f'data set "{name}" not found.{hint} Looked for train.txt in\n  {looked}{variable}')
