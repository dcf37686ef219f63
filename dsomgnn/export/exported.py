"""A student that was exported, read and scored by numpy alone: two tables, the id files, and what config.json says."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from dsomgnn.errors import CheckpointError, reason

FORMAT = "dsomgnn-export-1"
MODEL, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
IDS = {"entities": "entities.tsv", "relations": "relations.tsv"}
FORMULAS = {
    "complex": "score(h, r, t) = Re(sum(h * r * conj(t))); a vector is its real half, then its imaginary half",
    "distmult": "score(h, r, t) = sum(h * r * t)",
}


@dataclass(frozen=True)
class Exported:
    """`entity` (N, d), `relation` (2R, d) float32: row r + R asks for the heads of relation r. Identifiers by row."""

    config: dict[str, Any]
    entity: np.ndarray
    relation: np.ndarray
    entities: list[str]
    relations: list[str]

    def scores(self, queries: np.ndarray) -> np.ndarray:
        """Scores (B, N) of all entities as answers of queries (B, 2): given entity, relation."""
        head, relation = self.entity[queries[:, 0]], self.relation[queries[:, 1]]
        if self.config["score"] == "distmult":
            return head * relation @ self.entity.T
        (a, b), (c, d) = np.split(head, 2, 1), np.split(relation, 2, 1)
        return np.concatenate([a * c - b * d, a * d + b * c], 1) @ self.entity.T


def read_export(folder: Path) -> Exported:
    """The model of an export folder. Raises CheckpointError where a file is missing, damaged, changed or foreign."""
    config = _config(folder / CONFIG)
    for name, wanted in config["sha256"].items():
        if digest(folder / name) != wanted:
            raise CheckpointError(f"{folder / name}: not the file that was exported (sha256 differs)")
    try:
        tables = load_file(folder / MODEL)
        entity, relation = tables["entity"], tables["relation"]
    except (SafetensorError, OSError, KeyError) as error:
        raise CheckpointError(f"{folder / MODEL}: not the tables of an exported model: {error}") from None
    ids = {name: _identifiers(folder / file) for name, file in IDS.items()}
    shapes, wanted = (entity.shape, relation.shape), [(len(ids["entities"]),), (2 * len(ids["relations"]),)]
    if [shape[:1] for shape in shapes] != wanted or shapes[0][1:] != shapes[1][1:]:
        raise CheckpointError(f"{folder / MODEL}: tables of {shapes[0]} and {shapes[1]} do not fit the id files")
    return Exported(config, entity, relation, ids["entities"], ids["relations"])


def digest(path: Path) -> str:
    """sha256 of a file. Raises CheckpointError where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not the config of an exported model: {reason(error)}") from None
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise CheckpointError(f'{path}: not written by dsomgnn export (no "format": "{FORMAT}")')
    missing = [key for key in ("score", "temperature", "sha256", "examples") if key not in config]
    if missing or config["score"] not in FORMULAS:
        raise CheckpointError(f"{path}: lacks {', '.join(missing) or 'a known score function'}")
    files = {MODEL, *IDS.values()}
    if not isinstance(config["sha256"], dict) or set(config["sha256"]) != files:
        raise CheckpointError(f"{path}: sha256 is not that of {', '.join(sorted(files))}")
    return config


def _identifiers(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="\n") as lines:
        return [line.rstrip("\n").split("\t")[0] for line in lines]
