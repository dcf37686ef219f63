"""Arrays of features from .npy, .pt, .safetensors and .parquet, with identifiers where the file carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import MAGIC_PREFIX

from dsomgnn.data.pickles import features_advice, holds_pickle, is_pickle
from dsomgnn.errors import DataError

ARRAY_SUFFIXES = (".npy", ".safetensors", ".pt", ".pth", ".parquet")
ID_COLUMNS = ("entity", "id", "name", "identifier", "entity_id", "node", "key", "label")


@dataclass(frozen=True)
class Array:
    """`rows` (n, d) float32 of a file, and the identifier of each row, or None where the file carries none."""

    path: Path
    rows: np.ndarray
    ids: tuple[str, ...] | None = None


def read_array(path: Path) -> Array:
    """One array, or one vector per identifier; nothing is unpickled. Raises DataError."""
    if is_pickle(path):
        raise DataError(features_advice(path))
    if path.suffix not in ARRAY_SUFFIXES:
        raise DataError(f"{path}: features are read from {', '.join(ARRAY_SUFFIXES)}")
    try:
        rows, ids = _READERS[path.suffix](path)
    except DataError:
        raise
    except Exception as error:  # every reader has its own kinds
        if holds_pickle(path):
            raise DataError(features_advice(path)) from None
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: cannot be read as a plain {path.suffix} array: {reason}") from None
    return Array(path, _plain(path, rows), ids)


Found = tuple[np.ndarray, "tuple[str, ...] | None"]


def _plain(path: Path, rows: np.ndarray) -> np.ndarray:
    if rows.ndim == 3:
        raise DataError(
            f"{path}: shape {rows.shape}, {rows.shape[1]} vectors a row; pool them first, for instance x.mean(1)"
        )
    if rows.ndim != 2 or not np.issubdtype(rows.dtype, np.number) or np.iscomplexobj(rows):
        raise DataError(f"{path}: holds {rows.dtype} of shape {rows.shape}, expected numbers of shape (rows, columns)")
    with np.errstate(over="ignore"):  # what is too large for float32 is told as infinite
        return rows.astype(np.float32)


def _read_npy(path: Path) -> Found:
    with path.open("rb") as file:
        first = file.read(len(MAGIC_PREFIX))
    if first != MAGIC_PREFIX and not first.startswith(b"\x80"):  # a pickle, which read_array tells
        raise DataError(f"{path}: not a .npy file, though it is named so; numpy.save writes such files")
    return np.load(path, allow_pickle=False), None


def _read_safetensors(path: Path) -> Found:
    from safetensors.torch import load_file

    return _of_tensors(load_file(path), path)


def _read_torch(path: Path) -> Found:
    import torch

    loaded = torch.load(path, map_location="cpu", weights_only=True)
    return _of_tensors(loaded if isinstance(loaded, dict) else {"features": loaded}, path)


def _of_tensors(tensors: Mapping[Any, Any], path: Path) -> Found:
    """The one array of a dict, or its vectors stacked with their keys as identifiers."""
    import torch

    other = next((key for key, value in tensors.items() if not isinstance(value, torch.Tensor)), None)
    if other is not None:
        raise DataError(f'{path}: "{other}" is a {type(tensors[other]).__name__}, expected tensors alone')
    arrays = {str(key): value.detach().float().numpy() for key, value in tensors.items()}
    first = next(iter(arrays.values()), np.zeros(0))
    if len(arrays) == 1 and first.ndim != 1:
        return first, None
    if not arrays or any(array.ndim != 1 for array in arrays.values()):
        shapes = ", ".join(f"{key} {array.shape}" for key, array in list(arrays.items())[:4])
        raise DataError(
            f"{path}: holds {len(arrays)} tensors ({shapes}), expected one, or a vector per entity; where an entity "
            "has several vectors, pool them first, for instance x.mean(0)"
        )
    return _stacked(arrays, path)


def _stacked(vectors: Mapping[str, np.ndarray], path: Path) -> Found:
    width = len(next(iter(vectors.values())))
    odd = next((key for key, vector in vectors.items() if len(vector) != width), None)
    if odd is not None:
        raise DataError(f'{path}: the vector of "{odd}" has {len(vectors[odd])} columns, those before it {width}')
    return np.stack(list(vectors.values())), tuple(vectors)


def _read_parquet(path: Path) -> Found:
    """A column of vectors, or columns of numbers; a row without a vector is a row of zeros."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    id_column = next((name for name in table.column_names if name.lower() in ID_COLUMNS), None)
    values = table.drop_columns([id_column]) if id_column else table
    ids = tuple(map(str, table.column(id_column).to_pylist())) if id_column else None
    vectors = [name for name, kind in zip(values.column_names, values.schema.types, strict=True) if _is_list(kind)]
    if len(vectors) == 1 and values.num_columns == 1:
        return _of_lists(values.column(0).combine_chunks(), path), ids
    odd = [n for n, kind in zip(values.column_names, values.schema.types, strict=True) if not _is_number(kind)]
    if odd or not values.num_columns:
        named = ", ".join(table.column_names[:8])
        raise DataError(f"{path}: has columns {named}; expected an id column, and one of vectors or several of numbers")
    return np.stack([column.to_numpy() for column in values.columns], axis=1), ids


def _is_list(kind) -> bool:
    import pyarrow.types as types

    nested = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return nested and _is_number(kind.value_type)


def _is_number(kind) -> bool:
    import pyarrow.types as types

    return types.is_integer(kind) or types.is_floating(kind)


def _of_lists(lists, path: Path) -> np.ndarray:
    """Vectors (rows, d); zeros where there is none."""
    import pyarrow.compute as pc

    lengths = pc.list_value_length(lists)
    widths = sorted(set(lengths.drop_null().to_pylist()))
    if len(widths) != 1:
        raise DataError(f"{path}: vectors of {' and '.join(map(str, widths[:4])) or 'no'} columns, expected one width")
    rows = np.zeros((len(lists), widths[0]))
    filled = lists.is_valid().to_numpy(zero_copy_only=False)
    rows[filled] = lists.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, widths[0])
    return rows


_READERS = {
    ".npy": _read_npy,
    ".safetensors": _read_safetensors,
    ".pt": _read_torch,
    ".pth": _read_torch,
    ".parquet": _read_parquet,
}
