"""What cannot be an identifier: an empty cell, one with blanks around it, and the words of a header."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import eq
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from dsomgnn.data.arrays import ID_COLUMNS
from dsomgnn.data.formats.triple_files import flaw, role_places
from dsomgnn.errors import DataError

Columns = Sequence[pa.ChunkedArray]
LISTED = {"id", "ids", "identifier", "entity", "entity_id", "relation", "relation_id"}
BESIDE = {*LISTED, *ID_COLUMNS, "kind", "type", "description", "text"}
DELETE = "delete this line, for these files have none"


def refuse_flawed(words: Sequence[str], path: Path) -> None:
    """DataError with file:line where a word, one a line, is empty or has blanks around it."""
    if all(words) and all(map(eq, words, map(str.strip, words))):
        return
    for line, word in enumerate(words, 1):
        if why := flaw(word):
            raise DataError(f'{path}:{line}: the cell "{word[:40]}" {why}; an identifier cannot')


def refuse_flawed_cells(columns: Columns, path: Path) -> None:
    """DataError with file:line where a cell of a table is empty or has blanks around it."""
    for column in columns:
        sound = pc.and_(pc.not_equal(column, ""), pc.equal(column, pc.utf8_trim_whitespace(column)))
        if not pc.all(sound).as_py():
            refuse_flawed(column.to_pylist(), path)


def refuse_headers(tables: Mapping[Path, Columns]) -> None:
    """DataError where a first line names head, relation and tail, with words that stand nowhere below one."""
    for path, columns in tables.items():
        words = [column[0].as_py() for column in columns]
        if role_places(words) and not any(_below(word, tables) for word in words):
            raise DataError(f"{path}:1: a header ({', '.join(words)}): {DELETE}")


def _below(word: str, tables: Mapping[Path, Columns]) -> bool:
    return any(pc.index(column.slice(1), word).as_py() >= 0 for columns in tables.values() for column in columns)


def refuse_list_header(rows: Sequence[Sequence[str]], columns: Iterable[pa.ChunkedArray], path: Path) -> None:
    """DataError where the first row of a list of identifiers names its columns, and no triple knows such a one."""
    first = rows[0] if rows else [""]
    words = [word.lower() for word in first]
    names_columns = words[0] in LISTED and BESIDE.issuperset(words) and len(set(words)) == len(words)
    if names_columns and not any(pc.index(column, first[0]).as_py() >= 0 for column in columns):
        raise DataError(f"{path}:1: a header ({', '.join(first)}): {DELETE}")
