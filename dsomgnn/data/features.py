"""Modality features of the entities: values, and a mask that says who has them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dsomgnn.data.tables import find_file, positions, read_rows, require_file
from dsomgnn.data.triples import Vocabulary
from dsomgnn.errors import DataError

ARRAY_SUFFIXES = (".npy", ".safetensors", ".pt", ".pth")


@dataclass(frozen=True)
class Feature:
    """One modality: `values` (N, d) float32, zero where absent; `present` (N,) bool."""

    name: str
    values: Tensor
    present: Tensor

    @property
    def dim(self) -> int:
        return self.values.shape[1]

    @property
    def sha256(self) -> str:
        digest = hashlib.sha256(self.values.numpy().tobytes())
        digest.update(self.present.numpy().tobytes())
        return digest.hexdigest()

    def kept(self, share: float, seed: int) -> Feature:
        """The feature of a random share of the entities that have it; the same for the same seed."""
        if share == 1:
            return self
        who = torch.nonzero(self.present)[:, 0]
        order = torch.randperm(len(who), generator=torch.Generator().manual_seed(seed))
        lost = who[order[max(share > 0, round(share * len(who))) :]]
        return Feature(self.name, self.values.index_fill(0, lost, 0), self.present.index_fill(0, lost, False))


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
    """Precomputed features: row i belongs to the i-th identifier of `ids`, or to entity i where there is no such file.

    Without an id file a row of zeros means that the entity has none. Raises DataError.
    """
    path = require_file(folder, source)
    rows = _read_array(path)
    id_file = find_file(folder, ids or str(Path(source).with_suffix(".txt")))
    if ids is not None and id_file is None:
        require_file(folder, ids)
    if id_file is not None:
        entity = positions([row[0] for row in read_rows(id_file, 1)], entities.index, id_file, "entity", once=True)
        _same_length(path, rows, len(entity), f"{id_file} names {len(entity)} entities")
    else:
        _same_length(path, rows, len(entities), f"there are {len(entities)} entities and no id file")
        entity = np.flatnonzero(rows.any(1))
    _finite(path, rows)
    if not len(entity):
        raise DataError(f"{path}: every row is zero; there is nothing to learn from")
    chosen = rows if id_file is not None else rows[entity]
    return placed(name, unit_rows(reduced(chosen, dim, seed)), entity, len(entities))


def _same_length(path: Path, rows: np.ndarray, wanted: int, why: str) -> None:
    if len(rows) != wanted:
        raise DataError(f"{path}: {len(rows)} rows, but {why}")


def _finite(path: Path, rows: np.ndarray) -> None:
    bad = np.flatnonzero(~np.isfinite(rows).all(1))
    if len(bad):
        raise DataError(f"{path}: row {bad[0]} holds NaN or infinity ({len(bad)} such rows)")


def _read_array(path: Path) -> np.ndarray:
    """A (rows, d) float array from .npy, .safetensors or .pt; nothing is unpickled."""
    if path.suffix not in ARRAY_SUFFIXES:
        raise DataError(f"{path}: features are read from {', '.join(ARRAY_SUFFIXES)}")
    try:
        array = _READERS[path.suffix](path)
    except DataError:
        raise
    except Exception as error:  # every reader has its own kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: cannot be read as a plain {path.suffix} array: {reason}") from None
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.number):
        raise DataError(
            f"{path}: holds {array.dtype} of shape {array.shape}, expected numbers of shape (rows, columns)"
        )
    return array.astype(np.float32)


def _one_tensor(tensors: dict, path: Path) -> np.ndarray:
    if len(tensors) != 1:
        raise DataError(f"{path}: holds {len(tensors)} tensors ({', '.join(map(str, tensors))}), expected one")
    return next(iter(tensors.values())).detach().float().numpy()


def _read_safetensors(path: Path) -> np.ndarray:
    from safetensors.torch import load_file

    return _one_tensor(load_file(path), path)


def _read_torch(path: Path) -> np.ndarray:
    loaded = torch.load(path, map_location="cpu", weights_only=True)
    return _one_tensor(loaded if isinstance(loaded, dict) else {"features": loaded}, path)


_READERS = {
    ".npy": lambda path: np.load(path, allow_pickle=False),
    ".safetensors": _read_safetensors,
    ".pt": _read_torch,
    ".pth": _read_torch,
}
