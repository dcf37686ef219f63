"""Slices of the queries: where a model is good, and where it has nothing to go by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dsomgnn.data.audit.cardinality import CLASSES, OUTSIDE, Cardinality
from dsomgnn.data.audit.checks import checks
from dsomgnn.data.audit.giveaway import named_in_text
from dsomgnn.data.triples import Dataset, degrees

Slices = dict[str, Tensor]  # masks (2n,) over the queries of n triples, tails asked for first
DEGREES = {"0": 0, "1 to 3": 3, "4 to 10": 10, "11 to 30": 30, "31 to 100": 100}
MOST = "over 100"


def unseen_slices(triples: Tensor, unseen: Tensor) -> Slices:
    """Masks (2n,) over the queries of triples (n, 3), tails asked for first, by whether training saw the entities.

    `unseen` (N,) bool: entities without a train triple. Empty where every entity of the triples was seen.
    """
    head, tail = unseen[triples[:, 0]], unseen[triples[:, 2]]
    given, answer = torch.cat([head, tail]), torch.cat([tail, head])
    if not answer.any():
        return {}
    return {
        "all entities seen": ~(given | answer),
        "an entity unseen": given | answer,
        "- as the answer": answer,
        "- as the given one": given,
    }


def all_slices(
    data: Dataset, split: str, present: Mapping[str, Tensor] | None = None, texts: Sequence[str] | None = None
) -> dict[str, Slices]:
    """By group and name, the slices of a split that tell some of its queries from others.

    `present`: who has each modality, (N,) bool; `texts` (N,) of the entities.
    """
    triples = data.split(split)
    answer = torch.cat([triples[:, 2], triples[:, 0]])
    groups = {
        "cardinality": cardinality_slices(data, triples),
        "train triples of the answer": degree_slices(data, answer),
        "entities in train": unseen_slices(triples, data.unseen),
        **{f"{name} of the answer": presence_slices(has[answer]) for name, has in (present or {}).items()},
        **leak_slices(data, split, texts),
    }
    telling = {group: _some(slices) for group, slices in groups.items()}
    return {group: slices for group, slices in telling.items() if len(slices) > 1}


def cardinality_slices(data: Dataset, triples: Tensor) -> Slices:
    """By the class of the relation in train, as it is read from head to tail."""
    number = Cardinality.of(data.train, data.num_entities, data.num_relations).number
    own = number[triples[:, 1]].repeat(2)
    return {name: own == place for place, name in enumerate((*CLASSES, OUTSIDE))}


def degree_slices(data: Dataset, answer: Tensor) -> Slices:
    """By the number of train triples that the answer (2n,) stands in, on either side."""
    degree = degrees(data.train, data.num_entities)[answer]
    bucket = torch.bucketize(degree, torch.tensor(list(DEGREES.values())))
    return {name: bucket == place for place, name in enumerate((*DEGREES, MOST))}


def presence_slices(present: Tensor) -> Slices:
    return {"present": present, "missing": ~present}


def leak_slices(data: Dataset, split: str, texts: Sequence[str] | None) -> dict[str, Slices]:
    """By what stands open: the pair in train the other way round, or under another relation; the answer in a text."""
    found = checks(data)[split]
    groups = {
        "the pair, reversed": _yes_no("in train", found["reversed_in_train"].repeat(2)),
        "the pair, by another relation": _yes_no("in train", found["pair_in_train"].repeat(2)),
        "the triple itself": _yes_no("in train", found["in_train"].repeat(2)),
    }
    if texts is not None:
        named = named_in_text(data.split(split), data.entities.names, texts)
        told = torch.cat([named["text_names_tail"], named["text_names_head"]])
        groups["the answer's name"] = _yes_no("in the given entity's text", told)
    return groups


def named(groups: Mapping[str, Slices]) -> Slices:
    """{"cardinality: 1-N": mask}: one name for each slice."""
    return {f"{group}: {name}": mask for group, slices in groups.items() for name, mask in slices.items()}


def _yes_no(what: str, mask: Tensor) -> Slices:
    return {what: mask, f"not {what}": ~mask}


def _some(slices: Slices) -> Slices:
    """Without those of no query."""
    return {name: mask for name, mask in slices.items() if mask.any()}
