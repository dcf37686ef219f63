"""RDF graphs, statement by statement, and the facts among them: those between two resources that have a whole IRI.

N-Triples, N-Quads, Turtle, TriG, N3, RDF/XML and JSON-LD, plain or .gz, read by pyoxigraph.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dsomgnn.data.tables import BOM, bare_name, open_bytes
from dsomgnn.errors import DataError, reason

ENDINGS = (".nt", ".nq", ".ttl", ".trig", ".n3", ".rdf", ".owl", ".jsonld")
WHERE = re.compile("^Parser error[^:]*: ")  # the line, which a message begins with
WHOLE_IRI = re.compile(r"[A-Za-z][\w+.-]*:\S+")  # what can be an identifier wherever it is read


def is_rdf(path: Path) -> bool:
    return _ending(path) in ENDINGS


def read_facts(path: Path) -> tuple[tuple[Sequence[str], Sequence[str], Sequence[str]], int]:
    """IRIs of heads, relations and tails, and how many statements are left out as one of their nodes has none.

    Raises DataError with file:line for what is not well formed, and where there is no fact.
    """
    columns: tuple[list[str], list[str], list[str]] = ([], [], [])
    nameless, once = 0, dict[str, str]()
    for *iris, literal in statements(path):
        if all(iris):
            for column, iri in zip(columns, iris, strict=True):
                column.append(once.setdefault(iri, iri))
        else:
            nameless += literal is None
    if not columns[0]:
        raise DataError(f"{path}: no statement between two resources that have a whole IRI, such as http://ex.org/a")
    return columns, nameless


def statements(path: Path) -> Iterator[tuple[str, str, str, Any]]:
    """IRIs of subject, predicate and object, "" of a node that has no whole one, and the object where it is a literal.

    Raises DataError with file:line, and where the package that reads them, an extra, is missing.
    """
    try:
        import pyoxigraph as ox
    except ImportError:
        raise DataError(f"{path}: RDF; to read it: pip install 'dsomgnn[rdf]'") from None

    def iri(node: Any) -> str:
        return node.value if isinstance(node, ox.NamedNode) and WHOLE_IRI.fullmatch(node.value) else ""

    kind: Any = ox.RdfFormat.from_extension(_ending(path).removeprefix(".").replace("owl", "rdf"))
    try:
        with open_bytes(path) as file:
            if file.read(len(BOM)) != BOM:
                file.seek(0)
            for subject, predicate, value, _ in ox.parse(file, kind, lenient=True):
                yield iri(subject), iri(predicate), iri(value), value if isinstance(value, ox.Literal) else None
    except SyntaxError as error:
        message = WHERE.sub("", str(error.msg)).rstrip(".")
        raise DataError(f"{path}:{error.lineno or 1}: {message} (read as {kind.name})") from None
    except MemoryError as error:
        raise DataError(f"{path}: a literal that does not end, or is too long: {error} (read as {kind.name})") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {reason(error)}") from None


def _ending(path: Path) -> str:
    return Path(bare_name(path)).suffix.lower()
