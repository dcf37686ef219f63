"""Picture files: finding those of each entity, and decoding them."""

from __future__ import annotations

import io
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from dsomgnn.data.tables import positions, read_rows, require_file
from dsomgnn.data.triples import Vocabulary
from dsomgnn.errors import DataError, DataWarning, nearest

LARGEST_PICTURE = 64_000_000  # pixels
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # Pillow knows more, and some of them run other programs
SPELLINGS = (  # of an identifier as a file name, the first that fits
    lambda identifier: identifier.replace("/", "__"),
    lambda identifier: identifier.strip("/").replace("/", "."),  # /m/027rn as m.027rn
    lambda identifier: identifier.strip("<>").rstrip("/").rsplit("/", 1)[-1],  # the last part of an address
)


def find_pictures(folder: Path, source: str, entities: Vocabulary) -> tuple[np.ndarray, list[Path]]:
    """Entity (n,) and file of every picture; an entity may have several.

    `source` is a table (entity, file), or a folder with NAME.png, NAME_0.jpg, ... or NAME/anything.png, where NAME is
    an identifier with "__" for "/", its last part, or the like. Raises DataError.
    """
    place = folder / source
    if place.is_dir():
        return _in_folder(place, entities)
    path = require_file(folder, source)
    rows = read_rows(path, 2)
    return positions([row[0] for row in rows], entities.index, path, "entity"), [folder / row[1] for row in rows]


def _in_folder(place: Path, entities: Vocabulary) -> tuple[np.ndarray, list[Path]]:
    names = _file_names(entities)
    found = [(names.get(name, names.get(re.sub(r"[_-]\d+$", "", name), -1)), file) for name, file in _pictures(place)]
    known = [(entity, file) for entity, file in found if entity >= 0]
    if not known:
        first = found[0][1].name if found else None
        hint = f'; "{first}" is not.{nearest(Path(first).stem, names)}' if first else ": it holds none"
        raise DataError(f"{place}: no picture ({', '.join(sorted(SUFFIXES))}) is named after an entity{hint}")
    _tell_strangers([file for entity, file in found if entity < 0])
    return np.array([entity for entity, _ in known], dtype=np.int64), [file for _, file in known]


def _tell_strangers(files: list[Path]) -> None:
    if files:
        told = f"{len(files)} picture{'s are' if len(files) > 1 else ' is'} named after no entity, the first"
        warnings.warn(f"{files[0].parent}: {told}: {files[0].name}", DataWarning, stacklevel=2)


def _pictures(place: Path) -> Iterator[tuple[str, Path]]:
    """Name and file of every picture; those of a folder inside bear its name."""
    for path in sorted(place.iterdir()):
        if path.is_dir():
            yield from ((path.name, file) for file in sorted(path.iterdir()) if file.suffix.lower() in SUFFIXES)
        elif path.suffix.lower() in SUFFIXES:
            yield path.stem, path


def _file_names(entities: Vocabulary) -> dict[str, int]:
    """Entity by file name; a spelling that two entities share names neither."""
    names: dict[str, int] = {}
    for spell in SPELLINGS:
        spelt = [spell(identifier) for identifier in entities.ids]
        count = Counter(spelt)
        names |= {name: i for i, name in enumerate(spelt) if count[name] == 1 and name not in names}
    return names


def read_picture(content: bytes) -> Image.Image:
    """The picture as RGBA, 8 bits each; of an animated one the first frame. Raises what Pillow does, or ValueError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow minds about a file, it says once per picture
        try:
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
        except UnidentifiedImageError:
            raise ValueError(f"not {', '.join(FORMATS)}") from None
        if picture.width * picture.height > LARGEST_PICTURE:
            raise ValueError(f"{picture.width} x {picture.height} pixels are too many")
        return _eight_bits(picture).convert("RGBA")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Sixteen bits of grey as eight; Pillow's own conversion would cut off instead of scaling."""
    if not picture.mode.startswith("I"):
        return picture
    grey = np.asarray(picture).astype(np.int64).clip(0, 65535) // 257
    return Image.fromarray(grey.astype(np.uint8))


def on_white(picture: Image.Image) -> Image.Image:
    """RGB; what is transparent is white, as on a page."""
    page = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(page, picture).convert("RGB")
