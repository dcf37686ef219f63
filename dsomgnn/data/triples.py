"""A data set: identifiers, and the triples of train, valid and test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from dsomgnn.data.identifiers import refuse_flawed, refuse_flawed_cells, refuse_headers, refuse_list_header
from dsomgnn.data.tables import column_positions, find_file, read_columns, read_rows, refuse_repeats, require_file
from dsomgnn.errors import DataError

SPLITS = ("train", "valid", "test")
NONE = torch.empty(0, 3, dtype=torch.long)
HOLDOUT_SEED = 0  # one split for every seed of a run, so that their figures compare
MOST_KINDS = 64


@dataclass(frozen=True)
class Vocabulary:
    """Identifiers in id order, with names, and kinds where the file's third column looks like one."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    kinds: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def index(self) -> dict[str, int]:
        return {identifier: i for i, identifier in enumerate(self.ids)}


@dataclass(frozen=True)
class Dataset:
    """Triples (n, 3) int64 of head, relation, tail per split; N entities; R relations without reciprocals.

    `unused` are published triples that no model sees or is measured on; ranks filter them out like every known answer.
    """

    name: str
    folder: Path
    entities: Vocabulary
    relations: Vocabulary
    train: Tensor
    valid: Tensor
    test: Tensor
    warnings: tuple[str, ...] = ()
    unused: Tensor = field(default_factory=NONE.clone)

    @property
    def num_entities(self) -> int:
        return len(self.entities)

    @property
    def num_relations(self) -> int:
        return len(self.relations)

    def split(self, name: str) -> Tensor:
        return {"train": self.train, "valid": self.valid, "test": self.test}[name]

    @property
    def known(self) -> Tensor:
        """Triples of all splits: the answers that filtered ranks leave out."""
        return torch.cat([self.train, self.valid, self.test, self.unused])

    @cached_property
    def unseen(self) -> Tensor:
        """Entities without a train triple, (N,) bool."""
        unseen = torch.ones(self.num_entities, dtype=torch.bool)
        unseen[self.train[:, [0, 2]].reshape(-1)] = False
        return unseen

    @cached_property
    def sha256(self) -> str:
        """One digest over identifiers and triples, those that are only filtered too: the same facts in the same order,
        packed or not."""
        digest = hashlib.sha256()
        for vocabulary in (self.entities, self.relations):
            digest.update("\n".join(vocabulary.ids).encode() + b"\0")
        for name in SPLITS:
            digest.update(self.split(name).numpy().tobytes() + b"\0")
        if len(self.unused):
            digest.update(self.unused.numpy().tobytes())
        return digest.hexdigest()


def directed(triples: Tensor, num_relations: int) -> Tensor:
    """Triples and their reciprocals (t, r + R, h), (2n, 3): reciprocal of row i is row i + n."""
    head, relation, tail = triples.unbind(1)
    return torch.cat([triples, torch.stack([tail, relation + num_relations, head], 1)])


def degrees(triples: Tensor, size: int = 0) -> Tensor:
    """Triples that each entity stands in, (N,) with N at least `size`; one of an entity with itself counts once."""
    loops = triples[triples[:, 0] == triples[:, 2], 0]
    sides = torch.bincount(triples[:, [0, 2]].reshape(-1), minlength=size)
    return sides - torch.bincount(loops, minlength=len(sides))


def without(triples: Tensor, others: Tensor) -> Tensor:
    """The triples (n, 3) that are none of the others (m, 3), in order."""
    row = torch.cat([others, triples]).unique(dim=0, return_inverse=True)[1]
    return triples[~torch.isin(row[len(others) :], row[: len(others)])]


