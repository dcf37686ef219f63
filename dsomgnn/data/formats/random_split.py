"""Three splits of triples that come without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dsomgnn.errors import DataError


def without_repeats(triples: np.ndarray) -> np.ndarray:
    """Triples (n, 3), each once, in the order of their first rows."""
    _, first = np.unique(triples, axis=0, return_index=True)
    return triples[np.sort(first)]


def random_split(triples: np.ndarray, shares: Sequence[float], seed: int) -> dict[str, np.ndarray]:
    """Distinct triples (n, 3) dealt at random to train, valid and test, each in the given order.

    Every entity and relation keeps a triple in train. Raises DataError where that leaves too few for valid and test.
    """
    order = np.random.default_rng(seed).permutation(len(triples))
    free = order[~_needed(triples[order])]
    valid, test = (round(share * len(triples)) for share in shares[1:])
    if not (valid and test) or valid + test > len(free):
        raise DataError(
            f"{len(triples):,} triple{'s' * (len(triples) != 1)} cannot be split so: valid would hold {valid} and "
            f"test {test}, and {len(free)} can leave train with every entity and relation keeping a triple there"
        )
    dealt = {"valid": np.sort(free[:valid]), "test": np.sort(free[valid : valid + test])}
    train = np.setdiff1d(np.arange(len(triples)), np.concatenate(list(dealt.values())))
    return {"train": triples[train], **{split: triples[rows] for split, rows in dealt.items()}}


def _needed(triples: np.ndarray) -> np.ndarray:
    """Mask of the rows in which an entity or a relation stands for the first time."""
    _, entity = np.unique(triples[:, [0, 2]], return_index=True)
    _, relation = np.unique(triples[:, 1], return_index=True)
    needed = np.zeros(len(triples), dtype=bool)
    needed[entity // 2] = needed[relation] = True
    return needed
