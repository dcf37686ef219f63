"""What an RDF graph says of its resources in literals: names, texts and numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from dsomgnn.data.formats.numeric_tables import is_number
from dsomgnn.data.formats.rdf import statements

XSD = "http://www.w3.org/2001/XMLSchema#"
WORDS = {
    XSD + "string",
    XSD + "token",
    XSD + "normalizedString",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString",
}
NEITHER = {XSD + kind for kind in ("boolean", "anyURI", "hexBinary", "base64Binary")}
DATE = re.compile(r"(-?\d{4,9})(-\d\d)*(T.*|Z|[+-]\d\d:\d\d)?")
NAMING = ("label", "prefLabel", "name", "title")  # predicates of rdfs, skos, foaf, schema.org, Dublin Core

Languages = dict[str, list[str]]  # words of one predicate of a resource, by language


@dataclass
class Said:
    """Names and texts by resource; rows of resource, attribute and number; `other`: literals of no such kind."""

    names: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    numbers: list[list[str]] = field(default_factory=list)
    other: int = 0


def read_literals(paths: Iterable[Path], known: Collection[str]) -> Said:
    """What files say of `known` resources. Of a date its year is the number.

    Of a predicate's words only those in English or of no language count, where there are such, else those of the
    language that comes first. Raises DataError with file:line.
    """
    said, words, names = Said(), dict[str, dict[str, Languages]](), dict[str, str]()
    for path in paths:
        for resource, attribute, _, value in statements(path):
            if value is None or resource not in known or not attribute:
                continue
            short, kind = local_name(attribute), value.datatype.value
            attribute = short if names.setdefault(short, attribute) == attribute else attribute
            if kind in WORDS:
                language = (value.language or "en").partition("-")[0]
                of_resource = words.setdefault(resource, {}).setdefault(attribute, {})
                of_resource.setdefault(language, []).append(" ".join(value.value.split()))
            elif number := _number(value.value.strip(), kind):
                said.numbers.append([resource, attribute, number])
            else:
                said.other += 1
    for resource, by_attribute in words.items():
        _put_words(said, resource, by_attribute)
    return said


def local_name(iri: str) -> str:
    """What stands behind the last slash, hash or colon: http://ex.org/New_York is New_York."""
    return " ".join(unquote(re.split("[/#:]", iri.rstrip("/#:"))[-1]).split()) or iri


def _put_words(said: Said, resource: str, by_attribute: dict[str, Languages]) -> None:
    """Its name, and its text: all words, the name first."""
    chosen = {attribute: found.get("en") or next(iter(found.values())) for attribute, found in by_attribute.items()}
    names = [word for attribute in NAMING for word in chosen.get(attribute, ()) if word]
    texts = dict.fromkeys([*names, *(word for words in chosen.values() for word in words if word)])
    if names:
        said.names[resource] = names[0]
    if texts:
        said.texts[resource] = ". ".join(word.removesuffix(".") for word in texts)


def _number(word: str, kind: str) -> str | None:
    if kind in NEITHER:
        return None
    if is_number(word):
        return word
    date = DATE.fullmatch(word)
    return str(int(date[1])) if date else None
