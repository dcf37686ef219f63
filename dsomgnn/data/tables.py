"""Tab-separated files, plain or .gz, with errors that name file and line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from dsomgnn.data.arrays import ID_COLUMNS
from dsomgnn.errors import DataError, nearest, reason

BOM = b"\xef\xbb\xbf"
HEADERS = (*ID_COLUMNS, "head", "subject")


def find_file(folder: Path, name: str) -> Path | None:
    """`folder/name`, or its `.gz`, or None."""
    return next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)


def require_file(folder: Path, name: str) -> Path:
    """`find_file`, or a DataError that offers the nearest file of the folder."""
    found = find_file(folder, name)
    if found is None and (folder / name).is_dir():
        raise DataError(f"{folder / name}: a folder, expected a file")
    if found is None:
        here = [bare_name(p) for p in folder.iterdir() if p.is_file()] if folder.is_dir() else []
        raise DataError(f"{folder / name}: no such file (nor {name}.gz).{nearest(name, sorted(here))}")
    return found


def bare_name(path: Path) -> str:
    """The file's name without .gz."""
    return path.name.removesuffix(".gz")


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes as a stream, unpacked where it ends in .gz."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def read_text(path: Path) -> str:
    """The file's text, unpacked where it ends in .gz."""
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start}, in line {line})") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {reason(error)}") from None


def read_columns(path: Path, number: int) -> list[pa.ChunkedArray]:
    """The columns of a headerless table that has exactly `number`; a hundred times as fast as its rows.

    Raises DataError with file:line where a row has another number of columns.
    """
    names = [str(i) for i in range(number)]
    texts = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    plain = csv.ParseOptions(delimiter="\t", quote_char=False, double_quote=False, ignore_empty_lines=False)
    try:
        columns = csv.read_csv(path, csv.ReadOptions(column_names=names), plain, texts).columns
        if not any(pc.any(pc.equal(column, "")).as_py() for column in columns):  # an empty line looks so
            return columns
    except (pa.ArrowInvalid, OSError):
        pass
    rows = read_rows(path, number, number)  # says what is wrong, and where
    return [pa.chunked_array([[row[i] for row in rows]], pa.string()) for i in range(number)]


def text_lines(path: Path) -> list[str]:
    """Lines of a text file, plain or .gz, without line ends, nor blank ones at the end, which many programs leave."""
    lines = read_text(path).replace("\r\n", "\n").rstrip("\n").split("\n")
    return [] if lines == [""] else lines


def read_rows(path: Path, least: int, most: int | None = None) -> list[list[str]]:
    """Rows of a headerless table, each with `least` to `most` columns (`most` None: any number above).

    Raises DataError with file:line where a row has another number of columns.
    """
    lines = text_lines(path)
    rows = [line.split("\t") for line in lines]
    most_allowed = most or 1 << 30
    for number, row in enumerate(rows, 1):
        if not least <= len(row) <= most_allowed:
            wanted = f"{least}" if most == least else f"at least {least}" if most is None else f"{least} to {most}"
            raise DataError(
                f"{path}:{number}: {len(row)} column{'s' * (len(row) != 1)}, expected {wanted} (tab-separated): "
                f'"{lines[number - 1][:80]}"'
            )
    return rows


def refuse_repeats(column: Sequence[str], path: Path, start: int = 1) -> None:
    """DataError with file:line where an identifier stands a second time; the column begins in line `start`."""
    first: dict[str, int] = {}
    for number, word in enumerate(column, start):
        if first.setdefault(word, number) != number:
            raise DataError(f'{path}:{number}: "{word}" stands a second time (first in line {first[word]})')


def positions(column: Sequence[str], index: Mapping[str, int], path: Path, what: str, once: bool = False) -> np.ndarray:
    """Positions (rows,) int64 of identifiers; DataError with file:line for an unknown one, or a second one (`once`)."""
    found = np.fromiter(map(index.get, column, repeat(-1)), dtype=np.int64, count=len(column))
    _refuse_unknown(found, column, index, path, what)
    if once:
        refuse_repeats(column, path)
    return found


def column_positions(column: pa.ChunkedArray, ids: Sequence[str], path: Path, what: str) -> np.ndarray:
    """`positions` in `ids` of a column of `read_columns`, without a loop over its rows."""
    found = pc.fill_null(pc.index_in(column, pa.array(ids, pa.string())), -1).to_numpy().astype(np.int64)
    _refuse_unknown(found, column, ids, path, what)
    return found


def _refuse_unknown(
    found: np.ndarray, column: Sequence[str] | pa.ChunkedArray, known: Iterable[str], path: Path, what: str
) -> None:
    missing = np.flatnonzero(found < 0)
    if len(missing):
        word = str(column[missing[0]])
        more = f" ({len(missing)} such rows)" if len(missing) > 1 else ""
        header = missing[0] == 0 and len(missing) == 1 and word.lower() in HEADERS
        hint = " Is it a header? These files have none." if header else nearest(word, known)
        raise DataError(f'{path}:{missing[0] + 1}: unknown {what} "{word}"{more}.{hint}')
