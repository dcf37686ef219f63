"""Getting a known data set: from a copy, or from its public origin; verified, and there as a whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from dsomgnn.data.cards import ORDERS, SPLITS, Card, Origin, mismatch, order_digest
from dsomgnn.data.download import MissingError, fetch
from dsomgnn.data.names import write_names
from dsomgnn.data.reports import Report, silent
from dsomgnn.data.tables import bare_name, find_file, read_rows
from dsomgnn.errors import DataError
from dsomgnn.importing import import_dataset
from dsomgnn.places import shipped

Watch = Callable[[str], AbstractContextManager[Report]]  # from the name of a file to what is told of its download


@dataclass(frozen=True)
class Got:
    """A verified data set; `fresh` where it was put there just now.

    `missing`: files of the card that are not there. `other`: files that are there, but not as on the card.
    """

    folder: Path
    fresh: bool
    missing: tuple[str, ...]
    other: tuple[str, ...]


def get_dataset(card: Card, to: Path, base: str | None = None, watch: Watch = lambda name: nullcontext(silent)) -> Got:
    """Put the data set into `to/NAME`, from `base` (a URL or folder of copies), or from its public origin.

    What is there already is verified and left alone. Downloads that were cut are kept in `to/.NAME.part` and gone on
    with. Raises DataError.
    """
    folder = to / card.name if card.origin else shipped("datasets") / card.name
    if folder.is_dir() and any(folder.iterdir()):
        if why := fault(card, folder):
            raise DataError(
                f"{folder}: there already, but not {card.title} as published: {why}. "
                "Move it away, or choose another folder with --to"
            )
        return _got(card, folder, fresh=False)
    work = to / f".{card.name}.part"
    if base is not None:
        made = _copied(card, base, work / "copy", watch)
    elif card.origin is not None:
        made = _converted(card.origin, work, watch)
    else:
        raise DataError(f"{folder}: {card.title} ships with dsomgnn, but this installation lacks it")
    if why := fault(card, made):
        raise DataError(f"{card.title} from {base or 'its public origin'}: not as published: {why}")
    os.replace(made, folder)
    shutil.rmtree(work)
    return _got(card, folder, fresh=True)


def fault(card: Card, folder: Path) -> str | None:
    """What tells the folder's triples, or the order of its ids, from the card's; None where they are the same."""
    for name in (*SPLITS, *ORDERS):
        path = find_file(folder, name)
        if path is None:
            return f"{name} is missing"
        if name in SPLITS and (why := mismatch(path, card.files[name])):
            return f"{name}: {why}"
        if name in ORDERS and order_digest(row[0] for row in read_rows(path, 1)) != card.order[name]:
            return f"{name}: other identifiers than the card's, or in another order"
    return None


def _got(card: Card, folder: Path, fresh: bool) -> Got:
    found = {name: find_file(folder, name) for name in card.files}
    missing = tuple(name for name, path in found.items() if path is None)
    other = tuple(name for name, path in found.items() if path is not None and mismatch(path, card.files[name]))
    return Got(folder, fresh, missing, other)


def _copied(card: Card, base: str, work: Path, watch: Watch) -> Path:
    """Canonical files of `base/NAME`, or of `base` itself, packed or not."""
    work.mkdir(parents=True, exist_ok=True)
    roots = [f"{base.rstrip('/')}/{card.name}", base.rstrip("/")]
    for name, wanted in card.files.items():
        here = find_file(work, name)
        if here is not None and mismatch(here, wanted) is None:
            continue
        addresses = [(root, end) for root in roots for end in ("", ".gz")]
        for root, end in addresses:
            try:
                with watch(name) as report:
                    fetch(f"{root}/{name}{end}", work / f"{name}{end}", wanted, report)
            except MissingError:
                continue
            roots = [root]
            break
        else:
            if name in (*SPLITS, *ORDERS):
                raise DataError(f"{base}: holds no {card.name}/{name}, nor {name} itself, packed (.gz) or not")
    for path in work.iterdir():
        if bare_name(path) not in card.files:
            path.unlink()
    return work


def _converted(origin: Origin, work: Path, watch: Watch) -> Path:
    """The origin's files, downloaded and made into a canonical folder."""
    for part, sources in (("triples", origin.triples), ("naming", origin.naming)):
        (work / part).mkdir(parents=True, exist_ok=True)
        for name, source in sources.items():
            with watch(name) as report:
                fetch(source.url, work / part / name, source, report)
    made = work / "made"
    shutil.rmtree(made, ignore_errors=True)
    import_dataset(work / "triples", made)
    write_names(made, origin.names, work / "naming")
    return made
