"""The table of numeric attributes beside the triples, numeric.tsv."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dsomgnn.data.tables import bare_name, read_rows
from dsomgnn.errors import DataError

NUMERIC = "numeric.tsv"

Rows = list[list[str]]


@dataclass(frozen=True)
class NumericTable:
    """Rows of entity, attribute and value; `strangers` are rows of no known identifier."""

    path: Path
    rows: Rows
    strangers: int

    @property
    def entities(self) -> int:
        return len({row[0] for row in self.rows})


def find_numbers(files: Iterable[Path], ids: Iterable[str]) -> NumericTable | None:
    """The table of a folder's files, or None where there is none, or none of its rows fits the identifiers.

    Raises DataError with file:line for a ragged row, and for a value of a known entity that is not a number.
    """
    path = next((path for path in files if bare_name(path) == NUMERIC), None)
    if path is None:
        return None
    rows, known = read_rows(path, 3, 3), set(ids)
    _refuse_words(rows, known, path)
    kept = [row for row in rows if row[0] in known]
    return NumericTable(path, kept, len(rows) - len(kept)) if kept else None


def _refuse_words(rows: Rows, known: set[str], path: Path) -> None:
    for line, (entity, _, value) in enumerate(rows, 1):
        if entity in known and not is_number(value):
            raise DataError(f'{path}:{line}: "{value}" is not a finite number')


def is_number(word: str) -> bool:
    """Whether a word is a finite number."""
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False
