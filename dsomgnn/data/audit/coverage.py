"""Which modalities lie in a data set's folder, and how many entities have each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dsomgnn.data.array_order import row_entities
from dsomgnn.data.arrays import ARRAY_SUFFIXES, read_array
from dsomgnn.data.encoders.pictures import SUFFIXES, find_pictures
from dsomgnn.data.tables import bare_name, find_file, positions, read_rows
from dsomgnn.data.triples import Dataset
from dsomgnn.errors import DataError

LARGEST_ARRAY = 1 << 29  # bytes; a larger file is not opened


@dataclass(frozen=True)
class Coverage:
    """One modality: how many `entities` have it, as a `share` of all, and how many of those that train lacks.

    All three are None where a file is too large to look into. `facts` say more, by `kind` ("text", "numeric",
    "pictures", "array"). `defect`: why it cannot be read.
    """

    source: str
    kind: str
    entities: int | None = 0
    share: float | None = 0.0
    unseen: int | None = 0
    facts: dict[str, Any] = field(default_factory=dict)
    defect: str | None = None


Found = tuple[np.ndarray | None, dict[str, Any]]  # positions of the entities that have it, facts


def coverage(dataset: Dataset) -> tuple[Coverage, ...]:
    """Of each modality in the data set's folder. A file that cannot be read becomes a defect, not an error."""
    return tuple(_covered(dataset, path, kind, reader) for path, kind, reader in _sources(dataset.folder))


def entity_texts(dataset: Dataset) -> list[str] | None:
    """The text of each entity, "" where it has none; None where there is no text.tsv that can be read."""
    path = find_file(dataset.folder, "text.tsv")
    if path is None:
        return None
    try:
        entity, filled = _text_rows(dataset, path)
    except DataError:
        return None
    texts = [""] * dataset.num_entities
    for i, text in zip(entity.tolist(), filled, strict=True):
        texts[i] = text
    return texts


def _sources(folder: Path) -> Iterator[tuple[Path, str, Callable[[Dataset, Path], Found]]]:
    for name, kind, reader in (
        ("text.tsv", "text", _text),
        ("numeric.tsv", "numeric", _numeric),
        ("images.tsv", "pictures", _pictures),
    ):
        if path := find_file(folder, name):
            yield path, kind, reader
    for path in sorted(folder.iterdir()):
        if path.suffix in ARRAY_SUFFIXES:
            yield path, "array", _array
        elif not find_file(folder, "images.tsv") and _holds_pictures(path):
            yield path, "pictures", _pictures


def _covered(dataset: Dataset, path: Path, kind: str, reader: Callable[[Dataset, Path], Found]) -> Coverage:
    try:
        entity, facts = reader(dataset, path)
    except DataError as error:
        return Coverage(path.name, kind, defect=str(error))
    if entity is None:
        return Coverage(path.name, kind, None, None, None, facts)
    has = torch.zeros(dataset.num_entities, dtype=torch.bool)
    has[torch.from_numpy(entity)] = True
    count = int(has.sum())
    return Coverage(path.name, kind, count, count / len(has), int((has & dataset.unseen).sum()), facts)


def _text_rows(dataset: Dataset, path: Path) -> tuple[np.ndarray, list[str]]:
    rows = read_rows(path, 2, 2)
    entity = positions([row[0] for row in rows], dataset.entities.index, path, "entity", once=True)
    return entity, [row[1].strip() for row in rows]


def _text(dataset: Dataset, path: Path) -> Found:
    entity, texts = _text_rows(dataset, path)
    filled = [i for i, text in enumerate(texts) if text]
    times = Counter(texts[i] for i in filled)
    repeated = [n for n in times.values() if n > 1]
    return entity[filled], {
        "mean_words": round(sum(len(texts[i].split()) for i in filled) / max(1, len(filled)), 1),
        "empty": len(texts) - len(filled),
        "repeated_texts": len(repeated),
        "entities_with_repeated_text": sum(repeated),
    }


def _numeric(dataset: Dataset, path: Path) -> Found:
    rows = read_rows(path, 3, 3)
    entity = positions([row[0] for row in rows], dataset.entities.index, path, "entity")
    return entity, {"values": len(rows), "attributes": len({row[1] for row in rows})}


def _pictures(dataset: Dataset, path: Path) -> Found:
    source = bare_name(path)
    entity, files = find_pictures(dataset.folder, source, dataset.entities)
    there = np.array([file.is_file() for file in files], dtype=bool)
    return entity[there], {"pictures": int(there.sum()), "missing_files": int((~there).sum())}


def _holds_pictures(path: Path) -> bool:
    return path.is_dir() and any(file.suffix.lower() in SUFFIXES for file in path.rglob("*"))


def _array(dataset: Dataset, path: Path) -> Found:
    if path.stat().st_size > LARGEST_ARRAY:
        return None, {"megabytes": path.stat().st_size // 1_000_000}
    array = read_array(path)
    entity = row_entities(array, dataset.folder, path.name, None, dataset.entities)
    filled = array.rows.any(1)
    rows, columns = array.rows.shape
    return entity[filled], {"rows": rows, "columns": columns, "zero_rows": int((~filled).sum())}
