"""What there is to know about a data set before its figures are believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dsomgnn.data.audit.cardinality import CLASSES, OUTSIDE, Cardinality
from dsomgnn.data.audit.checks import Masks, checks, triple_keys
from dsomgnn.data.audit.coverage import Coverage, coverage, entity_texts
from dsomgnn.data.audit.examples import MOST, examples
from dsomgnn.data.audit.giveaway import named_in_text
from dsomgnn.data.audit.twins import Twin, twins
from dsomgnn.data.triples import SPLITS, Dataset, degrees, load_dataset

RARE = 10  # train triples


@dataclass(frozen=True)
class Finding:
    """What one check found in a split: `rows` with repeats, `distinct` triples, up to 3 `examples` as file:line."""

    rows: int
    distinct: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    """Size of a split, and its findings by check (see `checks`; with texts also `text_names_tail|head`)."""

    rows: int
    distinct: int
    found: dict[str, Finding]


@dataclass(frozen=True)
class Names:
    """How many identifiers, and up to 3 of them."""

    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Spread:
    """Distribution of train triples over entities (both sides count) or relations; `none` have no triple."""

    least: int
    median: float
    mean: float
    p90: float
    p99: float
    most: int
    none: int
    rare: int


@dataclass(frozen=True)
class RelationAudit:
    """A relation's cardinality, its rows per split, and how many of its test rows each check found."""

    relation: str
    name: str
    cardinality: str
    tails_per_head: float
    heads_per_tail: float
    rows: dict[str, int]
    test: dict[str, int]


@dataclass(frozen=True)
class Audit:
    """Everything that was found; `dsomgnn.data.audit.verdict.warnings` puts what matters into words."""

    name: str
    folder: str
    entities: int
    relations: int
    splits: dict[str, Split]
    only_outside_train: dict[str, Names]
    in_no_triple: dict[str, Names]
    degree: Spread
    frequency: Spread
    by_relation: tuple[RelationAudit, ...]
    twins: tuple[Twin, ...]
    modalities: tuple[Coverage, ...] = ()

    def counts(self) -> dict[str, Any]:
        """What a record keeps: numbers without examples, over all relations at once."""
        return {
            "splits": {
                name: {"rows": split.rows, "distinct": split.distinct} | {c: f.rows for c, f in split.found.items()}
                for name, split in self.splits.items()
            },
            "only_outside_train": {what: names.count for what, names in self.only_outside_train.items()},
            "in_no_triple": {what: names.count for what, names in self.in_no_triple.items()},
            "degree": asdict(self.degree),
            "frequency": asdict(self.frequency),
            "by_cardinality": self.by_cardinality(),
            "twins": len(self.twins),
        }

    def by_cardinality(self) -> dict[str, dict[str, int]]:
        """Per class of relations: how many, and their rows in each split."""
        table = {name: {"relations": 0, **dict.fromkeys(SPLITS, 0)} for name in (*CLASSES, OUTSIDE)}
        for relation in self.by_relation:
            table[relation.cardinality]["relations"] += 1
            for split, rows in relation.rows.items():
                table[relation.cardinality][split] += rows
        return table


def audit_folder(folder: str | Path) -> Audit:
    """Audit of a data set's files as published, with texts and other modalities. Raises DataError."""
    dataset = load_dataset(folder, repeats=True)
    return audit(dataset, entity_texts(dataset), coverage(dataset))


def audit(dataset: Dataset, texts: Sequence[str] | None = None, modalities: tuple[Coverage, ...] = ()) -> Audit:
    """Audit of triples; `texts` (N,) of the entities are searched for answers."""
    found = checks(dataset)
    if texts is not None:
        for split in ("valid", "test"):
            found[split] |= named_in_text(dataset.split(split), dataset.entities.names, texts)
    used = {split: _used(dataset.split(split), dataset) for split in SPLITS}
    ids = {"entities": dataset.entities.ids, "relations": dataset.relations.ids}
    outside = {what: used["valid"][what] | used["test"][what] for what in ids}
    return Audit(
        dataset.name,
        str(dataset.folder),
        dataset.num_entities,
        dataset.num_relations,
        {split: _split(dataset, split, found[split]) for split in SPLITS},
        {what: _names(outside[what] & ~used["train"][what], ids[what]) for what in ids},
        {what: _names(~(outside[what] | used["train"][what]), ids[what]) for what in ids},
        _spread(degrees(dataset.train, dataset.num_entities)),
        _spread(torch.bincount(dataset.train[:, 1], minlength=dataset.num_relations)),
        _relations(dataset, found["test"]),
        twins(dataset),
        modalities,
    )


def _used(triples: Tensor, dataset: Dataset) -> dict[str, Tensor]:
    """Entities and relations that stand in triples, (N,) and (R,) bool."""
    entities = torch.zeros(dataset.num_entities, dtype=torch.bool)
    relations = torch.zeros(dataset.num_relations, dtype=torch.bool)
    entities[triples[:, [0, 2]]] = True
    relations[triples[:, 1]] = True
    return {"entities": entities, "relations": relations}


def _names(which: Tensor, ids: Sequence[str]) -> Names:
    return Names(int(which.sum()), tuple(ids[i] for i in which.nonzero()[:MOST, 0].tolist()))


def _split(dataset: Dataset, split: str, masks: Masks) -> Split:
    keys = triple_keys(dataset.split(split), dataset)
    found = {
        check: Finding(int(mask.sum()), len(keys[mask].unique()), examples(dataset, split, check, mask))
        for check, mask in masks.items()
    }
    return Split(len(keys), len(keys.unique()), found)


def _spread(counts: Tensor) -> Spread:
    values = counts.numpy()
    median, p90, p99 = (float(q) for q in np.quantile(values, (0.5, 0.9, 0.99)))
    mean, none, rare = float(values.mean()), int((values == 0).sum()), int((values < RARE).sum())
    return Spread(int(values.min()), median, mean, p90, p99, int(values.max()), none, rare)


def _relations(dataset: Dataset, masks: Masks) -> tuple[RelationAudit, ...]:
    size = dataset.num_relations
    kinds = Cardinality.of(dataset.train, dataset.num_entities, size)

    def per_relation(split: str, mask: Tensor | slice = slice(None)) -> list[int]:
        return torch.bincount(dataset.split(split)[mask, 1], minlength=size).tolist()

    rows = {split: per_relation(split) for split in SPLITS}
    found = {check: per_relation("test", mask) for check, mask in masks.items()}
    tails, heads, classes = kinds.tails_per_head.tolist(), kinds.heads_per_tail.tolist(), kinds.names
    return tuple(
        RelationAudit(
            relation,
            dataset.relations.names[i],
            classes[i],
            round(tails[i], 4),
            round(heads[i], 4),
            {split: rows[split][i] for split in SPLITS},
            {check: count[i] for check, count in found.items()},
        )
        for i, relation in enumerate(dataset.relations.ids)
    )
