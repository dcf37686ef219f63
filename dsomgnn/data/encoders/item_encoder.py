"""Encoding texts or pictures one by one, whatever data set they stand in: in batches, each once, and cached."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from dsomgnn.data.encoders.cache import Cache
from dsomgnn.data.reports import Report, silent
from dsomgnn.errors import DataError
from dsomgnn.processor import products

SHARD = 256  # items that are encoded, then kept, at a time

Item = str | Path  # a text, or the file of a picture


@dataclass(frozen=True)
class Network:
    """`prepare` turns the bytes of one item into an input, or raises; `run` turns n inputs into rows (n, d)."""

    prepare: Callable[[bytes], Any]
    run: Callable[[list[Any]], np.ndarray]


@dataclass(frozen=True)
class ItemEncoder:
    """What a recipe names as encoder of texts or pictures; the network is loaded only where the cache lacks rows.

    `identity` says all that its rows depend on besides the item: weights and preprocessing.
    """

    name: str
    reads: Literal["texts", "pictures"]
    identity: str
    load: Callable[[], Network]


@dataclass(frozen=True)
class EncodedItems:
    """`rows` (m, d) float16 of the items at `kept` (m,); what could not be read, and why; how many were `fresh`."""

    rows: np.ndarray
    kept: np.ndarray
    broken: tuple[str, ...]
    fresh: int


def encode_items(encoder: ItemEncoder, items: Sequence[Item], report: Report = silent) -> EncodedItems:
    """Encode each distinct item that the cache does not know, some hundred at a time; a stopped run goes on there.

    Raises DataError where the encoder gives NaN, or numbers beyond float16.
    """
    cache = Cache.of(encoder.name, encoder.identity)
    keys, problems = _keys(items)
    known = cache.read(set(keys))
    before = len(known)
    distinct = [(key, item) for key, item in dict(zip(keys, items, strict=True)).items() if key not in problems]
    network = None
    for start in range(0, len(distinct), SHARD):
        part = distinct[start : start + SHARD]
        missing = {key: item for key, item in part if key not in known}
        if missing:
            network = network or encoder.load()
            fresh = _rows(encoder.name, network, missing, problems)
            cache.write(fresh)
            known |= fresh
        report(start + len(part), len(distinct))
    kept = [i for i, key in enumerate(keys) if key in known]
    broken = tuple(f"{_name(item)} ({problems[key]})" for key, item in zip(keys, items, strict=True) if key in problems)
    rows = np.stack([known[keys[i]] for i in kept]) if kept else np.zeros((0, 0), np.float16)
    return EncodedItems(rows, np.array(kept, dtype=np.int64), broken, len(known) - before)


def _keys(items: Sequence[Item]) -> tuple[list[bytes], dict[bytes, str]]:
    """The sha256 of each item's content; files that cannot be read get a key of their own, with the reason."""
    keys, problems = [], {}
    for item in items:
        try:
            keys.append(hashlib.sha256(_content(item)).digest())
        except OSError as error:
            keys.append(str(item).encode())
            problems[keys[-1]] = error.strerror or str(error)
    return keys, problems


def _rows(
    name: str, network: Network, items: Mapping[bytes, Item], problems: dict[bytes, str]
) -> dict[bytes, np.ndarray]:
    """Rows (d,) float16 by key; what cannot be read goes to `problems`."""
    inputs = {}
    for key, item in items.items():
        try:
            inputs[key] = network.prepare(_content(item))
        except Exception as error:  # each decoder of pictures has its own kinds
            problems[key] = str(error) or type(error).__name__
    if not inputs:
        return {}
    # in full float32: rows in the cache shall not depend on how fast the products of a run are set to be
    exactly = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    with products(), exactly, torch.inference_mode(), np.errstate(over="ignore"):
        rows = network.run(list(inputs.values())).astype(np.float16)
    if not np.isfinite(rows).all():
        raise DataError(f"{name}: gives NaN, or numbers beyond float16")
    return dict(zip(inputs, rows, strict=True))


def _content(item: Item) -> bytes:
    return item.encode() if isinstance(item, str) else item.read_bytes()


def _name(item: Item) -> str:
    return item if isinstance(item, str) else item.name
