"""Modality features of the entities: values, and a mask that says who has them."""

from __future__ import annotations

import hashlib
import warnings
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dsomgnn.data.array_order import row_entities
from dsomgnn.data.arrays import read_array
from dsomgnn.data.tables import require_file
from dsomgnn.data.triples import Vocabulary
from dsomgnn.errors import DataError, DataWarning

FILLED = 0.05  # a vector that more than this share of the entities, and more than FEW, have in common was filled in
FEW = 10
OF_FOLDERS = "histogram, efficientnet-lite0, timm:NAME and torchvision:NAME"


@dataclass(frozen=True)
class Feature:
    """One modality: `values` (N, d) float32, zero where absent; `present` (N,) bool."""

    name: str
    values: Tensor
    present: Tensor

    @property
    def dim(self) -> int:
        return self.values.shape[1]

    @cached_property
    def sha256(self) -> str:
        digest = hashlib.sha256(np.ascontiguousarray(self.values.numpy()).data)
        digest.update(np.ascontiguousarray(self.present.numpy()).data)
        return digest.hexdigest()

    def kept(self, share: float, seed: int) -> Feature:
        """The feature of a random share of the entities that have it; the same for the same name and seed."""
        if share == 1:
            return self
        who = torch.nonzero(self.present)[:, 0]
        order = torch.randperm(len(who), generator=torch.Generator().manual_seed(seed + zlib.crc32(self.name.encode())))
        lost = who[order[max(share > 0, round(share * len(who))) :]]
        return Feature(self.name, self.values.index_fill(0, lost, 0), self.present.index_fill(0, lost, False))


def source_file(folder: Path, source: str) -> Path:
    """The file that a feature is made of. Raises DataError, which tells the encoders that read a folder."""
    if (folder / source).is_dir():
        raise DataError(f"{folder / source}: a folder, expected a file; folders of pictures are read by {OF_FOLDERS}")
    return require_file(folder, source)


def placed(name: str, rows: np.ndarray, entity: np.ndarray, num_entities: int) -> Feature:
    """The feature whose row i belongs to entity[i]; every other entity, and a row of zeros, is absent."""
    values = torch.zeros(num_entities, rows.shape[1])
    present = torch.zeros(num_entities, dtype=torch.bool)
    where = torch.from_numpy(entity)
    values[where] = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32))
    present[where] = values[where].any(1)
    return Feature(name, values, present)


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1; zero rows stay zero.

    Rounded to six digits: sums in another order, as threads take them, shall not give other features.
    """
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.round(rows / np.maximum(length, 1e-12), 6) + 0.0


def reduced(rows: np.ndarray, dim: int | None, seed: int) -> np.ndarray:
    """Centred rows on their first `dim` principal axes (all columns where `dim` is None or not smaller)."""
    rows = rows.astype(np.float64)
    rows -= rows.mean(0)
    if dim is None or dim >= min(rows.shape):
        return rows
    from sklearn.utils.extmath import randomized_svd

    left, scale, _ = randomized_svd(rows, n_components=dim, random_state=seed)
    return left * scale


def array_feature(
    name: str, folder: Path, source: str, ids: str | None, dim: int | None, entities: Vocabulary, seed: int
) -> Feature:
    """Precomputed features (.npy, .pt, .safetensors, .parquet), whose rows find their entities by `row_entities`.

    Rows are centred and scaled to length 1. Zero rows, and entities without a row, have none. Warns where many rows are
    one and the same, or there is one column. Raises DataError.
    """
    path = source_file(folder, source)
    array = read_array(path)
    entity = row_entities(array, folder, source, ids, entities)
    rows = array.rows
    _finite(path, rows)
    filled = rows.any(1)
    if not filled.any():
        raise DataError(f"{path}: every row is zero; there is nothing to learn from")
    rows, entity = rows[filled], entity[filled]
    _warn_of_one_vector(path, rows, len(entities))
    _warn_of_one_column(path, rows)
    feature = placed(name, unit_rows(reduced(rows, dim, seed)), entity, len(entities))
    given = feature.present.index_fill(0, torch.from_numpy(entity), True)  # the mean itself is centred to zeros
    return replace(feature, present=given)


def _finite(path: Path, rows: np.ndarray) -> None:
    bad = np.flatnonzero(~np.isfinite(rows).all(1))
    if len(bad):
        raise DataError(f"{path}: row {bad[0]} holds NaN or infinity ({len(bad)} such rows)")


def _warn_of_one_column(path: Path, rows: np.ndarray) -> None:
    if rows.shape[1] == 1:
        warnings.warn(
            f"{path}: one column: rows are scaled to length 1, which leaves its sign alone. Numbers are read from a "
            'table, entity, attribute, value, by encoder = "numeric"',
            DataWarning,
            stacklevel=2,
        )


def _warn_of_one_vector(path: Path, rows: np.ndarray, num_entities: int) -> None:
    [(_, most)] = Counter(hash(row.tobytes()) for row in rows).most_common(1)
    if most > max(FEW, FILLED * num_entities):
        warnings.warn(
            f"{path}: {most:,} of {num_entities:,} entities have one and the same vector, as if filled in for what is "
            "missing; they count as having it (rows of zeros would count as missing)",
            DataWarning,
            stacklevel=2,
        )
