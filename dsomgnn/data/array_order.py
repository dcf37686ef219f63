"""Which entity each row of a feature file belongs to; a file that does not fit is told so, never trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dsomgnn.data.arrays import Array
from dsomgnn.data.formats.id_maps import is_id
from dsomgnn.data.tables import bare_name, find_file, positions, read_rows, require_file
from dsomgnn.data.triples import SPLITS, Vocabulary
from dsomgnn.errors import DataError


def row_entities(array: Array, folder: Path, source: str, ids: str | None, entities: Vocabulary) -> np.ndarray:
    """The entity id of each row, (n,) int64.

    By the identifiers (or ids) that the file carries; else by the lines of the file `ids`, or of the `.txt` beside
    `source`, unless that is a split; else row i is entity i. Raises DataError where they do not fit.
    """
    if array.ids is not None:
        if ids is not None:
            raise DataError(f'{array.path}: carries an identifier for each row; leave out ids = "{ids}"')
        return positions(array.ids, _index(array.ids, entities), array.path, "entity", once=True)
    id_file = require_file(folder, ids) if ids else _beside(folder, source)
    if id_file is None:
        _refuse_other_size(array, folder, entities)
        return np.arange(len(entities))
    entity = positions([row[0] for row in read_rows(id_file, 1)], entities.index, id_file, "entity", once=True)
    if len(entity) != len(array.rows):
        raise DataError(f"{array.path}: {len(array.rows)} rows, but {id_file} names {len(entity)} entities")
    return entity


def _index(words: tuple[str, ...], entities: Vocabulary) -> dict[str, int]:
    """Entities by identifier; by id where the words are numbers and none of them an identifier."""
    if all(map(is_id, words)) and not any(word in entities.index for word in words):
        return {str(i): i for i in range(len(entities))}
    return entities.index


def _beside(folder: Path, source: str) -> Path | None:
    name = Path(source).with_suffix(".txt")
    return None if name.stem in SPLITS else find_file(folder, str(name))


def _refuse_other_size(array: Array, folder: Path, entities: Vocabulary) -> None:
    rows = len(array.rows)
    if rows == len(entities):
        return
    why = f"{array.path}: {rows} rows, but there are {len(entities)} entities and no id file"
    if rows == len(entities) + 1:
        raise DataError(f"{why}. {_one_too_many(array.rows)}")
    raise DataError(". ".join([why, *_same_size(rows, folder, entities)]))


def _one_too_many(rows: np.ndarray) -> str:
    zero = "The first row is zero: padding? Save x[1:]"
    if rows[0].any():
        zero = "The last row is zero: padding? Save x[:-1]" if not rows[-1].any() else "A header or a padding row?"
    return f"One row too many. {zero}"


def _same_size(rows: int, folder: Path, entities: Vocabulary) -> Iterator[str]:
    """Files of the folder that name as many entities as there are rows."""
    for path in sorted(p for p in folder.iterdir() if bare_name(p).endswith((".txt", ".tsv"))):
        try:
            table = read_rows(path, 1)
        except DataError:
            continue
        split = bare_name(path).removesuffix(".txt") in SPLITS
        named = [row[i] for row in table for i in ((0, 2) if split and len(row) == 3 else (0,))]
        known = set(named) & entities.index.keys()
        if len(known) == rows:
            once = len(named) == rows
            hint = f'; if its order is that of the rows, say ids = "{path.name}"' if once else ""
            yield f"{path.name} names {rows} entities{hint}"
