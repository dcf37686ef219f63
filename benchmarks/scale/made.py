"""A data set of any size with something to learn: clusters, relations that lead from one to another, and modalities.

Entity e is number e // C of cluster e % C. A relation leads from each cluster to one other. Within a cluster few
entities have most of the triples, among relations too, by a power law.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

CLUSTERS = 100
SKEW = {"head": 8, "relation": 3, "tail": 12}  # a share x of them stands in a share x ** (1 / SKEW) of the triples
WIDTH = 64
NOISE = 0.5


@dataclass(frozen=True)
class Size:
    """Entities, relations, and triples of train; `valid` and `test` come on top."""

    entities: int = 2_500_000
    triples: int = 16_000_000
    relations: int = 535
    valid: int = 20_000
    test: int = 1_000

    @classmethod
    def of(cls, entities: int, triples: int) -> Size:
        """Splits of a size that fits so many triples."""
        return cls(entities, triples, valid=min(20_000, triples // 10), test=min(1_000, triples // 20))

    @property
    def clusters(self) -> int:
        return max(2, min(CLUSTERS, self.entities // 20))


def triples(size: Size, rng: np.random.Generator) -> np.ndarray:
    """Distinct triples (n, 3) int64 in random order, of all splits together."""
    wanted = size.triples + size.valid + size.test
    keys = np.empty(0, dtype=np.int64)
    while len(keys) < wanted:
        keys = np.unique(np.concatenate([keys, _drawn(size, 2 * (wanted - len(keys)) + 1000, rng)]))
    keys = rng.permutation(keys)[:wanted]
    head, rest = np.divmod(keys, size.relations * size.entities)
    return np.stack([head, *np.divmod(rest, size.entities)], 1)


def _drawn(size: Size, number: int, rng: np.random.Generator) -> np.ndarray:
    """One int64 per drawn triple."""
    clusters, each = size.clusters, size.entities // size.clusters
    step = 1 + np.arange(size.relations) * 7919 % (clusters - 1)
    relation = (size.relations * rng.random(number) ** SKEW["relation"]).astype(np.int64)
    cluster = rng.integers(clusters, size=number)
    head, tail = (
        (each * rng.random(number) ** skew).astype(np.int64) * clusters for skew in (SKEW["head"], SKEW["tail"])
    )
    return ((head + cluster) * size.relations + relation) * size.entities + tail + (cluster + step[relation]) % clusters


def modality(size: Size, share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Entities (n,) that have it, and their vectors (n, 64) float16: the cluster's, with noise."""
    centres = rng.standard_normal((size.clusters, WIDTH), dtype=np.float32)
    who = np.flatnonzero(rng.random(size.entities) < share)
    rows = np.empty((len(who), WIDTH), dtype=np.float16)
    for part in np.array_split(np.arange(len(who)), max(1, len(who) // 100_000)):
        noise = NOISE * rng.standard_normal((len(part), WIDTH), dtype=np.float32)
        rows[part] = centres[who[part] % size.clusters] + noise
    return who, rows


def write(folder: Path, size: Size, seed: int = 0) -> None:
    """The data set folder: splits as TSV of names, entities.tsv, relations.tsv, words.npy with ids, looks.npy."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    entities, relations = names("Q", size.entities), names("P", size.relations)
    _table(folder / "entities.tsv", [entities])
    _table(folder / "relations.tsv", [relations])
    ends = np.cumsum([size.triples, size.valid])
    for name, part in zip(("train", "valid", "test"), np.split(triples(size, rng), ends), strict=True):
        head, relation, tail = (pa.array(column) for column in part.T)
        _table(folder / f"{name}.txt", [entities.take(head), relations.take(relation), entities.take(tail)])
    who, rows = modality(size, 0.6, rng)
    np.save(folder / "words.npy", rows)
    _table(folder / "words.txt", [entities.take(pa.array(who))])
    who, rows = modality(size, 0.3, rng)
    all_rows = np.zeros((size.entities, WIDTH), dtype=np.float16)  # a row of zeros: has none
    all_rows[who] = rows
    np.save(folder / "looks.npy", all_rows)


def names(letter: str, number: int) -> pa.Array:
    return pc.binary_join_element_wise(letter, pc.cast(pa.array(np.arange(number)), pa.string()), "")


def _table(path: Path, columns: list[pa.Array]) -> None:
    table = pa.table(dict(zip("abc", columns, strict=False)))
    csv.write_csv(table, path, csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none"))
