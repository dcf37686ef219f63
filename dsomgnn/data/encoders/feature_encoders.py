"""From raw modalities to features without a network: words of texts, numeric attributes."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from dsomgnn.data.encoders.cache import Cache
from dsomgnn.data.features import Feature, placed, source_file, unit_rows
from dsomgnn.data.tables import positions, read_rows
from dsomgnn.data.triples import Vocabulary
from dsomgnn.errors import DataError, DataWarning

LOG_SPREAD = 100.0  # an attribute whose largest size is this many times its median is read on a log scale


def text_feature(name: str, folder: Path, source: str, dim: int, entities: Vocabulary, seed: int) -> Feature:
    """TF-IDF of words and word pairs, reduced by truncated SVD to at most `dim` columns; rows of length 1.

    Comes from the cache where the same texts were reduced before. Raises DataError.
    """
    entity, texts = read_texts(folder, source, entities)
    content = "\0".join([version("scikit-learn"), str(dim), str(seed), *texts]).encode()
    key = hashlib.sha256(content).digest()
    cache = Cache.of("tfidf-svd", key.hex())
    flat = cache.read({key}).get(key)
    if flat is None:
        try:
            flat = unit_rows(_word_vectors(texts, dim, seed)).astype(np.float32).reshape(-1)
        except ValueError as error:  # no text, or nothing but stop words
            raise DataError(f"{folder / source}: no words to tell entities apart ({error})") from None
        cache.write({key: flat})
    rows = flat.reshape(len(texts), -1)
    if lost := int((~rows.any(1)).sum()):
        warnings.warn(
            f"{folder / source}: tfidf-svd finds nothing in {lost:,} of {len(texts):,} texts (no word that another "
            f"text has too, or none that weighs in dim = {dim}): they count as missing",
            DataWarning,
            stacklevel=2,
        )
    return placed(name, rows, entity, len(entities))


def _word_vectors(texts: Sequence[str], dim: int, seed: int) -> np.ndarray:
    """One row per text, (n, at most `dim`). Raises ValueError where no word tells texts apart."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    terms = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=min(2, 1 + len(texts) // 50))
    table = terms.fit_transform(texts)
    size = max(1, min(dim, table.shape[1] - 1, table.shape[0] - 1))
    if table.shape[1] <= size:
        return table.toarray()
    with np.errstate(invalid="ignore"):  # a share of no variance at all, of which nothing is asked
        return TruncatedSVD(size, random_state=seed).fit_transform(table)


def read_texts(folder: Path, source: str, entities: Vocabulary) -> tuple[np.ndarray, list[str]]:
    """Entity (n,) and text of every row that is not blank. Raises DataError."""
    path = source_file(folder, source)
    rows = read_rows(path, 2, 2)
    entity = positions([row[0] for row in rows], entities.index, path, "entity", once=True)
    filled = [i for i, row in enumerate(rows) if row[1].strip()]
    return entity[filled], [rows[i][1] for i in filled]


def numeric_feature(name: str, folder: Path, source: str, entities: Vocabulary) -> Feature:
    """Numeric attributes (rows of entity, attribute, value), standardised, with a column per attribute for presence.

    An attribute given more than once for an entity is averaged; one that spans magnitudes is read on a log scale.
    """
    path = source_file(folder, source)
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
        if size.max() / LOG_SPREAD > max(np.median(size), 1e-12):
            x = np.sign(x) * np.log1p(size)
        x = np.ldexp(x, -int(np.frexp(np.abs(x).max())[1]))  # exact, and squares of the greatest numbers are numbers
        out[who, column] = np.clip((x - x.mean()) / max(x.std(), 1e-12), -5, 5)
    return out
