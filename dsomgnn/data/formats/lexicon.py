"""The entities or relations of a data set, and how its triples write them: by name or by id."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np

from dsomgnn.data.formats.id_maps import IdMap, is_id
from dsomgnn.data.formats.triple_files import TripleFile
from dsomgnn.errors import DataError, nearest


@dataclass(frozen=True)
class Lexicon:
    """Identifiers in id order (`known`), and whether triples hold them or their numbers (`cells`: "names", "ids").

    `listed`: an id map gives them, not the triples themselves.
    """

    kind: str
    known: IdMap
    cells: str
    listed: bool = True
    note: str = ""

    @property
    def index(self) -> dict[str, int]:
        return self.known.readings[self.cells]

    def ids_of(self, file: TripleFile, column: int, other: Lexicon) -> np.ndarray:
        """Ids (n,) int64 of a column's words. Raises DataError with file:line for one that is none of `kind`."""
        words = file.columns[column]
        found = np.fromiter(map(self.index.get, words, repeat(-1)), np.int64, len(words))
        bad = np.flatnonzero(found < 0)
        if len(bad):
            more = f" ({len(bad)} such rows)" if len(bad) > 1 else ""
            raise DataError(f"{file.path}:{file.first + bad[0]}: {self._why_not(words[bad[0]], other)}{more}")
        return found

    def _why_not(self, word: str, other: Lexicon) -> str:
        size, where = len(self.known.ids), self.known.path.name
        if self.cells == "ids" and is_id(word):
            return f"{self.kind} id {word} is out of range: {where} has ids 0 to {size - 1}"
        if self.cells == "ids":
            return f'"{word}" is no {self.kind} id of {where}'
        hint = f"; it is a {other.kind}" if word in other.known.readings["names"] else nearest(word, self.index)
        return f'"{word}" is no {self.kind} of {where}{hint.removesuffix(".")}'


def lexicon(kind: str, known: IdMap | None, words: set[str], src: Path, cells: str | None = None) -> Lexicon:
    """The lexicon of the words that triples hold, by an id map (`cells` settles how they are meant) or by themselves.

    Raises DataError where both identifiers and ids fit and would mean different things.
    """
    if known is None:
        return _by_themselves(kind, words, src)
    if cells is not None:
        return Lexicon(kind, known, cells)
    names, ids = known.readings["names"], known.readings["ids"]
    misfits = {"names": len(words - names.keys()), "ids": len(words - ids.keys())}
    if misfits["names"] == misfits["ids"] == 0 and any(names[word] != ids[word] for word in words):
        raise DataError(
            f"{known.path}: are the triples' {kind} words ids, or identifiers that look like them? Both fit; "
            "say --cells ids or --cells names"
        )
    return Lexicon(kind, known, min(misfits, key=misfits.__getitem__))


def _by_themselves(kind: str, words: set[str], src: Path) -> Lexicon:
    """Sorted, as numbers where all are; numbers that leave few gaps are ids, and ids in no triple stay."""
    if not all(map(is_id, words)):
        return _unlisted(kind, src, sorted(words))
    numbers = sorted(map(int, words))
    gaps = numbers[-1] + 1 - len(numbers)
    if gaps > len(numbers):
        return _unlisted(kind, src, [str(number) for number in numbers])
    note = f"{gaps} {kind} ids below {numbers[-1]} stand in no triple; they are kept, so that row i stays id i"
    return _unlisted(kind, src, [str(i) for i in range(numbers[-1] + 1)], note if gaps else "")


def _unlisted(kind: str, src: Path, ids: list[str], note: str = "") -> Lexicon:
    return Lexicon(kind, IdMap(src, tuple(ids), tuple(ids)), "names", listed=False, note=note)
