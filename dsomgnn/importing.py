"""`dsomgnn data import`: a data set in another toolkit's layout becomes a folder in our own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dsomgnn.data.arrays import ARRAY_SUFFIXES
from dsomgnn.data.formats.beside import Beside, find_beside
from dsomgnn.data.formats.id_maps import IdMap
from dsomgnn.data.formats.numeric_tables import NUMERIC
from dsomgnn.data.formats.random_split import random_split, without_repeats
from dsomgnn.data.formats.rdf import is_rdf
from dsomgnn.data.formats.rdf_literals import local_name
from dsomgnn.data.formats.source import WHOLE, Source, read_source
from dsomgnn.data.formats.text_tables import TextTable
from dsomgnn.data.tables import bare_name
from dsomgnn.errors import DataError, RecipeError


@dataclass(frozen=True)
class Imported:
    """What was found and written: the source with its final splits, and what stands beside its triples."""

    source: Source
    beside: Beside


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
    found = Imported(source, find_beside(source, src))
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
    source, beside = found.source, found.beside
    short = local_name if any(map(is_rdf, source.files.values())) else str
    _write_ids(folder / "entities.tsv", source.entities, beside.names, short)
    _write_ids(folder / "relations.tsv", source.relations, beside.relation_names, short)
    entities, relations = (np.array(known.ids, dtype=object) for known in (source.entities, source.relations))
    for split, triples in source.splits.items():
        head, relation, tail = triples.T
        rows = zip(entities[head], relations[relation], entities[tail], strict=True)
        _write_rows(folder / f"{split}.txt", rows)
    if beside.text:
        texts = beside.text.texts
        _write_rows(folder / "text.tsv", ((i, texts[i]) for i in source.entities.ids if i in texts))
    if beside.numeric:
        _write_rows(folder / NUMERIC, beside.numeric.rows)


def _write_ids(path: Path, known: IdMap, names: TextTable | None, short: Callable[[str], str]) -> None:
    """Identifiers with their labels: the map's own, or names that were found, or else what is `short` for them."""
    better = names.texts if names else {}
    labels = (better.get(i) or short(i) for i in known.ids) if known.labels == known.ids else known.labels
    _write_rows(path, zip(known.ids, labels, strict=True))


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
    source, beside = found.source, found.beside
    yield "found", source.layout
    yield "", ", ".join(path.name for path in source.files.values())
    entities, relations = len(source.entities.ids), len(source.relations.ids)
    for what, table, size in (
        ("text", beside.text, entities),
        ("names", beside.names, entities),
        ("", beside.relation_names, relations),
    ):
        if table:
            yield what, _told(table.path, len(table.texts), size, table.strangers, table.repeats)
    if beside.numeric:
        yield "numeric", _told(beside.numeric.path, beside.numeric.entities, entities, beside.numeric.strangers)
    yield from (("note", note) for note in (*source.notes, *beside.notes))
    yield from _left_out(beside.left_out)
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
