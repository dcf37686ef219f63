"""Features from texts and pictures that are encoded one by one: histograms and pretrained networks."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dsomgnn.data.encoders.feature_encoders import read_texts
from dsomgnn.data.encoders.image_models import picture_encoder
from dsomgnn.data.encoders.item_encoder import ItemEncoder, encode_items
from dsomgnn.data.encoders.pictures import find_pictures
from dsomgnn.data.encoders.text_models import text_encoder
from dsomgnn.data.features import Feature, placed, reduced, unit_rows
from dsomgnn.data.reports import Report, silent
from dsomgnn.data.triples import Vocabulary
from dsomgnn.errors import DataError, DataWarning

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Encoded:
    """Rows (n, d) float16 of the entities at `entity` (n,), each once, ascending.

    They come from so many `items`: texts or pictures. `fresh` of them were encoded now, the others cached before.
    """

    entity: np.ndarray
    rows: np.ndarray
    items: int
    fresh: int


def histogram_feature(name: str, folder: Path, source: str, entities: Vocabulary) -> Feature:
    """Colour statistics of each entity's pictures: a joint RGB histogram (square roots, 64 columns)."""
    encoded = encode(name, folder, source, entities, item_encoder("histogram"))
    return placed(name, unit_rows(encoded.rows.astype(np.float32)), encoded.entity, len(entities))


def model_feature(
    name: str,
    folder: Path,
    source: str,
    dim: int | None,
    entities: Vocabulary,
    seed: int,
    encoder: ItemEncoder,
    report: Report = silent,
) -> Feature:
    """Rows of a pretrained network, treated as `array_feature` treats the rows of a file."""
    encoded = encode(name, folder, source, entities, encoder, report)
    return placed(name, unit_rows(reduced(encoded.rows, dim, seed)), encoded.entity, len(entities))


def encode(
    name: str, folder: Path, source: str, entities: Vocabulary, encoder: ItemEncoder, report: Report = silent
) -> Encoded:
    """Encode the text, or each of the pictures, of every entity that has one; the rows of an entity are averaged.

    Pictures that cannot be read are left out, with one warning that counts them. Raises DataError, RecipeError.
    """
    entity, items = _items(folder, source, entities, encoder)
    result = encode_items(encoder, items, report)
    if result.broken:
        told = f"{name}: {len(result.broken)} pictures cannot be read, the first: {result.broken[0]}"
        warnings.warn(told, DataWarning, stacklevel=2)
    if not len(result.rows):
        raise DataError(f"{folder / source}: no {encoder.reads.removesuffix('s')} can be read")
    return Encoded(*_means(entity[result.kept], result.rows), len(items), result.fresh)


def item_encoder(name: str, device: torch.device = CPU) -> ItemEncoder:
    """The encoder of texts or pictures that a recipe names so. Raises RecipeError."""
    pictures = name in ("histogram", "efficientnet-lite0") or name.startswith(("timm:", "torchvision:"))
    return picture_encoder(name, device) if pictures else text_encoder(name, device)


def _items(folder: Path, source: str, entities: Vocabulary, encoder: ItemEncoder) -> tuple[np.ndarray, list]:
    if encoder.reads == "pictures":
        return find_pictures(folder, source, entities)
    if (folder / source).is_dir():
        raise DataError(f"{folder / source}: a folder, but {encoder.name} reads a table of entity and text")
    return read_texts(folder, source, entities)


def _means(entity: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The entities, each once and ascending, and the mean of each one's rows."""
    order = np.argsort(entity, kind="stable")
    who, start, count = np.unique(entity[order], return_index=True, return_counts=True)
    return who, (np.add.reduceat(rows[order].astype(np.float64), start) / count[:, None]).astype(np.float16)
