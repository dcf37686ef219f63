"""From raw modalities to features: texts, numeric attributes, pictures."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from dsomgnn.data.features import Feature, placed, unit_rows
from dsomgnn.data.tables import positions, read_rows, require_file
from dsomgnn.data.triples import Vocabulary
from dsomgnn.errors import DataError

BINS = 4  # of each colour channel
LOG_SPREAD = 100.0  # an attribute whose largest size is this many times its median is read on a log scale
LARGEST_PICTURE = 64_000_000  # pixels


def text_feature(name: str, folder: Path, source: str, dim: int, entities: Vocabulary, seed: int) -> Feature:
    """TF-IDF of words and word pairs, reduced by truncated SVD to at most `dim` columns; rows of length 1."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    path = require_file(folder, source)
    rows = read_rows(path, 2, 2)
    entity = positions([row[0] for row in rows], entities.index, path, "entity", once=True)
    filled = [i for i, row in enumerate(rows) if row[1].strip()]
    try:
        terms = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=min(2, 1 + len(filled) // 50))
        table = terms.fit_transform([rows[i][1] for i in filled])
    except ValueError as error:  # no text, or nothing but stop words
        raise DataError(f"{path}: no words to tell entities apart ({error})") from None
    size = max(1, min(dim, table.shape[1] - 1, table.shape[0] - 1))
    if table.shape[1] > size:
        table = TruncatedSVD(size, random_state=seed).fit_transform(table)
    else:
        table = table.toarray()
    return placed(name, unit_rows(table), entity[filled], len(entities))


def numeric_feature(name: str, folder: Path, source: str, entities: Vocabulary) -> Feature:
    """Numeric attributes (rows of entity, attribute, value), standardised, with a column per attribute for presence.

    An attribute given more than once for an entity is averaged; one that spans magnitudes is read on a log scale.
    """
    path = require_file(folder, source)
    rows = read_rows(path, 3, 3)
    if not rows:
        raise DataError(f"{path}: holds no attribute")
    ids, attributes, words = zip(*rows, strict=True)
    entity = positions(ids, entities.index, path, "entity")
    values = _numbers(words, path)
    names, attribute = np.unique(np.array(attributes), return_inverse=True)
    total, count = np.zeros((2, len(entities), len(names)))
    np.add.at(total, (entity, attribute), values)
    np.add.at(count, (entity, attribute), 1)
    has = count > 0
    table = np.concatenate([_standardised(total / np.maximum(count, 1), has), has], 1)
    who = np.flatnonzero(has.any(1))
    return placed(name, unit_rows(table[who]), who, len(entities))


def _numbers(words: tuple[str, ...], path: Path) -> np.ndarray:
    values = np.empty(len(words))
    for i, word in enumerate(words):
        try:
            values[i] = float(word)
        except ValueError:
            raise DataError(f'{path}:{i + 1}: "{word}" is not a number') from None
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise DataError(f'{path}:{bad[0] + 1}: "{words[bad[0]]}" is not a finite number')
    return values


def _standardised(table: np.ndarray, has: np.ndarray) -> np.ndarray:
    out = np.zeros_like(table)
    for column in range(table.shape[1]):
        who = has[:, column]
        x = table[who, column]
        size = np.abs(x)
        if size.max() > LOG_SPREAD * max(np.median(size), 1e-12):
            x = np.sign(x) * np.log1p(size)
        out[who, column] = np.clip((x - x.mean()) / max(x.std(), 1e-12), -5, 5)
    return out


def histogram_feature(name: str, folder: Path, source: str, entities: Vocabulary) -> Feature:
    """Colour statistics of one picture per entity: a joint RGB histogram (square roots, 64 columns).

    `source` is a table (entity, file) or a folder whose file names are identifiers ("/" written as "__").
    Pictures that cannot be read are left out, with one warning that counts them.
    """
    from PIL import Image

    entity, files = _pictures(folder, source, entities)
    rows, kept, broken = [], [], []
    for i, file in zip(entity, files, strict=True):
        try:
            rows.append(colour_histogram(file))
            kept.append(i)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            broken.append(f"{file.name} ({error})")
    if broken:
        warnings.warn(f"{name}: {len(broken)} pictures cannot be read, the first: {broken[0]}", stacklevel=2)
    if not rows:
        raise DataError(f"{folder / source}: no picture can be read")
    return placed(name, unit_rows(np.stack(rows)), np.array(kept, dtype=np.int64), len(entities))


def colour_histogram(file: Path) -> np.ndarray:
    """Square roots of the share of pixels in each of 4 x 4 x 4 cells of RGB, weighted by opacity; (64,)."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(file) as picture:
            if picture.width * picture.height > LARGEST_PICTURE:
                raise ValueError(f"{picture.width} x {picture.height} pixels are too many")
            pixels = np.asarray(picture.convert("RGBA"), dtype=np.int64).reshape(-1, 4)
    cell = pixels[:, :3] * BINS // 256 @ np.array([BINS * BINS, BINS, 1])
    counts = np.bincount(cell, weights=pixels[:, 3], minlength=BINS**3)
    return np.sqrt(counts / max(counts.sum(), 1))


def _pictures(folder: Path, source: str, entities: Vocabulary) -> tuple[np.ndarray, list[Path]]:
    if (folder / source).is_dir():
        files = sorted(p for p in (folder / source).iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
        by_stem = {identifier.replace("/", "__"): i for i, identifier in enumerate(entities.ids)}
        known = [(by_stem[p.stem], p) for p in files if p.stem in by_stem]
        if not known:
            raise DataError(f"{folder / source}: no .png, .jpg or .jpeg file is named after an entity")
        return np.array([i for i, _ in known], dtype=np.int64), [p for _, p in known]
    path = require_file(folder, source)
    rows = read_rows(path, 2)
    entity = positions([row[0] for row in rows], entities.index, path, "entity", once=True)
    return entity, [folder / row[1] for row in rows]
