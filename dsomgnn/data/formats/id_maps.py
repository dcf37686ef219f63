"""Files that give entities or relations their ids: entity2id.txt, entities.dict, ent_id, entity_ids.del."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dsomgnn.data.formats.triple_files import read_lines, skip_count
from dsomgnn.data.tables import bare_name, refuse_repeats
from dsomgnn.errors import DataError

STEMS = {
    "entity": re.compile(r"(id2)?(entity|entities|ent|ents)([_-]?(2|to)?[_-]?ids?)?", re.IGNORECASE),
    "relation": re.compile(r"(id2)?(relation|relations|rel|rels)([_-]?(2|to)?[_-]?ids?)?", re.IGNORECASE),
}
ENDINGS = ("", ".txt", ".tsv", ".dict", ".del")
OWN = ("entities.tsv", "relations.tsv")
HEADER = {"id", "ids", "index", "label", "name", "entity", "relation"}

Pairs = list[tuple[str, str]]  # identifier, id


@dataclass(frozen=True)
class IdMap:
    """Identifiers in id order, each with a label: what follows it in entities.tsv, a name, and perhaps more columns."""

    path: Path
    ids: tuple[str, ...]
    labels: tuple[str, ...]

    @cached_property
    def readings(self) -> dict[str, dict[str, int]]:
        """Id by the word that stands for it in triples: its identifier (`names`), or its number (`ids`)."""
        return {
            "names": {word: i for i, word in enumerate(self.ids)},
            "ids": {str(i): i for i in range(len(self.ids))},
        }

    @property
    def plain(self) -> bool:
        """Whether the identifiers are nothing but the ids."""
        return self.readings["names"] == self.readings["ids"]


def is_id(word: str) -> bool:
    """Whether a word is a whole number as programs write it: no sign, no leading zero."""
    return word == "0" or (word.isascii() and word.isdecimal() and word[0] != "0")


def find_id_map(files: Iterable[Path], kind: str) -> IdMap | None:
    """The id map of one kind among a folder's files, or None; one that only counts gives way to one with names.

    Raises DataError where two give different orders.
    """
    found = [read_id_map(path) for path in files if _is_id_map(path, kind)]
    found = [known for known in found if not known.plain] or found
    for other in found[1:]:
        if other.ids != found[0].ids:
            raise DataError(
                f"{found[0].path} and {other.path.name} give different ids; leave only the one that the triples "
                "and the feature files follow"
            )
    return found[0] if found else None


def _is_id_map(path: Path, kind: str) -> bool:
    stem, dot, ending = bare_name(path).partition(".")
    return dot + ending in ENDINGS and STEMS[kind].fullmatch(stem) is not None


def read_id_map(path: Path) -> IdMap:
    """Identifier and id in either column, separated by a tab or spaces, with or without a count line or header.

    One column alone: line i is id i. Two columns without ids, as in entities.tsv: identifier and name.
    Raises DataError with file:line where ids or identifiers repeat or ids are not 0 to n - 1.
    """
    lines = read_lines(path)
    own = bare_name(path) in OWN
    skipped = 0 if own else skip_count(lines, path, "rows") or int(_is_header(lines[0]))
    lines, first = lines[skipped:], skipped + 1
    readings = _pairs(lines, own)
    orders = [pairs for pairs in readings if _is_order(pairs)]
    if len(orders) == 2 and orders[0] != orders[1]:
        raise DataError(f"{path}: both columns could be ids; leave only the identifiers, that of id i in line i + 1")
    meant = orders or [pairs for pairs in readings if 2 * sum(is_id(number) for _, number in pairs) >= len(pairs)]
    return _ordered(meant[0], path, first) if meant else _listed(lines, path, first)


def _is_header(line: str) -> bool:
    words = line.lower().split()
    return len(words) > 1 and HEADER.issuperset(words)


def _pairs(lines: list[str], own: bool) -> list[Pairs]:
    """The lines read as identifier and id, and as id and identifier; our own layout has ids behind or none."""
    mark = "\t" if own or any("\t" in line for line in lines) else " "
    if not any(mark in line for line in lines):
        return []
    behind = [line.rpartition(mark)[::2] for line in lines]
    if own:
        return [behind] if _is_order(behind) else []
    return [behind, [line.partition(mark)[::-2] for line in lines]]


def _is_order(pairs: Pairs) -> bool:
    """Whether the numbers are 0 to n - 1, each once."""
    return all(word for word, _ in pairs) and {number for _, number in pairs} == set(map(str, range(len(pairs))))


def _ordered(pairs: Pairs, path: Path, first: int) -> IdMap:
    ordered = [""] * len(pairs)
    refuse_repeats([f"id {number}" for _, number in pairs], path, first)
    for line, (word, number) in enumerate(pairs, first):
        if not word or not is_id(number):
            raise DataError(f'{path}:{line}: expected an identifier and its id, found "{word}" and "{number}"')
        if int(number) >= len(pairs):
            raise DataError(
                f"{path}:{line}: id {number} is out of range: {len(pairs)} rows have ids 0 to {len(pairs) - 1}"
            )
        ordered[int(number)] = word
    refuse_repeats([word.partition("\t")[0].strip() for word, _ in pairs], path, first)
    return _labelled(ordered, path)


def _listed(lines: list[str], path: Path, first: int) -> IdMap:
    known = _labelled(lines, path)
    if "" in known.ids:
        raise DataError(f"{path}:{first + known.ids.index('')}: no identifier")
    refuse_repeats(known.ids, path, first)
    return known


def _labelled(rows: list[str], path: Path) -> IdMap:
    """Identifier, without blanks around it, and, behind a tab, its label."""
    cells = [row.partition("\t")[::2] for row in rows]
    return IdMap(path, tuple(word.strip() for word, _ in cells), tuple(label or word.strip() for word, label in cells))
