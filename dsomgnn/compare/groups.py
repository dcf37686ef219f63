"""What is compared: groups of runs or rank files, each the seeds of one recipe, all with the same queries."""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dsomgnn.compare.rank_file import Ranked, is_rank_file, metadata, ranked, read_ranks, read_table
from dsomgnn.errors import DataError, RecipeError
from dsomgnn.ranking import STUDENT, models_of, open_ranking, refuse_unknown_model
from dsomgnn.report.folder import RANKS, report_folder
from dsomgnn.report.measure import slices_of
from dsomgnn.report.parquet import ranks_file
from dsomgnn.run import Run
from dsomgnn.settings import Recipe


@dataclass(frozen=True)
class Group:
    """One side of a comparison, as it was named; several members are its seeds, in their order."""

    name: str
    members: tuple[Ranked, ...]


def read_group(word: str, split: str, model: str | None) -> Group:
    """RUN, a rank file, RUN,RUN,RUN or a glob. A run without ranks of the split is ranked now.

    Raises DataError, RecipeError, CheckpointError.
    """
    members = [_read(path, split, model) for path in _paths(word)]
    if all(member.seed is not None for member in members):
        members.sort(key=lambda member: member.seed or 0)
    return Group(word, tuple(members))


def same_queries(groups: Sequence[Group], ties: str | None) -> str:
    """The reading of ties for groups that can be compared.

    Raises DataError where data sets or queries differ, and RecipeError where runs read ties differently.
    """
    first, *others = [member for group in groups for member in group.members]
    for other in others:
        if first.data and other.data and first.data != other.data:
            differ = f"sha256 {other.data[:8]}, not {first.data[:8]}"
            raise DataError(f"{other.name}: its data set is not that of {first.name} ({differ})")
        _refuse_other_queries(first, other)
    readings = {member.ties: member.name for member in (first, *others) if member.ties}
    if ties is None and len(readings) > 1:
        told = ", ".join(f"{name} {reading}" for reading, name in readings.items())
        raise RecipeError(f"ties are not read alike ({told}); say which counts, --ties realistic")
    return ties or next(iter(readings), "realistic")


def doubts(groups: Sequence[Group]) -> list[str]:
    """What may be wrong with groups that can be compared: members that are not seeds of one recipe, or the first's, or
    that have other seeds than the first's."""
    mixed = [group.name for group in groups if len({member.settings for member in group.members}) > 1]
    again = [
        group.name
        for group in groups
        if (seeds := [m.seed for m in group.members if m.seed is not None]) and len(set(seeds)) < len(seeds)
    ]
    first, *others = [(group.name, {Path(member.name).resolve() for member in group.members}) for group in groups]
    shared = [name for name, members in others if members & first[1]]
    unlike = [(group.name, _seeds(group)) for group in groups[1:] if unlike_seeds(groups[0], group)]
    return [
        *(f"{name}: shares runs with {first[0]}, which it is compared with" for name in shared),
        *(f"{name}: its runs differ in more than their seed" for name in mixed),
        *(f"{name}: some of its runs have the same seed" for name in again),
        *(f"{name}: its seeds, {own}, are not {_seeds(groups[0])}, as {first[0]} has" for name, own in unlike),
    ]


def unlike_seeds(first: Group, other: Group) -> bool:
    """Whether as many runs on either side, which are paired, are known to have other seeds than those of the other."""
    mine, theirs = ([member.seed for member in group.members] for group in (first, other))
    return len(mine) == len(theirs) > 1 and None not in (*mine, *theirs) and mine != theirs


def _seeds(group: Group) -> str:
    return ", ".join(str(member.seed) for member in group.members)


def _refuse_other_queries(first: Ranked, other: Ranked) -> None:
    mine, theirs = first.frame.index, other.frame.index
    if mine.equals(theirs):
        return
    lost, more = mine.difference(theirs), theirs.difference(mine)
    told = [
        f"{len(only):,} are only in {name}, such as {_words(only[0])}"
        for name, only in ((first.name, lost), (other.name, more))
        if len(only)
    ]
    raise DataError(f"{other.name}: not the queries of {first.name}: of {len(mine):,}, {'; '.join(told)}")


def _words(query: tuple) -> str:
    side, head, relation, tail, _ = query
    return f"({head}, {relation}, {tail}), {side} asked for"


def _paths(word: str) -> list[Path]:
    if Path(word).exists():
        return [Path(word)]
    found: list[Path] = []
    for part in word.split(","):
        matches = sorted(glob.glob(part), key=_by_number) if re.search(r"[*?\[]", part) else [part]
        if not matches:
            raise RecipeError(f"{part}: matches no run and no file")
        found += map(Path, matches)
    return found


def _by_number(path: str) -> list[str]:
    """So that run-10 comes after run-9."""
    return [part.zfill(12) for part in re.split(r"(\d+)", path)]


def _read(path: Path, split: str, model: str | None) -> Ranked:
    return read_ranks(path, split, model) if is_rank_file(path) else _read_run(path, split, model)


def _read_run(path: Path, split: str, model: str | None) -> Ranked:
    """A run's ranks, from its ranks.parquet where that holds them, else made now."""
    run, model = Run.open(path), model or STUDENT
    record, recipe = run.record(), run.recipe()
    refuse_unknown_model(model, models_of(recipe))
    table = _ranks_there(report_folder(path, split) / RANKS, model, recipe) or _rank_now(path, split, model)
    found = ranked(str(path), table, split, model)
    settings = recipe.model_copy(update={"seed": 0}).sha256()
    data, ties = record["data"]["sha256"], recipe.rank.ties
    return replace(found, data=data, ties=ties, seed=recipe.seed, settings=settings)


def _ranks_there(file: Path, model: str, recipe: Recipe) -> pa.Table | None:
    """The rows of a run's rank file, where it holds the model and was made of these very settings."""
    if not file.exists():
        return None
    table = read_table(file)
    rows = table.filter(pc.equal(table["model"], model))
    return rows if len(rows) and metadata(table).get("recipe_sha256") == recipe.sha256() else None


def _rank_now(path: Path, split: str, model: str) -> pa.Table:
    ranking = open_ranking(path, [model], split)
    content = ranks_file(ranking.job.dataset, split, ranking.rank([model]), slices_of(ranking), None, [], {})
    return pq.read_table(pa.BufferReader(content))


def slice_masks(groups: Sequence[Group]) -> dict[str, np.ndarray]:
    """By name, which queries are in it: all, each side, and every slice that a member has, as its first one has it."""
    index = groups[0].members[0].frame.index
    side = index.get_level_values("side")
    masks = {"all": side == side, "head asked for": side == "head", "tail asked for": side == "tail"}
    told: dict[str, np.ndarray] = {}
    for member in (member for group in groups for member in group.members):
        told |= _slices_of(member, told)
    masks |= {name: told[name] for name in sorted(told, key=_by_number)}
    return {name: mask for name, mask in masks.items() if mask.any()}


def _slices_of(member: Ranked, told: Collection[str]) -> dict[str, np.ndarray]:
    """Those that are not told yet."""
    if member.slices is None:
        return {}
    rows = member.slices.reset_index(drop=True).explode().dropna()
    queries = range(len(member.frame))
    return {name: np.isin(queries, rows.index[rows == name]) for name in rows.unique() if name not in told}
