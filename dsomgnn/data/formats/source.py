"""Data sets in the layouts of other toolkits, told apart by what the files hold.

OpenKE (train2id.txt), kbc, MyGO, LibKGE (ids), ConvE, villmow, RotatE, DKRL (names), IMF, MoMoK (a full stop behind
each triple), PyKEEN (a folder per split), CSV, TSV and Parquet with a header, RDF.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from dsomgnn.data.formats.column_order import ORDERS, column_order
from dsomgnn.data.formats.id_maps import IdMap, find_id_map, is_id
from dsomgnn.data.formats.lexicon import Lexicon, lexicon
from dsomgnn.data.formats.split_files import one_file, split_files
from dsomgnn.data.formats.triple_files import TripleFile, read_triples
from dsomgnn.errors import DataError, nearest

WHOLE = "all"  # the one split of a single file


@dataclass(frozen=True)
class Source:
    """A data set as found: identifiers in id order, and (n, 3) int64 ids of head, relation, tail per split.

    `files` are those of the splits, `unread` the folder's others, `layout` and `notes` are for people.
    """

    entities: IdMap
    relations: IdMap
    splits: Mapping[str, np.ndarray]
    files: Mapping[str, Path]
    unread: tuple[Path, ...]
    layout: str
    notes: tuple[str, ...]


def read_source(src: Path, columns: str | None = None, cells: str | None = None) -> Source:
    """Read a folder of three splits, or one file of triples (as the split "all").

    `columns` ("hrt", "htr") and `cells` ("ids", "names") settle what the content leaves open. Raises DataError.
    """
    if not src.exists():
        beside = [path.name for path in src.parent.iterdir()] if src.parent.is_dir() else []
        raise DataError(f"{src}: no such file or folder.{nearest(src.name, sorted(beside))}")
    paths, others = split_files(src) if src.is_dir() else ({WHOLE: one_file(src)}, [])
    files = {split: read_triples(path) for split, path in paths.items()}
    entities, relations = find_id_map(others, "entity"), find_id_map(others, "relation")
    words = [set(chain.from_iterable(file.columns[i] for file in files.values())) for i in range(3)]
    order = _order(src, list(files.values()), words, entities, relations, columns)
    head, relation, tail = ORDERS[order]
    cells = cells or ("ids" if any(file.counted for file in files.values()) else None)
    entity = lexicon("entity", entities, words[head] | words[tail], src, cells)
    link = lexicon("relation", relations, words[relation], src, cells)
    columns_of = ((entity, head, link), (link, relation, entity), (entity, tail, link))
    splits = {
        split: np.stack([own.ids_of(file, place, other) for own, place, other in columns_of], axis=1)
        for split, file in files.items()
    }
    read = [*paths.values(), entity.known.path, link.known.path]
    unread = tuple(path for path in others if path not in read)
    layout = f"entities: {_written(entity)}; relations: {_written(link)}; columns: {_columns(order)}"
    notes = (*_notes(entity, link), *(file.note for file in files.values() if file.note))
    return Source(entity.known, link.known, splits, paths, unread, layout, notes)


def _order(
    src: Path,
    files: list[TripleFile],
    words: list[set[str]],
    entities: IdMap | None,
    relations: IdMap | None,
    columns: str | None,
) -> str:
    """How head, relation and tail stand, in all files alike."""
    named = {file.named: file.path for file in files}
    if len(named) == 2:
        raise DataError(f"{named[True]} has a header that names head, relation and tail, {named[False].name} has none")
    if True in named:
        return "hrt"
    order = columns or column_order(words, entities, relations)
    if order is None:
        raise DataError(
            f"{src}: is a line head, relation, tail, or head, tail, relation? The content fits both "
            f"({len(words[1])} different words in the second column, {len(words[2])} in the third); "
            "say --columns hrt or --columns htr"
        )
    return order


def _written(words: Lexicon) -> str:
    """How the triples write entities or relations."""
    if not words.listed:
        return "identifiers, sorted"
    return f"{'ids' if words.cells == 'ids' else 'identifiers'} of {words.known.path.name}"


def _columns(order: str) -> str:
    return "head, relation, tail" if order == "hrt" else "head, tail, relation"


def _notes(entity: Lexicon, link: Lexicon) -> tuple[str, ...]:
    both = sorted(entity.known.readings["names"].keys() & link.known.readings["names"].keys())
    notes = [entity.note, link.note]
    if both and not all(map(is_id, both)):
        notes.append(f"{len(both)} words are both an entity and a relation, the first: {both[0]}")
    return tuple(note for note in notes if note)
