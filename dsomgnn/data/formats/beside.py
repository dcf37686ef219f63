"""What stands beside a data set's triples, in files of its own or in literals: texts, names, numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dsomgnn.data.formats.numeric_tables import NumericTable, find_numbers
from dsomgnn.data.formats.rdf import is_rdf
from dsomgnn.data.formats.rdf_literals import read_literals
from dsomgnn.data.formats.source import Source
from dsomgnn.data.formats.text_tables import TextTable, find_texts


@dataclass(frozen=True)
class Beside:
    """Tables of texts, names of entities and of relations, numbers (or None); `left_out`: files that hold nothing that
    was taken over; `notes` are for people."""

    text: TextTable | None
    names: TextTable | None
    relation_names: TextTable | None
    numeric: NumericTable | None
    left_out: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def find_beside(source: Source, src: Path) -> Beside:
    """What files and, where the triples are RDF, literals of `src` say; a file is believed before literals.

    Raises DataError with file:line.
    """
    entities, relations, unread = source.entities.ids, source.relations.ids, source.unread
    texts, of_relations = find_texts(unread, entities), find_texts(unread, relations)
    rdf = tuple(path for path in (*source.files.values(), *unread) if is_rdf(path))
    rdf = rdf if any(path in rdf for path in source.files.values()) else ()
    said = _said(source, src.resolve(), rdf)
    text = texts[0] if texts else said.text
    names = next((table for table in texts if table.of_names), said.names)
    relation_names = next(iter(of_relations), said.relation_names)
    numeric = find_numbers(unread, entities) or said.numeric
    taken = [table.path for table in (text, names, relation_names, numeric) if table]
    left_out = tuple(path for path in unread if path not in (*taken, *rdf))
    return Beside(text, names, relation_names, numeric, left_out, said.notes)


def _said(source: Source, src: Path, files: tuple[Path, ...]) -> Beside:
    """What literals of RDF files say."""
    if not files:
        return Beside(None, None, None, None, ())
    entities, relations = source.entities.ids, source.relations.ids
    known = set(entities)
    said = read_literals(files, known.union(relations))

    def table(found: dict[str, str], ids: tuple[str, ...]) -> TextTable | None:
        kept = {resource: found[resource] for resource in ids if resource in found}
        return TextTable(src, kept, 0, 0) if kept else None

    rows = [row for row in said.numbers if row[0] in known]
    numeric = NumericTable(src, rows, 0) if rows else None
    notes = (f"literals left out, as neither texts nor numbers: {said.other:,}",) if said.other else ()
    return Beside(
        table(said.texts, entities), table(said.names, entities), table(said.names, relations), numeric, (), notes
    )