def hold_out(dataset: Dataset, share: float) -> Dataset:
    """The data set with a random share of train in place of a valid split that cannot be trusted.

    The share is the same for every seed of a run. The published valid triples are `unused`. Raises DataError.
    """
    n = len(dataset.train)
    size = max(1, round(share * n))
    if size >= n:
        raise DataError(f"{dataset.folder}: data.holdout = {share} leaves no triple to train on")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(HOLDOUT_SEED))
    held, rest = (dataset.train[rows.sort().values] for rows in (order[:size], order[size:]))
    note = f"models are selected on {size:,} triples held out of train; valid.txt only takes part in filtering"
    return replace(dataset, train=rest, valid=held, unused=dataset.valid, warnings=(*dataset.warnings, note))


def load_dataset(folder: str | Path, repeats: bool = False) -> Dataset:
    """Read a data set folder: train|valid|test.txt, entities.tsv, relations.tsv, plain or .gz.

    A repeated train triple is used once; with `repeats` all stay, and row i of each split is line i + 1 of its file.
    Without entities.tsv or relations.tsv the identifiers of all splits are sorted. Raises DataError, with file:line
    for a header, and for an identifier that is empty or has blanks around it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    paths = {name: require_file(folder, f"{name}.txt") for name in SPLITS}
    columns = {name: _triple_columns(path) for name, path in paths.items()}
    if not all(find_file(folder, name) for name in ("entities.tsv", "relations.tsv")):  # else they know each word
        refuse_headers({paths[name]: columns[name] for name in SPLITS})
        for name in SPLITS:
            refuse_flawed_cells(columns[name], paths[name])
    entities = _vocabulary(folder, "entities.tsv", [c[i] for c in columns.values() for i in (0, 2)])
    relations = _vocabulary(folder, "relations.tsv", [c[1] for c in columns.values()])
    splits = {name: _ids(columns[name], entities, relations, paths[name]) for name in SPLITS}
    warnings: tuple[str, ...] = ()
    if not repeats:
        splits["train"], warnings = _without_repeats(splits["train"], entities, relations, paths["train"])
    return Dataset(folder.name, folder, entities, relations, **splits, warnings=warnings)


def _triple_columns(path: Path) -> list[pa.ChunkedArray]:
    columns = read_columns(path, 3)
    if not len(columns[0]):
        raise DataError(f"{path}: empty; a split needs at least one triple")
    return columns


def _vocabulary(folder: Path, name: str, columns: list[pa.ChunkedArray]) -> Vocabulary:
    path = find_file(folder, name)
    if path is None:
        ids = tuple(sorted(set().union(*(pc.unique(column).to_pylist() for column in columns))))
        return Vocabulary(ids, ids)
    rows = read_rows(path, 1)
    ids = tuple(row[0] for row in rows)
    refuse_flawed(ids, path)
    refuse_list_header(rows, columns, path)
    refuse_repeats(ids, path)
    names = tuple(row[1] if len(row) > 1 and row[1] else row[0] for row in rows)
    return Vocabulary(ids, names, _kinds(rows))


def _kinds(rows: list[list[str]]) -> tuple[str, ...] | None:
    if not all(len(row) > 2 for row in rows):
        return None
    kinds = tuple(row[2] for row in rows)
    return kinds if len(set(kinds)) <= min(MOST_KINDS, len(rows) // 2) else None


def _ids(columns: list[pa.ChunkedArray], entities: Vocabulary, relations: Vocabulary, path: Path) -> Tensor:
    head, relation, tail = columns
    parts = [
        column_positions(head, entities.ids, path, "entity"),
        column_positions(relation, relations.ids, path, "relation"),
        column_positions(tail, entities.ids, path, "entity"),
    ]
    return torch.from_numpy(np.stack(parts, 1))


def _without_repeats(
    train: Tensor, entities: Vocabulary, relations: Vocabulary, path: Path
) -> tuple[Tensor, tuple[str, ...]]:
    key = (train[:, 0] * len(relations) + train[:, 1]) * len(entities) + train[:, 2]
    _, first = np.unique(key.numpy(), return_index=True)
    if len(first) == len(train):
        return train, ()
    repeats = len(train) - len(first)
    return train[np.sort(first)], (f"{path.name}: {repeats} repeated triples are used once",)
