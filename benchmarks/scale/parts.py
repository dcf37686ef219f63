"""Phases that are no command of dsomgnn: python -m scale.parts NAME FOLDER ..."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROUNDS, BATCH = 100, 1000


def make(folder: str, entities: str, triples: str) -> None:
    from scale.made import Size, write

    write(Path(folder), Size.of(int(entities), int(triples)))


def load(folder: str) -> None:
    from dsomgnn.data.triples import load_dataset

    load_dataset(folder)


def hetero(folder: str) -> None:
    _mkg(folder).graph()


def walks(folder: str) -> None:
    from dsomgnn.neighbourhood import Neighbours

    neighbours = Neighbours(_mkg(folder))
    for batch in _batches(neighbours.mkg):
        neighbours.of(batch.queries, batch.row, batch.target)


def blocks(folder: str) -> None:
    from dsomgnn.sampling import BlockSampler

    mkg = _mkg(folder)
    sampler = BlockSampler(mkg, [10, 10])
    for batch in _batches(mkg):
        sampler.layers(batch.queries[:, 0].unique(), batch.pairs)


def _mkg(folder: str):
    from dsomgnn.data.mkg import MKG
    from dsomgnn.data.triples import load_dataset

    return MKG(load_dataset(folder))


def _batches(mkg):
    from dsomgnn.batches import TrainingQueries

    return TrainingQueries(mkg).batches(BATCH, ROUNDS)


PARTS: dict[str, Callable[..., None]] = {f.__name__: f for f in (make, load, hetero, walks, blocks)}

if __name__ == "__main__":
    PARTS[sys.argv[1]](*sys.argv[2:])
