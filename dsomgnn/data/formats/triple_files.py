"""One file of triples in any layout that circulates: three columns of words, and where they stand."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dsomgnn.data.formats.rdf import is_rdf, read_facts
from dsomgnn.data.tables import bare_name, text_lines
from dsomgnn.errors import DataError

Words = Sequence[str]
Rows = list[list[str]]

ROLES = {
    "head": {"head", "subject", "source", "from", "h", "s", "head_id", "subject_id", "source_id", "lhs", "subj"},
    "relation": {"relation", "predicate", "property", "r", "p", "relation_id", "predicate_id", "rel", "pred"},
    "tail": {"tail", "object", "target", "to", "t", "o", "tail_id", "object_id", "target_id", "rhs", "obj"},
}
FORBIDDEN = {"\t": "holds a tab", "\n": "holds a line end", "\r": "holds a line end"}
JSON = re.compile(r'\s*[\[{]\s*($|["\[{\d])')  # as its first line begins


@dataclass(frozen=True)
class TripleFile:
    """Three columns of n words; head, relation and tail where a header `named` them, else in the file's order.

    `first` is the line of the first triple (in Parquet and RDF: its number); `counted` tells of a count line above it,
    `note` what a person should know of what was read.
    """

    path: Path
    columns: tuple[Words, Words, Words]
    first: int = 1
    named: bool = False
    counted: bool = False
    note: str = ""

    def __len__(self) -> int:
        return len(self.columns[0])


def read_lines(path: Path) -> list[str]:
    """`text_lines` of a file that has some. Raises DataError."""
    lines = text_lines(path)
    if not lines:
        raise DataError(f"{path}: empty")
    return lines


def skip_count(lines: list[str], path: Path, what: str) -> int:
    """1 where the first line is a count of those below it, else 0. Raises DataError where it miscounts."""
    below = lines[1].split() if len(lines) > 1 else []
    if not (lines[0].strip().isdecimal() and len(below) > 1 and (below[0].isdecimal() or below[-1].isdecimal())):
        return 0
    if int(lines[0]) != len(lines) - 1:
        raise DataError(f"{path}:1: the count line says {int(lines[0])} {what}, but {len(lines) - 1} follow")
    return 1


def read_triples(path: Path) -> TripleFile:
    """Triples as text (separated by tabs, spaces or commas; with or without header or count line), Parquet or RDF.

    Blanks around a cell are left out. Raises DataError with file:line for a ragged row, an empty cell, a wrong count
    line, or JSON.
    """
    if path.suffix == ".parquet":
        return _sound(_from_parquet(path))
    if is_rdf(path):
        return _from_rdf(path)
    lines = read_lines(path)
    _refuse_json(lines, path)
    counted = skip_count(lines, path, "triples")
    rows = _cells(lines[counted:], path, counted + 1)
    places = _header(rows)
    if places is None:
        _same_width(rows, 3, lines, path, counted + 1)
        head, relation, tail = zip(*rows, strict=True)
        return _sound(TripleFile(path, (head, relation, tail), counted + 1, counted=bool(counted)))
    _same_width(rows, len(rows[0]), lines, path, counted + 1)
    columns = list(zip(*rows[1:], strict=True))
    if not columns:
        raise DataError(f"{path}: no triple below the header")
    head, relation, tail = (columns[place] for place in places)
    return _sound(TripleFile(path, (head, relation, tail), counted + 2, named=True))


def _refuse_json(lines: list[str], path: Path) -> None:
    first = next((line for line in lines if line.strip()), "")
    if JSON.match(first) and "\t" not in first:
        raise DataError(
            f"{path}: JSON; triples are read from text, head, relation and tail a line, separated by tabs, spaces or "
            "commas, and from .parquet"
        )


def _cells(lines: list[str], path: Path, first: int) -> Rows:
    if bare_name(path).endswith(".csv") or _by_commas(lines[0]):
        return _csv_rows(lines, path, first)
    tabs = lines[0].count("\t") >= 2
    rows = [line.split("\t") if tabs else [c for c in line.replace("\t", " ").split(" ") if c] for line in lines]
    if all(len(row) == 4 and row[3] == "." for row in rows):  # a full stop
        rows = [row[:3] for row in rows]
    return rows


def _by_commas(line: str) -> bool:
    return "\t" not in line and line.count(",") >= 2 and len(line.split()) not in (3, 4)


def _csv_rows(lines: list[str], path: Path, first: int) -> Rows:
    reader, rows = csv.reader([line + "\n" for line in lines], strict=True, skipinitialspace=True), []
    try:
        for row in reader:
            rows.append(row)
            if reader.line_num != len(rows):
                raise DataError(f"{path}:{first + len(rows) - 1}: a quoted cell runs over several lines")
    except csv.Error as error:
        raise DataError(f"{path}:{first + len(rows)}: {error}") from None
    return rows


def _header(rows: Rows) -> list[int] | None:
    """Where head, relation and tail stand, or None where the first row is a triple like any other."""
    places = role_places(rows[0])
    again = places and any(len(row) > i and row[i] == rows[0][i] for row in rows[1:] for i in places)
    return None if again else places


def role_places(row: Sequence[str]) -> list[int] | None:
    """Where a header's row names head, relation and tail, or None where it names not each of them once."""
    words = [cell.strip().strip('"').lower() for cell in row]
    places = [[i for i, word in enumerate(words) if word in names] for names in ROLES.values()]
    return [found[0] for found in places] if all(len(found) == 1 for found in places) else None


