"""Reading a recipe from TOML: every error at once, each with file:line and the nearest right key."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dsomgnn.errors import RecipeError, nearest, reason
from dsomgnn.places import shipped_recipes
from dsomgnn.settings import (
    AgentRecipe,
    Data,
    Distill,
    FeatureRecipe,
    NamedError,
    Rank,
    Recipe,
    Section,
    Student,
    TeacherRecipe,
)  # fmt: skip
from dsomgnn.toml_lines import line_of, line_table, syntax_error

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def load_recipe(path: str | Path, changes: tuple[str, ...] | list[str] = ()) -> Recipe:
    """Read a recipe and apply changes of the form "key=value" (dotted key, TOML value).

    Raises RecipeError that lists every error, each with file:line and the nearest right key.
    """
    if isinstance(changes, str):
        raise RecipeError(f'changes "{changes}": expected a list of them, ["{changes}"]')
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except FileNotFoundError:
        here = sorted(str(p) for p in path.parent.glob("*.toml")) if path.parent.is_dir() else []
        ships = [f"recipes/{recipe.name}" for recipe in shipped_recipes() if recipe.suffix == ".toml"]
        raise RecipeError(f"{path}: no such recipe.{nearest(str(path), [*here, *ships])}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read: {reason(error)}") from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(syntax_error(error, path)) from None
    lines = line_table(text)
    origin = {key: f"{path}:{line}" for key, line in lines.items()}
    for change in changes:
        key = _apply(tree, change)
        origin[key] = f"--set {change}"
    return _validated(tree, origin, str(path))


def parse_recipe(tree: dict[str, Any]) -> Recipe:
    """A recipe from a plain dictionary."""
    return _validated(tree, {}, "recipe")


def _apply(tree: dict[str, Any], change: str) -> str:
    key, equals, word = change.partition("=")
    key = key.strip()
    if not equals or not key:
        raise RecipeError(f'--set {change}: expected key=value, for instance "distill.gamma=0.5"')
    try:
        value = tomllib.loads(f"value = {word}")["value"]
    except tomllib.TOMLDecodeError:
        value = word.strip()
    *tables, last = key.split(".")
    if len(tables) > 1 and tables[0] in ("teachers", "features") and tables[1] not in tree.get(tables[0], {}):
        near = nearest(tables[1], tree.get(tables[0], {}))
        if "Did you mean" in near:  # else the change adds one
            raise RecipeError(f"--set {change}: no [{'.'.join(tables[:2])}].{near}")
    for name in tables:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise RecipeError(f"--set {change}: {name} is a value, not a section")
    tree[last] = value
    return key


def _validated(tree: dict[str, Any], origin: dict[str, str], path: str) -> Recipe:
    try:
        recipe = Recipe.model_validate(_tuples(tree), strict=True)
    except ValidationError as error:
        messages = dict.fromkeys(_message(e, origin, path) for e in error.errors())
        raise RecipeError("\n".join(messages)) from None
    if wrong := [_not_searched(key, recipe, origin, path) for key in recipe.sweep if not _is_setting(key, recipe)]:
        raise RecipeError("\n".join(wrong))
    return recipe


def _is_setting(key: str, recipe: Recipe) -> bool:
    """Whether a dotted key is one of a recipe, about teachers and features that it has."""
    table, _, rest = key.partition(".")
    named = getattr(recipe, table, None) if table in ("teachers", "features") else None
    if named is None:
        return key in all_keys()
    name, _, field = rest.partition(".")
    return name in named and (f"{table}.NAME.{field}" in all_keys() or field.startswith("options."))


def _not_searched(key: str, recipe: Recipe, origin: dict[str, str], path: str) -> str:
    table, _, rest = key.partition(".")
    name, names = rest.partition(".")[0], {"teachers": [*recipe.teachers], "features": [*recipe.features]}
    unknown = table in names and name not in names[table]
    near = nearest(name, names[table]) if unknown else _near_key(key)
    return f'{line_of(f"sweep.{key}", origin) or path}: [sweep] unknown key "{key}".{near}'


def _tuples(value: Any) -> Any:
    """TOML arrays as tuples, so that a recipe is frozen all the way down."""
    if isinstance(value, dict):
        return {k: _tuples(v) for k, v in value.items()}
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _message(error: Any, origin: dict[str, str], path: str) -> str:
    cause = error.get("ctx", {}).get("error")
    key = cause.key if isinstance(cause, NamedError) else ".".join(map(str, error["loc"]))
    where = line_of(key, origin) or path
    if isinstance(cause, NamedError):
        return f"{where}: {key}: {cause}"
    if error["type"] == "extra_forbidden":
        return f'{where}: unknown key "{key}".{_near_key(key)}'
    if error["type"] == "missing":
        return f'{where}: "{key}" is missing'
    return f"{where}: {key} = {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _near_key(key: str) -> str:
    """The nearest key of the same section, else the nearest key of any section."""
    *tables, last = key.split(".")
    model = _section(tables)
    fields = list(model.model_fields) if model else []
    near = nearest(last, fields)
    if near.startswith(" Did"):
        return near
    elsewhere = [dotted for dotted in all_keys() if dotted.split(".")[-1] == last]
    return f' Did you mean "{elsewhere[0]}"?' if elsewhere else near


def _section(tables: list[str]) -> type[Section] | None:
    model: type[Section] = Recipe
    for depth, name in enumerate(tables):
        if depth == 1 and tables[0] in ("teachers", "features"):
            continue
        if name not in model.model_fields:
            return None
        model = _SECTIONS[name]
    return model


_SECTIONS: dict[str, type[Section]] = {
    "data": Data, "features": FeatureRecipe, "teachers": TeacherRecipe, "student": Student,
    "distill": Distill, "agent": AgentRecipe, "rank": Rank,
}  # fmt: skip


def all_keys() -> list[str]:
    """Every key of a recipe, dotted, with NAME where the user chooses a name."""
    named = {"teachers": "teachers.NAME", "features": "features.NAME"}
    inner = [f"{named.get(s, s)}.{field}" for s, model in _SECTIONS.items() for field in model.model_fields]
    return [name for name in Recipe.model_fields if name not in _SECTIONS] + inner
