"""Files of queries, one a line: head, relation, tail, of which one end is empty or "?" and is asked for.

A first line of these three words, and blank lines at the end, ask for nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from dsomgnn.data.tables import BOM, bare_name, open_bytes
from dsomgnn.errors import DataError, RecipeError, reason
from dsomgnn.predict.finder import Finder

HEADER = [b"head", b"relation", b"tail"]
ASKED = (b"", b"?")
TEXT = ("", ".txt", ".tsv", ".tab")


def count_lines(path: Path) -> int:
    """Lines of a file, plain or .gz. Raises DataError where it cannot be read."""
    try:
        with closing(open_bytes(path)) as file:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {reason(error)}") from None


def read_queries(path: Path, entity: Finder, relation: Finder, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Blocks of at most `size` queries: line numbers (n,) and queries (n, 2), (tail, relation + R) for a head.

    Raises DataError with file:line.
    """
    rows = _rows(path, entity, relation)
    while block := list(islice(rows, size)):
        numbers = torch.tensor(block, dtype=torch.long)
        yield numbers[:, 0], numbers[:, 1:]


def _rows(path: Path, entity: Finder, relation: Finder) -> Iterator[tuple[int, int, int]]:
    entity_of, relation_of = (cache(lambda word, words=words: words.one(word.decode())) for words in (entity, relation))
    blank = 0
    with closing(open_bytes(path)) as file:
        for number, line in enumerate(file, 1):
            words = line.rstrip(b"\r\n").removeprefix(BOM if number == 1 else b"").split(b"\t")
            if number == 1 and words == HEADER:
                continue
            if words == [b""]:
                blank = blank or number  # well and good, if none but blank lines follow
                continue
            if blank:
                number, words = blank, [b""]
            try:
                side, given, name = _asked(words)
                yield number, entity_of(given), relation_of(name) + side * len(relation.words)
            except RecipeError as error:
                hint = _other_format(path) if len(words) != 3 else ""
                raise DataError(f"{path}:{number}: {error}{hint}") from None
            except UnicodeDecodeError:
                raise DataError(f"{path}:{number}: not UTF-8 text{_other_format(path)}") from None


def _asked(words: list[bytes]) -> tuple[int, bytes, bytes]:
    """Side that is asked for, 0 the tail, 1 the head; the given end, and the relation."""
    if len(words) != 3:
        raise RecipeError(f"{len(words)} column{'s' * (len(words) != 1)}, expected 3 (tab-separated)")
    head, relation, tail = words
    if (head in ASKED) == (tail in ASKED):
        raise RecipeError('leave the head or the tail, one of them, empty or "?": it is asked for')
    if relation in ASKED:
        raise RecipeError("names no relation; only a head or a tail can be asked for")
    return (0, head, relation) if tail in ASKED else (1, tail, relation)


def _other_format(path: Path) -> str:
    """What to say of a file whose name tells another format."""
    suffix = Path(bare_name(path)).suffix
    return "" if suffix in TEXT else f"; queries are read from tab-separated text alone, not from {suffix}"
