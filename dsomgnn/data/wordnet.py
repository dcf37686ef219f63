"""WordNet's database files: lemmas, part of speech and gloss of each synset."""

from __future__ import annotations

import io
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from dsomgnn.errors import DataError

PARTS = ("noun", "verb", "adj", "adv")  # an offset that stands in more than one is the first's
_PLACE = re.compile(r"\((?:a|p|ip)\)$")  # where an adjective may stand: no part of the word


@dataclass(frozen=True)
class Synset:
    """`lemmas` as one string, `part` of speech (n v a s r), `gloss`: definition and examples."""

    lemmas: str
    part: str
    gloss: str


def read_wordnet(archive: Path) -> tuple[dict[str, Synset], str]:
    """Synsets by offset (8 digits) of WNdb-3.0.tar.gz, and the licence that goes with them.

    The archive is read in place: nothing is unpacked to disk. Raises DataError.
    """
    synsets: dict[str, Synset] = {}
    licence: list[str] = []
    try:
        with tarfile.open(archive) as tar:
            for part in PARTS:
                lines = _lines(tar, f"dict/data.{part}")
                licence = [line for line in lines if line.startswith("  ")]
                for line in lines[len(licence) :]:
                    synsets.setdefault(line[:8], _synset(line))
    except (tarfile.TarError, OSError, EOFError, KeyError, ValueError, IndexError) as error:
        raise DataError(f"{archive}: cannot be read as WordNet 3.0: {error}") from None
    return synsets, " ".join(word for line in licence for word in line.split()[1:])


def _lines(tar: tarfile.TarFile, name: str) -> list[str]:
    member = tar.extractfile(name)
    if member is None:
        raise ValueError(f"{name} is no file")
    return io.TextIOWrapper(member, "utf-8").read().splitlines()


def _synset(line: str) -> Synset:
    """offset, file, part, number of words (hexadecimal), then word and sense in turn, pointers | gloss"""
    facts, _, gloss = line.partition(" | ")
    fields = facts.split(" ")
    words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
    return Synset(", ".join(_PLACE.sub("", word).replace("_", " ") for word in words), fields[2], gloss.strip())