def _same_width(rows: Rows, wanted: int, lines: list[str], path: Path, first: int) -> None:
    if set(map(len, rows)) <= {wanted}:
        return
    i = next(i for i, row in enumerate(rows) if len(row) != wanted)
    columns = f"{len(rows[i])} column{'s' * (len(rows[i]) != 1)}"
    raise DataError(f'{path}:{first + i}: {columns}, expected {wanted}: "{lines[first - 1 + i][:80]}"')


def _from_rdf(path: Path) -> TripleFile:
    columns, nameless = read_facts(path)
    note = f"{path.name}: statements left out, as a node has no whole IRI: {nameless:,}" if nameless else ""
    return TripleFile(path, columns, named=True, note=note)


def _from_parquet(path: Path) -> TripleFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            places = _header([names])
            if places is None:
                raise DataError(f"{path}: has columns {', '.join(names)}; expected head, relation and tail")
            table = file.read(columns=[names[place] for place in places])
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}") from None
    head, relation, tail = (_parquet_words(table.column(names[place]), names[place], path) for place in places)
    if not head:
        raise DataError(f"{path}: empty")
    return TripleFile(path, (head, relation, tail), named=True)


def _parquet_words(column, name: str, path: Path) -> list[str]:
    import pyarrow as pa

    try:
        if pa.types.is_floating(column.type):
            raise pa.ArrowTypeError
        words = column.cast(pa.string()).to_pylist()
    except pa.ArrowException:
        raise DataError(f"{path}: column {name} holds {column.type}, expected text or whole numbers") from None
    return ["" if word is None else word for word in words]


def _sound(file: TripleFile) -> TripleFile:
    """The file without blanks around its cells, where each can be an identifier of a tab-separated table."""
    columns = [[word.strip() for word in column] for column in file.columns]
    for column in columns:
        for word in set(column):
            if why := flaw(word):
                line = file.first + column.index(word)
                raise DataError(f'{file.path}:{line}: the cell "{word[:40]}" {why}; an identifier cannot')
    head, relation, tail = columns
    return replace(file, columns=(head, relation, tail))


def flaw(word: str) -> str | None:
    """Why a word cannot be an identifier of a tab-separated table, or None where it can."""
    if not word:
        return "is empty"
    if word != word.strip():
        return "has blanks around it"
    return next((why for sign, why in FORBIDDEN.items() if sign in word), None)
