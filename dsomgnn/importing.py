"""`dsomgnn data import`: a data set in another toolkit's layout becomes a folder in our own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dsomgnn.data.arrays import ARRAY_SUFFIXES
from dsomgnn.data.formats.id_maps import IdMap
from dsomgnn.data.formats.numeric_tables import NUMERIC, NumericTable, find_numbers
from dsomgnn.data.formats.random_split import random_split, without_repeats
from dsomgnn.data.formats.source import WHOLE, Source, read_source
from dsomgnn.data.formats.text_tables import TextTable, find_texts
from dsomgnn.data.formats.triple_files import bare_name
from dsomgnn.errors import DataError, RecipeError


@dataclass(frozen=True)
class Imported:
    """What was found and written: the source with its final splits; tables of texts, names, numbers (or None)."""

    source: Source
    text: TextTable | None
    names: TextTable | None
    relation_names: TextTable | None
    numeric: NumericTable | None

    @property
    def left_out(self) -> list[Path]:
        """Files of the source folder that hold nothing that was taken over."""
        tables = (self.text, self.names, self.relation_names, self.numeric)
        taken = [table.path for table in tables if table]
        return [path for path in self.source.unread if path not in taken]


def import_dataset(
    src: str | Path,
    dst: str | Path,
    columns: str | None = None,
    cells: str | None = None,
    split: Sequence[float] | None = None,
    seed: int = 0,
) -> Imported:
    """Write `dst` (train|valid|test.txt, entities.tsv, relations.tsv, text.tsv, numeric.tsv) from any known layout.

    `columns` ("hrt", "htr") and `cells` ("ids", "names") settle what the content leaves open; `split` are the shares
    of train, valid and test for a file without splits. The folder appears whole or not at all. Raises DataError, and
    RecipeError where `dst` is taken or `split` is missing or needless.
    """
    src, dst = Path(src), Path(dst)
    if dst.exists() and (not dst.is_dir() or any(dst.iterdir())):
        raise RecipeError(f"{dst}: exists already; name a new or an empty folder")
    source = _with_splits(read_source(src, columns, cells), src, split, seed)
    texts = find_texts(source.unread, source.entities.ids)
    found = Imported(
        source,
        texts[0] if texts else None,
        next((table for table in texts if table.of_names), None),
        next(iter(find_texts(source.unread, source.relations.ids)), None),
        find_numbers(source.unread, source.entities.ids),
    )
    with _new_folder(dst) as folder:
        _write(folder, found)
    return found


def _with_splits(source: Source, src: Path, split: Sequence[float] | None, seed: int) -> Source:
    if WHOLE not in source.splits:
        if split is not None:
            raise RecipeError(f"--split: {src} has splits of its own ({', '.join(source.splits)})")
        return source
    triples = source.splits[WHOLE]
    if split is None:
        raise RecipeError(
            f"{src}: {len(triples):,} triple{'s' * (len(triples) != 1)} without splits. Name a folder with train, "
            "valid and test, or say --split 0.8,0.1,0.1 to deal them at random"
        )
    once = without_repeats(triples)
    repeats = len(triples) - len(once)
    notes = (f"{repeats:,} repeated triples are used once: no split may know another's",) if repeats else ()
    try:
        return replace(source, splits=random_split(once, split, seed), notes=source.notes + notes)
    except DataError as error:
        raise DataError(f"{src}: {error}") from None


@contextmanager
def _new_folder(dst: Path) -> Iterator[Path]:
    """A folder to fill that becomes `dst` at the end, and is gone where filling it fails."""
    dst = dst.absolute()
    part = dst.with_name(f".{dst.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        yield part
        os.replace(part, dst)
    except OSError as error:
        raise DataError(f"{dst}: cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(folder: Path, found: Imported) -> None:
    source = found.source
    _write_ids(folder / "entities.tsv", source.entities, found.names)
    _write_ids(folder / "relations.tsv", source.relations, found.relation_names)
    entities, relations = (np.array(known.ids, dtype=object) for known in (source.entities, source.relations))
    for split, triples in source.splits.items():
        head, relation, tail = triples.T
        rows = zip(entities[head], relations[relation], entities[tail], strict=True)
        _write_rows(folder / f"{split}.txt", rows)
    if found.text:
        _write_rows(
            folder / "text.tsv", ((i, found.text.texts[i]) for i in source.entities.ids if i in found.text.texts)
        )
    if found.numeric:
        _write_rows(folder / NUMERIC, found.numeric.rows)


def _write_ids(path: Path, known: IdMap, names: TextTable | None) -> None:
    better = names.texts if names and known.labels == known.ids else {}
    _write_rows(path, ((i, better.get(i, label)) for i, label in zip(known.ids, known.labels, strict=True)))


def _write_rows(path: Path, rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines("\t".join(row) + "\n" for row in rows)


def import_command(src: Path, dst: Path, columns: str | None, cells: str | None, split: str | None, seed: int) -> None:
    """Import, and say what was found and what to type next."""
    found = import_dataset(src, dst, columns, cells, parse_shares(split), seed)
    for head, line in _report(found, dst):
        print(f"{head:9}{line}")
    print(f"\nNext: dsomgnn data audit {dst}")


def parse_shares(words: str | None) -> list[float] | None:
    """Three shares, "0.8,0.1,0.1". Raises RecipeError where they are not above 0 with sum 1."""
    if words is None:
        return None
    try:
        shares = [float(word) for word in words.split(",")]
    except ValueError:
        shares = []
    if len(shares) != 3 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise RecipeError(f"--split {words}: expected three shares above 0 that add up to 1, such as 0.8,0.1,0.1")
    return shares


def _report(found: Imported, dst: Path) -> Iterator[tuple[str, str]]:
    source = found.source
    yield "found", source.layout
    yield "", ", ".join(path.name for path in source.files.values())
    entities, relations = len(source.entities.ids), len(source.relations.ids)
    for what, table, size in (
        ("text", found.text, entities),
        ("names", found.names, entities),
        ("", found.relation_names, relations),
    ):
        if table:
            yield what, _told(table.path, len(table.texts), size, table.strangers, table.repeats)
    if found.numeric:
        yield "numeric", _told(found.numeric.path, found.numeric.entities, entities, found.numeric.strangers)
    yield from (("note", note) for note in source.notes)
    yield from _left_out(found.left_out)
    counts = ", ".join(f"{split} {len(rows):,}" for split, rows in source.splits.items())
    yield "wrote", f"{dst}: {entities:,} entities, {relations:,} relations; {counts}"


def _left_out(paths: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Arrays, each with the .txt beside it, which says whose its rows are; and what has no use."""
    arrays = [path for path in paths if path.suffix in ARRAY_SUFFIXES]
    beside = {a: p for a in arrays for p in paths if p.with_name(bare_name(p)) == a.with_suffix(".txt")}
    for path in arrays:
        what = f"it and {beside[path].name}" if path in beside else "it"
        yield "features", f'{path.name}: copy {what} there, and in a recipe: [features.NAME] source = "{path.name}"'
    others = [path.name for path in paths if path not in (*arrays, *beside.values())]
    if others:
        yield "not read", ", ".join(others[:8]) + (f" and {len(others) - 8} more" if len(others) > 8 else "")


def _told(path: Path, found: int, size: int, strangers: int, repeats: int = 0) -> str:
    counts = {"rows of others": strangers, "repeats": repeats}
    left = [f"{count:,} {what}" for what, count in counts.items() if count]
    return f"{path.name}: {found:,} of {size:,}" + (f"; left out: {', '.join(left)}" if left else "")
