"""RDF graphs, statement by statement, and the facts among them: those between two resources that have an IRI.

N-Triples, N-Quads, Turtle, TriG, N3, RDF/XML and JSON-LD, plain or .gz, read by pyoxigraph.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from dsomgnn.errors import DataError, reason

ENDINGS = (".nt", ".nq", ".ttl", ".trig", ".n3", ".rdf", ".owl", ".jsonld")
WHERE = re.compile("^Parser error[^:]*: ")  # the line, which a message begins with


def is_rdf(path: Path) -> bool:
    return _ending(path) in ENDINGS


def read_facts(path: Path) -> tuple[tuple[Sequence[str], Sequence[str], Sequence[str]], int]:
    """IRIs of heads, relations and tails, and how many statements are left out as one of their nodes has none.

    Raises DataError with file:line for what is not well formed, and where there is no fact.
    """
    ox, facts, nameless = pyoxigraph(path), [], 0
    for subject, predicate, value in statements(path):
        if isinstance(subject, ox.NamedNode) and isinstance(value, ox.NamedNode):
            facts.append((subject.value, predicate.value, value.value))
        else:
            nameless += not isinstance(value, ox.Literal)
    if not facts:
        raise DataError(f"{path}: no statement between two resources that have an IRI")
    heads, relations, tails = zip(*facts, strict=True)
    return (heads, relations, tails), nameless


def statements(path: Path) -> Iterator[tuple[Any, Any, Any]]:
    """Subject, predicate and object, as pyoxigraph has them. Raises DataError with file:line."""
    ox = pyoxigraph(path)
    kind = ox.RdfFormat.from_extension(_ending(path).removeprefix(".").replace("owl", "rdf"))
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for subject, predicate, value, _ in ox.parse(cast(BinaryIO, file), kind, lenient=True):
                yield subject, predicate, value
    except SyntaxError as error:
        raise DataError(f"{path}:{error.lineno or 1}: {WHERE.sub('', str(error.msg))}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {reason(error)}") from None


def pyoxigraph(path: Path) -> Any:
    """The package, which an extra brings; DataError where it is missing."""
    try:
        import pyoxigraph
    except ImportError:
        raise DataError(f"{path}: RDF; to read it: pip install 'dsomgnn[rdf]'") from None
    return pyoxigraph


def _ending(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()
