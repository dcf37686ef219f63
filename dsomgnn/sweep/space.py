"""What a sweep searches: the recipe's [sweep] table, and the weights of distillation, as Optuna's distributions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from dsomgnn.errors import RecipeError
from dsomgnn.recipe import load_recipe
from dsomgnn.settings import Recipe
from dsomgnn.toml_lines import line_of, line_table

Space = dict[str, BaseDistribution]

WEIGHTS: dict[str, tuple[Any, ...]] = {"distill.gamma": (0.1, 10.0, "log"), "distill.tau": (0.5, 4.0, "log")}
OF_THE_SPLIT: dict[str, tuple[Any, ...]] = {"distill.alpha": (0.1, 10.0, "log"), "distill.beta": (0.1, 10.0, "log")}


def space_of(path: Path, changes: list[str]) -> Space:
    """What the recipe's sweep searches: the weights of distillation where it distils, and what its [sweep] names.

    Raises RecipeError, with file:line, for a key or an end of a range that the recipe would not take.
    """
    recipe = load_recipe(path, changes)
    searched = {**_always(recipe), **recipe.sweep}
    if not searched:
        raise RecipeError(
            f'{path}: nothing to search: it distils nothing and has no [sweep], "student.n3" = [0.01, 0.1]'
        )
    space = {key: _distribution(values, own_value(recipe, key)) for key, values in searched.items()}
    lines = {key: f"{path}:{line}" for key, line in line_table(path.read_text(encoding="utf-8")).items()}
    for key, distribution in space.items():
        for value in _extremes(distribution):
            (change,) = as_changes({key: value})
            try:
                load_recipe(path, [*changes, change])
            except RecipeError as error:
                where = line_of(f"sweep.{key}", lines) or path
                raise RecipeError(f"{where}: [sweep] {str(error).removeprefix(f'--set {change}: ')}") from None
    return space


def _always(recipe: Recipe) -> dict[str, tuple[Any, ...]]:
    """The weights of its distillation that count."""
    if not recipe.pool:
        return {}
    return WEIGHTS if recipe.distill.neighbourhood == "none" else {**WEIGHTS, **OF_THE_SPLIT}


def as_changes(params: Mapping[str, Any]) -> list[str]:
    """Values of a trial as `--set` takes them."""
    return [f"{key}={word(value)}" for key, value in params.items()]


def word(value: Any) -> str:
    """A value in TOML, a string bare."""
    return value if isinstance(value, str) else json.dumps(value)


def short(value: Any) -> str:
    """A value to be read: fractions to three figures."""
    return f"{value:.3g}" if isinstance(value, float) else word(value)


def own_params(recipe: Recipe, space: Space) -> dict[str, Any] | None:
    """The recipe's own values, or None where the space does not hold them."""
    own = {key: _as_param(own_value(recipe, key), distribution) for key, distribution in space.items()}
    return own if all(_holds(space[key], value) for key, value in own.items()) else None


def own_value(recipe: Recipe, key: str) -> Any:
    """What the recipe says under a dotted key, or None where it says nothing."""
    value: Any = recipe.model_dump(mode="json")
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _distribution(values: tuple[Any, ...], own: Any) -> BaseDistribution:
    log = values[-1] == "log"
    ends = values[:-1] if log else values
    if len(ends) == 2 and all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends):
        whole = all(isinstance(end, int) for end in ends) and not isinstance(own, float)
        low, high = ends
        return IntDistribution(low, high, log) if whole else FloatDistribution(low, high, log)
    return CategoricalDistribution([word(value) for value in ends])


def _extremes(distribution: BaseDistribution) -> tuple[Any, ...]:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return distribution.low, distribution.high


def _as_param(value: Any, distribution: BaseDistribution) -> Any:
    return word(value) if isinstance(distribution, CategoricalDistribution) else value


def _holds(distribution: BaseDistribution, value: Any) -> bool:
    ends = _extremes(distribution)
    if isinstance(distribution, CategoricalDistribution):
        return value in ends
    return isinstance(value, int | float) and ends[0] <= value <= ends[1]
