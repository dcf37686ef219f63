"""`dsomgnn data encode`: texts or pictures of a data set as a feature file."""

from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path

import numpy as np
import torch

from dsomgnn.counter import Counter
from dsomgnn.data.encoders.cache import write_atomic
from dsomgnn.data.encoders.encoded import Encoded, encode, item_encoder
from dsomgnn.data.triples import Vocabulary, load_dataset
from dsomgnn.errors import RecipeError
from dsomgnn.places import find_dataset

DIM = 128  # columns that the printed recipe reduces wider features to


def encode_command(target: str, source: str, encoder: str, out: Path | None) -> None:
    """Encode `source` of the data set, write FILE.npy and FILE.txt, and print what a recipe says to use them.

    Raises DataError, RecipeError.
    """
    model = item_encoder(encoder, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    dataset = load_dataset(find_dataset(target, Path()))
    path = out or dataset.folder / f"{_label(source)}-{_label(encoder.rstrip('/').rsplit('/', 1)[-1])}.npy"
    _refuse_loss(path, dataset.entities)
    started = time.monotonic()
    with Counter(model.reads) as count:
        encoded = encode(source, dataset.folder, source, dataset.entities, model, count)
    write_features(path, [dataset.entities.ids[i] for i in encoded.entity], encoded.rows)
    print(_summary(encoded, model.reads, len(dataset.entities), time.monotonic() - started))
    print(f"{path}\n{path.with_suffix('.txt')}\n\nIn a recipe:\n{_recipe(path, source, dataset.folder, encoded)}")


def write_features(path: Path, ids: list[str], rows: np.ndarray) -> None:
    """Rows (n, d) as .npy, and the identifiers in row order in the .txt beside it. Raises RecipeError."""
    array = io.BytesIO()
    np.save(array, rows, allow_pickle=False)
    names = "".join(f"{word}\n" for word in ids)
    try:
        write_atomic({path: array.getvalue(), path.with_suffix(".txt"): names.encode()})
    except OSError as error:
        raise RecipeError(f"{path}: cannot be written: {error.strerror}. Name another file: --out FILE.npy") from None


def _refuse_loss(path: Path, entities: Vocabulary) -> None:
    """RecipeError where the .txt would replace something else than an earlier row order, a split for instance."""
    if path.suffix != ".npy":
        raise RecipeError(f"--out {path}: features are written as .npy")
    names = path.with_suffix(".txt")
    if names.exists() and not set(names.read_text(encoding="utf-8", errors="replace").splitlines()) <= set(
        entities.ids
    ):
        raise RecipeError(f"--out {path}: the row order would replace {names}, which is none. Name another file")


def _label(word: str) -> str:
    """A file or a model as a part of a file name."""
    return re.sub(r"(\.tsv)?(\.gz)?$", "", re.sub(r"[^A-Za-z0-9_.-]+", "-", word)).strip("-.")


def _summary(encoded: Encoded, reads: str, num_entities: int, seconds: float) -> str:
    rate = f"{encoded.fresh:,} encoded in {seconds:,.1f} s, {encoded.fresh / max(seconds, 1e-9):,.1f} {reads}/s"
    return (
        f"{encoded.items:,} {reads} of {len(encoded.entity):,} of {num_entities:,} entities, "
        f"{encoded.rows.shape[1]:,} columns; {rate if encoded.fresh else 'all known from the cache'}"
    )


def _recipe(path: Path, source: str, folder: Path, encoded: Encoded) -> str:
    file, folder = path.resolve(), folder.resolve()
    place = file.relative_to(folder) if file.is_relative_to(folder) else file
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(source).name.split(".")[0])
    dim = f"dim = {DIM}\n" if encoded.rows.shape[1] > DIM else ""
    return f'[features.{name}]\nsource = {json.dumps(str(place), ensure_ascii=False)}\nencoder = "array"\n{dim}'
