"""RDF graphs, statement by statement, and the facts among them: those between two resources that have a whole IRI.

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
WHOLE_IRI = re.compile(r"[A-Za-z][\w+.-]*:\S+")  # what can be an identifier wherever it is read
BOM = b"\xef\xbb\xbf"


def is_rdf(path: Path) -> bool:
    return _ending(path) in ENDINGS


def read_facts(path: Path) -> tuple[tuple[Sequence[str], Sequence[str], Sequence[str]], int]:
    """IRIs of heads, relations and tails, and how many statements are left out as one of their nodes has none.

    Raises DataError with file:line for what is not well formed, and where there is no fact.
    """
    literal, nameless, once = pyoxigraph(path).Literal, 0, dict[str, str]()
    columns: tuple[list[str], list[str], list[str]] = ([], [], [])
    for statement in statements(path):
        iris = [whole_iri(node) for node in statement]
        if all(iris):
            for column, iri in zip(columns, iris, strict=True):
                column.append(once.setdefault(iri, iri))
        else:
            nameless += not isinstance(statement[2], literal)
    if not columns[0]:
        raise DataError(f"{path}: no statement between two resources that have a whole IRI, such as http://ex.org/a")
    return columns, nameless


def whole_iri(node: Any) -> str:
    """The IRI of a named node, "" where it is relative or holds blanks; of any other node too."""
    iri = node.value if type(node).__name__ == "NamedNode" else ""
    return iri if WHOLE_IRI.fullmatch(iri) else ""


def statements(path: Path) -> Iterator[tuple[Any, Any, Any]]:
    """Subject, predicate and object, as pyoxigraph has them. Raises DataError with file:line."""
    ox = pyoxigraph(path)
    kind = ox.RdfFormat.from_extension(_ending(path).removeprefix(".").replace("owl", "rdf"))
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            if file.read(len(BOM)) != BOM:
                file.seek(0)
            for subject, predicate, value, _ in ox.parse(cast(BinaryIO, file), kind, lenient=True):
                yield subject, predicate, value
    except SyntaxError as error:
        message = WHERE.sub("", str(error.msg)).rstrip(".")
        raise DataError(f"{path}:{error.lineno or 1}: {message} (read as {kind.name})") from None
    except MemoryError as error:
        raise DataError(f"{path}: a literal that does not end, or is too long: {error} (read as {kind.name})") from None
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
