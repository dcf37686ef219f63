"""Tables of texts and names beside the triples: entity2text.txt, entity2textlong.txt, mid2name.tsv, descriptions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dsomgnn.data.formats.triple_files import read_lines
from dsomgnn.data.tables import bare_name

TEXT_FILE = re.compile(r".*(text|name|desc|definition|gloss|label)\w*(\.txt|\.tsv)?", re.IGNORECASE)


@dataclass(frozen=True)
class TextTable:
    """Text by identifier; `strangers` are rows of no known identifier, `repeats` further rows of one."""

    path: Path
    texts: Mapping[str, str]
    strangers: int
    repeats: int

    @property
    def of_names(self) -> bool:
        return "name" in self.path.name.lower()

    @property
    def size(self) -> int:
        return sum(map(len, self.texts.values()))


def find_texts(files: Iterable[Path], ids: Iterable[str]) -> list[TextTable]:
    """Tables whose first column fits the identifiers (half of its rows, or of the identifiers), the longest first."""
    known = set(ids)
    found = [_read(path, known) for path in files if TEXT_FILE.fullmatch(bare_name(path))]
    return sorted((table for table in found if _fits(table, known)), key=lambda table: -table.size)


def _fits(table: TextTable, known: set[str]) -> bool:
    rows = len(table.texts)
    return bool(rows) and (rows >= table.strangers or 2 * rows >= len(known))


def _read(path: Path, known: set[str]) -> TextTable:
    texts: dict[str, str] = {}
    strangers = repeats = 0
    for line in read_lines(path):
        word, _, text = line.partition("\t")
        word, text = word.strip(), text.replace("\t", " ").strip()
        if word not in known or not text:
            strangers += 1
        elif word in texts:
            repeats += 1
        else:
            texts[word] = text
    return TextTable(path, texts, strangers, repeats)
