"""What every contender works on: a graph, sizes, and the tables of a trained model, in a folder that seats read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

ARRAYS = ("train", "valid", "test", "entity_table", "relation_table")


@dataclass(frozen=True)
class Sizes:
    """`rank` in complex numbers: vectors have 2 rank columns. `batch` in rows, `steps` per turn.

    Peers that take a second and more for a step, or for a few queries, have `slow_steps` and `slow_queries`.
    """

    rank: int = 200
    batch: int = 1000
    steps: int = 4
    teachers: int = 3
    negatives: int = 256
    slow_steps: int = 2
    slow_queries: int = 32
    trained: int = 200
    threads: int = 2


@dataclass(frozen=True)
class Done:
    """What a turn did: rows, and its own seconds, of the clock and of processors, where it times itself."""

    rows: int
    mrr: float | None = None
    seconds: float | None = None
    cpu: float | None = None


@dataclass(frozen=True)
class Work:
    """Triples (n, 3) int64 per split; tables of a ComplEx model, (N, 2 rank) and (2R, 2 rank) float32.

    A vector is its real half, then its imaginary half; relation r + R asks for the head side of r.
    """

    name: str
    entities: int
    relations: int
    sizes: Sizes
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    entity_table: np.ndarray
    relation_table: np.ndarray

    def save(self, folder: Path) -> None:
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))
        plain = {k: getattr(self, k) for k in ("name", "entities", "relations")}
        (folder / "work.json").write_text(json.dumps({**plain, "sizes": asdict(self.sizes)}))

    @classmethod
    def load(cls, folder: Path) -> Work:
        plain = json.loads((folder / "work.json").read_text())
        arrays = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in ARRAYS}
        return cls(**{**plain, "sizes": Sizes(**plain["sizes"])}, **arrays)

    @property
    def splits(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.train, self.valid, self.test

    def directed(self, triples: np.ndarray) -> np.ndarray:
        """The triples and their reciprocals (t, r + R, h), (2n, 3)."""
        head, relation, tail = triples.T
        return np.concatenate([triples, np.stack([tail, relation + self.relations, head], 1)])

    @cached_property
    def triples_per_query(self) -> float:
        """Original train triples per distinct query: what a row is worth to those who merge queries."""
        head, relation, _ = self.directed(self.train).T
        return len(self.train) / len(np.unique(head * 2 * self.relations + relation))


def synthetic(entities: int, relations: int, counts: tuple[int, int, int], seed: int = 0) -> list[np.ndarray]:
    """Distinct random triples of train, valid and test; some entities are met far more often than others."""
    random = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, entities + 1) ** 0.83
    draw = int(1.2 * sum(counts)) + 8

    def some() -> np.ndarray:
        return random.permutation(entities)[random.choice(entities, draw, p=popularity / popularity.sum())]

    triples = np.unique(np.stack([some(), random.integers(relations, size=draw), some()], 1), axis=0)
    return np.split(random.permutation(triples), np.cumsum(counts))[:3]


def batches(count: int, size: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Rows of a random order, `size` at a time, epoch after epoch."""
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(count)
        yield from (order[start : start + size] for start in range(0, count, size))
