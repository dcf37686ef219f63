"""Relations that say the same facts again: inverses of each other, duplicates, and symmetric ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_array, csr_array
from torch import Tensor

from dsomgnn.data.audit.checks import pair_keys, repeats, triple_keys
from dsomgnn.data.triples import Dataset

LEAST_SHARE = 0.8
LEAST_PAIRS = 10


@dataclass(frozen=True)
class Twin:
    """`share` of the `pairs` of `relation` stand in train under `other`: reversed, or as they are (`duplicate`).

    `kind`: "inverse", "duplicate", or "symmetric" (reversed under the relation itself). `back`: share of the pairs of
    `other` that stand under `relation`.
    """

    kind: str
    relation: str
    other: str
    pairs: int
    share: float
    back: float


def twins(dataset: Dataset) -> tuple[Twin, ...]:
    """Twins of at least 10 pairs and a share of 0.8 in train, those with the most pairs first.

    Each two relations are named once, the one with the larger share in front. Self-loops are left out: reversed they
    are themselves.
    """
    train = dataset.train[~repeats(triple_keys(dataset.train, dataset))]
    train = train[train[:, 0] != train[:, 2]]
    same, reverse = _shared_pairs(train, dataset)
    size = torch.bincount(train[:, 1], minlength=dataset.num_relations).numpy()
    found = [*_named("duplicate", same, size, dataset), *_named("inverse", reverse, size, dataset)]
    return tuple(sorted(found, key=lambda twin: (-twin.pairs, twin.relation, twin.other)))


def _shared_pairs(train: Tensor, dataset: Dataset) -> tuple[coo_array, coo_array]:
    """Pairs that two relations share, as they are and reversed; two sparse (R, R) tables of counts."""
    pairs, column = pair_keys(train, dataset.num_entities).unique(return_inverse=True)
    back = pair_keys(train.flip(1), dataset.num_entities)
    place = torch.searchsorted(pairs, back).clamp(max=max(0, len(pairs) - 1))
    there = pairs[place] == back if len(pairs) else torch.zeros(0, dtype=torch.bool)

    def table(rows: Tensor, columns: Tensor) -> csr_array:
        ones = np.ones(len(rows), dtype=np.int64)
        return csr_array((ones, (rows.numpy(), columns.numpy())), shape=(dataset.num_relations, len(pairs)))

    have = table(train[:, 1], column)
    return (have @ have.T).tocoo(), (have @ table(train[there, 1], place[there]).T).tocoo()


def _named(kind: str, shared: coo_array, size: np.ndarray, dataset: Dataset) -> list[Twin]:
    share, back = shared.data / size[shared.row], shared.data / size[shared.col]
    near = (share >= LEAST_SHARE) & (size[shared.row] >= LEAST_PAIRS)
    once = (size[shared.col] < LEAST_PAIRS) | (share > back) | ((share == back) & (shared.row <= shared.col))
    other = (shared.row != shared.col) | (kind == "inverse")
    names = dataset.relations.ids
    return [
        Twin(
            "symmetric" if shared.row[i] == shared.col[i] else kind,
            names[shared.row[i]],
            names[shared.col[i]],
            int(size[shared.row[i]]),
            round(float(share[i]), 4),
            round(float(back[i]), 4),
        )
        for i in np.flatnonzero(near & once & other)
    ]
