"""Readable names of entities and relations, where an origin gives identifiers only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote

from dsomgnn.data.tables import read_rows, read_text, require_file
from dsomgnn.data.wordnet import read_wordnet

_NAMESPACE = re.compile(r"^\w+://[^/]+/\w+/")


def entity_name(identifier: str) -> str:
    """<http://dbpedia.org/resource/New_York> is New York, Jiang_Qing is Jiang Qing, /m/01t94_1 stays."""
    if identifier.startswith("/"):
        return identifier
    return unquote(_NAMESPACE.sub("", identifier.strip("<>"))).replace("_", " ").strip()


def relation_name(identifier: str) -> str:
    """<http://dbpedia.org/ontology/birthPlace>, /people/person/birth_place and _birth_place are birth place."""
    last = re.split("[/#]", identifier.strip("<>"))[-1]
    return re.sub("(?<=[a-z])[A-Z]", lambda capital: f" {capital[0].lower()}", last).replace("_", " ").strip()


def write_names(folder: Path, kind: str, naming: Path) -> None:
    """Write entities.tsv, relations.tsv and text.tsv of the data set in `folder` anew, with names and texts.

    `kind` is "identifiers" (from these alone), "numbered" (`naming` holds entity2id.txt and relation2id.txt with lines
    of id, name, id) or "wordnet" (`naming` holds WNdb-3.0.tar.gz). Without glosses a text is a name; where all names
    are identifiers there is no text. Raises DataError.
    """
    entities, relations = ([row[0] for row in read_rows(folder / f"{n}.tsv", 1)] for n in ("entities", "relations"))
    if kind == "wordnet":
        _write_glosses(folder, entities, naming / "WNdb-3.0.tar.gz")
    elif kind == "numbered":
        uris = _numbered(require_file(naming, "entity2id.txt"))
        _write_entities(folder, [(e, entity_name(uri), uri) for e, uri in zip(entities, uris, strict=True)])
    else:
        _write_entities(folder, [(e, entity_name(e)) for e in entities])
    labels = [relation_name(relation) for relation in relations]
    if kind == "numbered":
        labels = [label.replace("_", " ") for label in _numbered(require_file(naming, "relation2id.txt"))]
    _write(folder / "relations.tsv", zip(relations, labels, strict=True))


def _write_entities(folder: Path, rows: Sequence[tuple[str, ...]]) -> None:
    _write(folder / "entities.tsv", rows)
    if any(row[0] != row[1] for row in rows):
        _write(folder / "text.tsv", (row[:2] for row in rows))


def _write_glosses(folder: Path, entities: Sequence[str], archive: Path) -> None:
    synsets, licence = read_wordnet(archive)
    known = [(entity, synsets[entity]) for entity in entities]
    _write(folder / "entities.tsv", ((entity, s.lemmas, s.part) for entity, s in known))
    _write(folder / "text.tsv", ((entity, f"{s.lemmas}: {s.gloss}") for entity, s in known))
    (folder / "WordNet-3.0-LICENSE.txt").write_text(f"WordNet Release 3.0 {licence}", encoding="utf-8")


def _numbered(path: Path) -> list[str]:
    return [line.split(" ", 1)[1].rpartition(" ")[0] for line in read_text(path).splitlines()]


def _write(path: Path, rows: Iterable[tuple[str, ...]]) -> None:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8", newline="\n")
