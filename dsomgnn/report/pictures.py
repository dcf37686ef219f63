"""Small pictures of entities, as data: addresses that a page holds in itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from dsomgnn.data.encoders.pictures import find_pictures, on_white, read_picture
from dsomgnn.data.tables import find_file
from dsomgnn.data.triples import Dataset
from dsomgnn.errors import DataError
from dsomgnn.settings import Recipe

MOST = 24
SIDE = 96  # pixels
ENCODERS = ("histogram", "efficientnet-lite0", "timm:", "torchvision:")


def thumbnails(data: Dataset, recipe: Recipe, wanted: Sequence[str]) -> dict[str, str]:
    """By identifier, the picture of the first MOST wanted entities that have one; empty where the data has none."""
    files = _files(data, recipe)
    found: dict[str, str] = {}
    for entity in dict.fromkeys(wanted):
        path = files.get(data.entities.index.get(entity, -1))
        if len(found) < MOST and path is not None and (picture := _thumbnail(path)):
            found[entity] = picture
    return found


def _files(data: Dataset, recipe: Recipe) -> dict[int, Path]:
    """The first picture of each entity, from the first source that holds any; none from outside the data's folder."""
    for source in _sources(data, recipe):
        try:
            entity, paths = find_pictures(data.folder, source, data.entities)
        except DataError:
            continue
        pairs = zip(entity.tolist()[::-1], paths[::-1], strict=True)
        return {i: path for i, path in pairs if _inside(path, data.folder)}
    return {}


def _inside(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) and ".." not in path.relative_to(folder).parts


def _sources(data: Dataset, recipe: Recipe) -> Iterator[str]:
    yield from (f.source for f in recipe.features.values() if f.encoder.startswith(ENCODERS))
    if find_file(data.folder, "images.tsv"):
        yield "images.tsv"
    yield from sorted(path.name for path in data.folder.iterdir() if path.is_dir())


def _thumbnail(path: Path) -> str | None:
    """The picture as a JPEG of at most SIDE pixels; None where it cannot be read."""
    try:
        picture = on_white(read_picture(path.read_bytes()))
    except Exception:  # each decoder of pictures has its own kinds
        return None
    picture.thumbnail((SIDE, SIDE))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
