"""Rows of a data set as a person finds them: file:line, identifiers, and the row that they clash with."""

from __future__ import annotations

from torch import Tensor

from dsomgnn.data.triples import Dataset

MOST = 3


def examples(dataset: Dataset, split: str, check: str, mask: Tensor) -> tuple[str, ...]:
    """The first 3 rows that a check found, (rows,) bool: "test.txt:7, train.txt:2: a likes b / b likes a".

    Lines are right where row i of each split is line i + 1 of its file: `load_dataset` with `repeats=True`.
    """
    return tuple(_example(dataset, split, check, row) for row in mask.nonzero()[:MOST, 0].tolist())


def _example(dataset: Dataset, split: str, check: str, row: int) -> str:
    own = _words(dataset, split, row)
    if check != "repeated" and "in_" not in check:
        return f"{split}.txt:{row + 1}: {own}"
    other = split if check == "repeated" else check.rpartition("in_")[2]
    clash = _clash(check, dataset.split(split)[row], dataset.split(other))
    line = int(clash.nonzero()[0, 0])
    theirs = _words(dataset, other, line)
    words = own if theirs == own else f"{own} / {theirs}"
    return f"{split}.txt:{row + 1}, {other}.txt:{line + 1}: {words}"


def _clash(check: str, triple: Tensor, others: Tensor) -> Tensor:
    """Rows (n,) bool of `others` that a triple clashes with."""
    same = others == triple
    if check == "reversed_in_train":
        return (others[:, 0] == triple[2]) & (others[:, 2] == triple[0])
    if check == "pair_in_train":
        return same[:, 0] & ~same[:, 1] & same[:, 2]
    return same.all(1)


def _words(dataset: Dataset, split: str, row: int) -> str:
    head, relation, tail = dataset.split(split)[row].tolist()
    entities, relations = dataset.entities.ids, dataset.relations.ids
    return f"{entities[head]} {relations[relation]} {entities[tail]}"
