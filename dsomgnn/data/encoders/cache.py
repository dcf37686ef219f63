"""Encoded rows on disk, addressed by content: what was encoded once is read again, from whatever data set it comes."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save

from dsomgnn.errors import DataWarning

SUFFIX = ".safetensors"


class Cache:
    """The rows of one encoder. A key is the sha256 of what was encoded, a row what came of it, (d,).

    Rows lie in shards. A shard is named after the sha256 of its bytes, so that damage is noticed, and two processes
    that write at once either write the same file or different ones. A folder that cannot be written warns once.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.writable = True

    @classmethod
    def of(cls, name: str, identity: str) -> Cache:
        """The cache of the encoder `name`; another `identity` (weights, preprocessing) is another cache."""
        label = re.sub(r"[^\w.-]+", "-", name)[-40:].strip("-.")
        digest = hashlib.sha256(f"{name}\0{identity}".encode()).hexdigest()
        return cls(cache_root() / "features" / f"{label}-{digest[:16]}")

    def read(self, wanted: Set[bytes]) -> dict[bytes, np.ndarray]:
        """The rows of those keys that are known."""
        found: dict[bytes, np.ndarray] = {}
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            for key, row in _shard(path):
                if key in wanted:
                    found.setdefault(key, row.copy())
        return found

    def write(self, rows: Mapping[bytes, np.ndarray]) -> None:
        """Keep rows as one shard."""
        if not rows or not self.writable:
            return
        keys = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), -1)
        content = save({"keys": keys, "rows": np.stack(list(rows.values()))})
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic({self.folder / f"{hashlib.sha256(content).hexdigest()}{SUFFIX}": content})
        except OSError as error:
            self.writable = False
            told = f"{self.folder}: features are not kept for the next run: {error.strerror}"
            warnings.warn(told, DataWarning, stacklevel=2)


def cache_root() -> Path:
    """$DSOMGNN_CACHE, or ~/.cache/dsomgnn."""
    return Path(os.environ.get("DSOMGNN_CACHE") or "~/.cache/dsomgnn").expanduser()


def write_atomic(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together: each whole, and none before all lie on the disk. Raises OSError."""
    parts = {path: path.with_name(f".{path.name}.{os.getpid()}") for path in contents}
    try:
        for path, part in parts.items():
            part.write_bytes(contents[path])
        for path, part in parts.items():
            os.replace(part, path)
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink()


def _shard(path: Path) -> Iterator[tuple[bytes, np.ndarray]]:
    """Keys and rows of a shard; of a damaged one none, and it is removed."""
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != path.stem:
            warnings.warn(f"{path}: damaged; what it held is encoded again", DataWarning, stacklevel=3)
            path.unlink(missing_ok=True)
            return
    except OSError:  # another process removed it, or it is not ours to read
        return
    tensors = load(content)
    yield from zip(map(bytes, tensors["keys"]), tensors["rows"], strict=True)
