"""What is wrong with the rows of each split: repeats, leaks, entities that were never seen. Masks, no loops."""

from __future__ import annotations

import torch
from torch import Tensor

from dsomgnn.data.triples import SPLITS, Dataset

Masks = dict[str, Tensor]  # by check, (rows,) bool


def checks(dataset: Dataset) -> dict[str, Masks]:
    """Per split, the rows that each check finds.

    `repeated`: stands in an earlier row. `self_loop`. And in valid and test: `in_train`, `in_valid`, `in_test`: stands
    in that split too. `reversed_in_train`: tail and head stand in train in this order, by any relation.
    `pair_in_train`: head and tail stand in train under another relation. `unseen_entity`, `unseen_relation`: holds
    one without a train triple.
    """
    keys = {split: triple_keys(dataset.split(split), dataset) for split in SPLITS}
    found = {split: {"repeated": repeats(keys[split])} for split in SPLITS}
    for split, other in (("valid", "train"), ("valid", "test"), ("test", "train"), ("test", "valid")):
        found[split][f"in_{other}"] = torch.isin(keys[split], keys[other])
    facts = dataset.train[~found["train"]["repeated"]]
    for split in ("valid", "test"):
        triples = dataset.split(split)
        found[split] |= _pairs_in_train(triples, facts, found[split]["in_train"], dataset.num_entities)
        found[split] |= _unseen(triples, dataset)
    for split in SPLITS:
        found[split]["self_loop"] = dataset.split(split)[:, 0] == dataset.split(split)[:, 2]
    return found


def triple_keys(triples: Tensor, dataset: Dataset) -> Tensor:
    """One int64 per triple (n, 3), equal where the triples are, (n,)."""
    head, relation, tail = triples.unbind(1)
    return (head * dataset.num_relations + relation) * dataset.num_entities + tail


def pair_keys(triples: Tensor, num_entities: int) -> Tensor:
    """One int64 per pair of head and tail, (n,)."""
    return triples[:, 0] * num_entities + triples[:, 2]


def repeats(keys: Tensor) -> Tensor:
    """Rows whose key stands in an earlier row, (n,) bool."""
    order = keys.argsort(stable=True)
    again = torch.zeros(len(keys), dtype=torch.bool)
    again[order[1:]] = keys[order[1:]] == keys[order[:-1]]
    return again


def _pairs_in_train(triples: Tensor, facts: Tensor, in_train: Tensor, num_entities: int) -> Masks:
    pairs, relations = pair_keys(facts, num_entities).unique(return_counts=True)

    def under(keys: Tensor) -> Tensor:
        """Number of relations that join each pair in train."""
        place = torch.searchsorted(pairs, keys).clamp(max=len(pairs) - 1)
        return torch.where(pairs[place] == keys, relations[place], 0)

    return {
        "reversed_in_train": under(pair_keys(triples.flip(1), num_entities)) > 0,
        "pair_in_train": under(pair_keys(triples, num_entities)) > in_train.long(),
    }


def _unseen(triples: Tensor, dataset: Dataset) -> Masks:
    seen = torch.zeros(dataset.num_relations, dtype=torch.bool)
    seen[dataset.train[:, 1]] = True
    entity = dataset.unseen[triples[:, 0]] | dataset.unseen[triples[:, 2]]
    return {"unseen_entity": entity, "unseen_relation": ~seen[triples[:, 1]]}
