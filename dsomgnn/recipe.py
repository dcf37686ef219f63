"""A recipe: every setting of a run, read from TOML, checked at once, each error with file:line and the nearest key."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dsomgnn.errors import RecipeError, nearest
from dsomgnn.toml_lines import line_of, line_table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fanouts = Annotated[tuple[Annotated[int, Field(ge=-1)], ...], Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Data(Section):
    """Which data set: a name to look up, or a path."""

    name: str


class FeatureRecipe(Section):
    """How one modality becomes features. `source` and `ids` are files of the data set's folder.

    `keep` is the share of the entities that have it which keep it; the rest lose it (a test of robustness).
    """

    source: str
    encoder: Literal["array", "tfidf-svd", "numeric", "histogram"] = "array"
    ids: str | None = None
    dim: Count | None = None
    keep: Annotated[float, Field(gt=0, le=1)] = 1.0


class Training(Section):
    """Optimisation of a model: Adagrad with `lr` for tables, Adam with `lr_dense` for the rest.

    `products`: number format of the products with all entities; tables and optimisers stay float32. A student that
    is taught keeps its own products in float32, and multiplies its teachers in this format.
    """

    epochs: Count = 60
    batch: Count = 400
    merge: bool = True
    lr: Positive = 0.1
    lr_dense: Positive = 1e-3
    n3: Weight = 0.05
    init: Positive = 1e-3
    products: Literal["float32", "bfloat16"] = "float32"
    validate_every: Count = 5
    patience: Count = 4


class Student(Training):
    """The unimodal student."""

    score: Literal["complex", "distmult"] = "complex"
    rank: Count = 100


class TeacherRecipe(Training):
    """One teacher: modalities, fusion, encoder."""

    modalities: tuple[str, ...] = ()
    structure: bool = True
    score: Literal["complex", "distmult"] = "complex"
    rank: Count = 200
    modality_rank: Count = 56
    fusion: Literal["blocks", "gate", "sum"] = "blocks"
    structure_dropout: Share = 0.0
    encoder: str = "lookup"
    options: dict[str, Any] = Field(default_factory=dict)
    fanouts: Fanouts = (10,)


class Distill(Section):
    """Decoupled distillation, and who chooses the teachers."""

    policy: str = "reinforce"
    gamma: Weight = 1.0
    tau: Positive = 1.0
    alpha: Weight = 1.0
    beta: Weight = 1.0
    binary: bool = True
    neighbourhood: Literal["sampled", "khop", "answers", "random", "target", "none"] = "sampled"
    hops: Count = 2
    walks: Count = 16
    warmup: Annotated[int, Field(ge=0)] = 3


class AgentRecipe(Section):
    """The policy and its REINFORCE steps; only read with policy = "reinforce"."""

    reward: Literal["improvement", "log-probability"] = "improvement"
    reward_on: Literal["train", "reserve"] = "reserve"
    reserve: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    epochs: Count = 20
    baseline: Literal["mean", "greedy"] = "mean"
    state: Literal["context", "target"] = "context"
    rows: Count = 256
    hidden: Count = 128
    entropy: Weight = 0.01
    lr: Positive = 1e-3
    clip: Positive = 1.0


class Rank(Section):
    """How ranks are read."""

    ties: Literal["realistic", "optimistic", "pessimistic"] = "realistic"
    budget_mb: Count = 256


class Recipe(Section):
    """All settings of a run."""

    data: Data
    seed: Annotated[int, Field(ge=0)] = 0
    device: str = "auto"
    threads: Annotated[int, Field(ge=0)] = 0
    features: dict[str, FeatureRecipe] = Field(default_factory=dict)
    teachers: dict[str, TeacherRecipe] = Field(default_factory=dict)
    student: Student = Field(default_factory=Student)
    distill: Distill = Field(default_factory=Distill)
    agent: AgentRecipe = Field(default_factory=AgentRecipe)
    rank: Rank = Field(default_factory=Rank)

    @model_validator(mode="after")
    def _names_fit(self) -> Recipe:
        for table, names, taken in (("teachers", self.teachers, "student"), ("features", self.features, "structure")):
            for name in names:
                if name == taken or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
                    raise _NamedError(f"{table}.{name}", f'a name is letters, digits, "_" and "-", but not "{taken}"')
        for name, teacher in self.teachers.items():
            if 0 in teacher.fanouts:
                raise _NamedError(f"teachers.{name}.fanouts", "a fan-out is at least 1, or -1 for all neighbours")
            for modality in teacher.modalities:
                if modality not in self.features:
                    raise _NamedError(
                        f"teachers.{name}.modalities",
                        f"no [features.{modality}].{nearest(modality, self.features)}",
                    )
            if not teacher.modalities and not teacher.structure:
                raise _NamedError(f"teachers.{name}", "has neither structure nor modalities")
        policy = self.distill.policy
        kinds = ["reinforce", "all", "random", "none", *(f"single:{name}" for name in self.teachers)]
        if policy not in kinds:
            raise _NamedError("distill.policy", f'unknown policy "{policy}".{nearest(policy, kinds)}')
        if policy != "none" and not self.teachers:
            raise _NamedError(
                "distill.policy",
                f'"{policy}" needs at least one [teachers.NAME]; without teachers say "none"',
            )
        return self

    @property
    def pool(self) -> dict[str, TeacherRecipe]:
        """The teachers that the policy needs."""
        policy = self.distill.policy
        if policy == "none":
            return {}
        if policy.startswith("single:"):
            name = policy.removeprefix("single:")
            return {name: self.teachers[name]}
        return self.teachers

    @property
    def reserve(self) -> float:
        """The share of train that teachers never see."""
        return self.agent.reserve if self.distill.policy == "reinforce" and self.agent.reward_on == "reserve" else 0.0

    def sha256(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class _NamedError(ValueError):
    """A ValueError that knows the dotted key it is about."""

    def __init__(self, key: str, message: str):
        super().__init__(message)
        self.key = key


def load_recipe(path: str | Path, changes: tuple[str, ...] | list[str] = ()) -> Recipe:
    """Read a recipe and apply changes of the form "key=value" (dotted key, TOML value).

    Raises RecipeError that lists every error, each with file:line and the nearest right key.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except FileNotFoundError:
        here = sorted(str(p) for p in path.parent.glob("*.toml")) if path.parent.is_dir() else []
        raise RecipeError(f"{path}: no such recipe.{nearest(str(path), here)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from None
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
        return Recipe.model_validate(_tuples(tree), strict=True)
    except ValidationError as error:
        messages = dict.fromkeys(_message(e, origin, path) for e in error.errors())
        raise RecipeError("\n".join(messages)) from None


def _tuples(value: Any) -> Any:
    """TOML arrays as tuples, so that a recipe is frozen all the way down."""
    if isinstance(value, dict):
        return {k: _tuples(v) for k, v in value.items()}
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _message(error: Any, origin: dict[str, str], path: str) -> str:
    cause = error.get("ctx", {}).get("error")
    key = cause.key if isinstance(cause, _NamedError) else ".".join(map(str, error["loc"]))
    where = line_of(key, origin) or path
    if isinstance(cause, _NamedError):
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
