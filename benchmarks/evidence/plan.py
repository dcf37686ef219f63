"""What is run: a suite per data set, and the trials of its tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dsomgnn.recipe import load_recipe, tomllib  # tomli, before Python 3.11
from dsomgnn.settings import Recipe

HERE = Path(__file__).parent.parent
BASELINE, ALL, AGENT, BEGUN = "baseline", "all teachers", "agent", "begun as a teacher"
MAIN = (BASELINE, ALL, AGENT)
Side = tuple[str, int]  # variant, rank
KEPT = (0.8, 0.6, 0.4, 0.2)
# settings of [distill] that came when lines were on record, and what leaves all as it was
SINCE = {"alone": 0, "begin": ""}


@dataclass(frozen=True)
class Suite:
    """A data set's recipe with the settings of its tuned baseline, the rank of its headline, and what stands there.

    `at`: by rank, settings of taught students that are of another than the headline's. `changes`: settings of all.
    `begin`: the teacher as which a student begins, where the recipe says none.
    """

    dataset: str
    recipe: Path
    rank: int
    baseline: tuple[str, ...]
    headline: str
    at: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    begin: str = ""

    def settings(self) -> Recipe:
        return load_recipe(self.recipe, self.changes)


@dataclass(frozen=True)
class Trial:
    """One run: a variant of a suite at a rank, with a seed; `changes` are settings, as `fit --set` takes them."""

    suite: Suite
    variant: str
    rank: int
    seed: int
    changes: tuple[str, ...]

    @property
    def key(self) -> dict[str, object]:
        """What tells a trial's recorded line from others."""
        about = {"dataset": self.suite.dataset, "variant": self.variant, "rank": self.rank, "seed": self.seed}
        return {**about, "recipe_sha256": settings_sha256(load_recipe(self.suite.recipe, self.changes))}

    @property
    def folder(self) -> str:
        """The name of its run: another one for other settings."""
        digest = hashlib.sha256(json.dumps(self.key, sort_keys=True).encode()).hexdigest()[:8]
        return (
            f"{self.suite.dataset}/{self.variant.replace(' ', '_').replace(',', '')}-{self.rank}-{self.seed}-{digest}"
        )


def settings_sha256(recipe: Recipe) -> str:
    """Of the settings that the figures of a run depend on, whatever its seed: not of comments, of teachers and features
    that its policy does not ask for, of an agent where none chooses, or of when soft labels are made."""
    policy, pool = recipe.distill.policy, recipe.pool
    unread = {"seed", "device", "threads", "tracker", "sweep", "teachers", "features"}
    unread |= set() if policy == "reinforce" else {"agent"} if policy != "none" else {"agent", "distill"}
    used = {name for teacher in pool.values() for name in teacher.modalities}
    settings = recipe.model_dump(mode="json", exclude=unread)
    distill = settings.get("distill", {})
    distill.pop("kept", None)
    for name, as_before in SINCE.items():
        if distill.get(name) == as_before:
            del distill[name]
    read = {
        **settings,
        "teachers": {name: teacher.model_dump(mode="json") for name, teacher in pool.items()},
        "features": {name: recipe.features[name].model_dump(mode="json") for name in sorted(used)},
    }
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()


def suites(file: Path) -> dict[str, Suite]:
    """Suites by data set; recipes are named relative to the file."""
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return {name: _suite(name, table, file.parent) for name, table in tables.items()}


def _suite(name: str, table: Mapping[str, Any], folder: Path) -> Suite:
    about = folder / table["recipe"], table["rank"], tuple(table["baseline"]), table["headline"]
    return Suite(name, *about, _at(table), _changes(table), table.get("begin", ""))


def _at(table: Mapping[str, Any]) -> dict[int, tuple[str, ...]]:
    return {int(rank): tuple(changes) for rank, changes in table.get("at", {}).items()}


def _changes(table: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(table.get("changes", ()))


def variants(suite: Suite) -> dict[str, list[str]]:
    """Settings of every variant by its name: METHOD's table of controls, whose students begin with random vectors, and,
    where recipe or suite say as which teacher, one that begins so."""
    recipe = suite.settings()
    teachers, begin = recipe.teachers, suite.begin or recipe.distill.begin
    random = ['distill.begin=""'] if recipe.distill.begin else []
    every = ["distill.policy=all", *random]
    used = sorted({m for teacher in teachers.values() for m in teacher.modalities})
    return {
        BASELINE: ["distill.policy=none", *suite.baseline],
        ALL: every,
        **({BEGUN: ["distill.policy=all", f'distill.begin="{begin}"']} if begin else {}),
        AGENT: ["distill.policy=reinforce", *random],
        "random sets": ["distill.policy=random", *random],
        **{f"{name} alone": [f"distill.policy=single:{name}", *random] for name in teachers},
        "plain KL": [*every, "distill.neighbourhood=none"],
        "target split (DKD)": [*every, "distill.neighbourhood=target"],
        "random neighbours": [*every, "distill.neighbourhood=random"],
        "no binary part": [*every, "distill.binary=false"],
        "no neighbour part": [*every, "distill.alpha=0"],
        "no other part": [*every, "distill.beta=0"],
        **{f"{round(100 - 100 * k)} % removed": [*every, *(f"features.{m}.keep={k}" for m in used)] for k in KEPT},
    }


def trial(suite: Suite, name: str, rank: int, seed: int = 0) -> Trial:
    taught = suite.at.get(rank, ()) if name != BASELINE else ()
    of_rank = () if rank == suite.rank else (f"student.rank={rank}", *taught)
    return Trial(suite, name, rank, seed, (*suite.changes, *variants(suite)[name], *of_rank))


def trials(suite: Suite, names: Sequence[str], ranks: Sequence[int], seeds: int) -> Iterator[Trial]:
    """Seed by seed, so that what is stopped leaves whole tables of fewer seeds."""
    for seed in range(seeds):
        for rank in ranks:
            yield from (trial(suite, name, rank, seed) for name in names)


def pairs(suite: Suite, names: Sequence[str], ranks: Sequence[int]) -> Iterator[tuple[Side, Side]]:
    """What is compared with what, as (variant, rank): all with the baseline of their rank, and what else is claimed: a
    small taught student with a baseline of four times its rank, or else of the headline's; and all teachers and the
    whole of their loss with less of either, or with what stands in its place."""
    for rank in ranks:
        yield from (((BASELINE, rank), (name, rank)) for name in names if name != BASELINE)
        wide = 4 * rank if 4 * rank in ranks else suite.rank
        if rank < wide:
            small = dict.fromkeys([suite.headline, *(name for name in names if name == BEGUN)])
            yield from (((BASELINE, wide), (name, rank)) for name in small)
        yield from (((ALL, rank), (name, rank)) for name in (BEGUN, AGENT) if name in names)
        yield from (((name, rank), (ALL, rank)) for name in names if _a_part(name))


def _a_part(variant: str) -> bool:
    """Whether the variant has less than all teachers, or than the whole of their loss, for whoever has all features."""
    return variant not in (*MAIN, BEGUN) and not variant.endswith("removed")
