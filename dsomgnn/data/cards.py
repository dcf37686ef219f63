"""Cards of known data sets: what each is, where it comes from, and what its files must be."""

from __future__ import annotations

import gzip
import hashlib
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from dsomgnn.errors import DataError, RecipeError, nearest
from dsomgnn.places import shipped
from dsomgnn.toml_lines import line_of, line_table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

STRICT = ConfigDict(extra="forbid")
SPLITS = ("train.txt", "valid.txt", "test.txt")
ORDERS = ("entities.tsv", "relations.tsv")
CHUNK = 1 << 18


@dataclass(frozen=True, config=STRICT)
class File:
    """What a file must be, unpacked: its size in bytes, and its sha256."""

    size: int
    sha256: str


@dataclass(frozen=True, config=STRICT)
class Source(File):
    """A file at a public address that never changes."""

    url: str


@dataclass(frozen=True, config=STRICT)
class Counts:
    entities: int
    relations: int
    train: int
    valid: int
    test: int

    @property
    def triples(self) -> int:
        return self.train + self.valid + self.test


@dataclass(frozen=True, config=STRICT)
class Modality:
    """`coverage`: share of the entities that have it; None where its files must be brought along."""

    about: str
    coverage: float | None = None


@dataclass(frozen=True, config=STRICT)
class Origin:
    """The public origin: `triples` in OpenKE layout, and the files that `names` are read from."""

    about: str
    names: Literal["identifiers", "numbered", "wordnet"]
    triples: dict[str, Source]
    naming: dict[str, Source] = field(default_factory=dict)


@dataclass(frozen=True, config=STRICT)
class Card:
    """`files`: the canonical ones. `order`: sha256 of the identifiers of entities.tsv and relations.tsv, a line each.

    A data set without `origin` ships with the package.
    """

    name: str
    title: str
    about: str
    licence: str
    licence_notes: str
    citation: list[str]
    counts: Counts
    files: dict[str, File]
    order: dict[str, str]
    modalities: dict[str, Modality]
    defects: list[str] = field(default_factory=list)
    origin: Origin | None = None


def load_card(path: Path) -> Card:
    """Read `NAME.toml`; the card's name is the file's. Raises DataError that lists every error with file:line."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: not a readable card: {error}") from None
    origin = {key: f"{path}:{line}" for key, line in line_table(text).items()}
    try:
        return TypeAdapter(Card).validate_python({**tree, "name": path.stem})
    except ValidationError as error:
        keys = [(".".join(map(str, e["loc"])), e["msg"]) for e in error.errors()]
        messages = (f"{line_of(key, origin) or path}: {key}: {why[0].lower()}{why[1:]}" for key, why in keys)
        raise DataError("\n".join(messages)) from None


def known_cards() -> dict[str, Card]:
    """The cards that ship, by name."""
    return {path.stem: load_card(path) for path in sorted(shipped("datasets").glob("*.toml"))}


def card_of(name: str) -> Card:
    """The card of that name, or a RecipeError that offers the nearest one."""
    path = shipped("datasets") / f"{name}.toml"
    known = sorted(p.stem for p in path.parent.glob("*.toml"))
    if name not in known:
        raise RecipeError(f'no data set "{name}" is known.{nearest(name, known)}')
    return load_card(path)


def mismatch(path: Path, wanted: File) -> str | None:
    """What tells the file, `unpacked`, from the one wanted; None where it is the same."""
    digest, size = hashlib.sha256(), 0
    try:
        for chunk in unpacked(path):
            digest.update(chunk)
            size += len(chunk)
            if size > wanted.size:
                return f"longer than the {wanted.size:,} bytes expected"
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        return f"not readable as gzip: {error}"
    if digest.hexdigest() == wanted.sha256:
        return None
    return f"sha256 {digest.hexdigest()} of {size:,} bytes, expected {wanted.sha256} of {wanted.size:,}"


def unpacked(path: Path) -> Iterator[bytes]:
    """The file's bytes in pieces, unpacked where it ends in .gz; an archive (.tar.gz) is taken as it is."""
    packed = path.suffix == ".gz" and not path.name.endswith(".tar.gz")
    with gzip.open(path) if packed else open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def order_digest(identifiers: Iterable[str]) -> str:
    """sha256 of identifiers in the order of their ids, a line each."""
    return hashlib.sha256("".join(f"{identifier}\n" for identifier in identifiers).encode()).hexdigest()
