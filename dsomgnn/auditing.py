"""`dsomgnn data audit`: what there is to know about a data set, on one screen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from dsomgnn.data.audit.audit import RARE, Audit, RelationAudit, Spread, audit_folder
from dsomgnn.data.audit.coverage import Coverage
from dsomgnn.data.audit.verdict import warnings
from dsomgnn.output import new_table, show, write_json
from dsomgnn.places import find_dataset

CHECKS = {
    "repeated": "repeated",
    "in_train": "in train",
    "in_valid": "in valid",
    "in_test": "in test",
    "reversed_in_train": "reversed in train",
    "pair_in_train": "same pair in train",
    "text_names_tail": "tail in head's text",
    "text_names_head": "head in tail's text",
    "unseen_entity": "unseen entity",
    "unseen_relation": "unseen relation",
    "self_loop": "self-loop",
}
LEAKS = {
    "in_train": "in train",
    "reversed_in_train": "reversed",
    "pair_in_train": "same pair",
    "text_names_tail": "tail named",
    "text_names_head": "head named",
}
LONG = ("example", "facts", "relation", "other")  # columns that give way on a narrow terminal
MOST = 4  # rows of a table that could have hundreds
URI = re.compile(r"<?\b\w+://\S*[/#]([^\s/#>]+)>?")


def audit_command(target: str, out: str | None) -> None:
    """`target`: name or folder of a data set; `out`: a file for JSON, or "-". Raises DataError, RecipeError."""
    folder = Path(target)
    audit = audit_folder(folder if folder.is_dir() else find_dataset(target, Path()))
    if out is not None:
        write_json(report(audit), out)
    if out == "-":
        return
    for line in headlines(audit):
        print(line)
    print()
    show(*tables(audit))


def report(audit: Audit) -> dict[str, Any]:
    """Everything, for a machine."""
    return {"warnings": warnings(audit), **asdict(audit), "by_cardinality": audit.by_cardinality()}


def headlines(audit: Audit) -> Iterator[str]:
    """The data set in one line, then its warnings."""
    yield f"{audit.folder}: {audit.entities:,} entities, {audit.relations:,} relations"
    found = warnings(audit)
    yield from (f"- {line}" for line in found)
    if not found:
        yield "nothing found that changes the meaning of figures"


def tables(audit: Audit) -> Iterator[Table]:
    yield split_table(audit)
    yield spread_table(audit)
    yield cardinality_table(audit)
    if audit.twins:
        yield twin_table(audit)
    if leaky := leaky_relations(audit.by_relation):
        yield relation_table(leaky)
    if audit.modalities:
        yield modality_table(audit.modalities)


def split_table(audit: Audit) -> Table:
    """One row per check that found something: rows per split, distinct triples in brackets where they are fewer."""
    splits = audit.splits.values()
    rows = [["all", *(_counted(split.rows, split.distinct) for split in splits), ""]]
    for check, title in CHECKS.items():
        found = [split.found[check] for split in splits if check in split.found]
        if any(finding.rows for finding in found):
            counts = [_counted(f.rows, f.distinct) if (f := split.found.get(check)) else "" for split in splits]
            rows.append([title, *counts, next(f.examples[0] for f in reversed(found) if f.examples)])
    return _table(["triples (distinct)", *audit.splits, "example"], rows)


def spread_table(audit: Audit) -> Table:
    """How train triples (on either side) spread over entities and relations; how many stand elsewhere, or nowhere."""
    sides = {"entities": audit.degree, "relations": audit.frequency}
    columns = [
        [*_numbers(spread), audit.only_outside_train[what].count, audit.in_no_triple[what].count]
        for what, spread in sides.items()
    ]
    titles = ["least", "median", "mean", "90 %", "99 %", "most", f"fewer than {RARE}", "none"]
    rows = zip([*titles, "none, but in valid or test", "in no triple"], *columns, strict=True)
    return _table(
        ["train triples", "of an entity", "of a relation"], [[title, *map(_short, cells)] for title, *cells in rows]
    )


def _numbers(spread: Spread) -> list[float]:
    quantiles = [spread.least, spread.median, spread.mean, spread.p90, spread.p99, spread.most]
    return [*quantiles, spread.rare, spread.none]


def _short(number: float) -> str:
    return f"{round(number, 1):,g}" if isinstance(number, float) else f"{number:,}"


def cardinality_table(audit: Audit) -> Table:
    """Classes of relations by tails per head and heads per tail; triples of each in train and test."""
    classes = {name: row for name, row in audit.by_cardinality().items() if row["relations"]}
    rows = [[what, *(f"{row[what]:,}" for row in classes.values())] for what in ("relations", "train", "test")]
    return _table(["cardinality", *classes], rows)


def twin_table(audit: Audit) -> Table:
    """Relations that say the same facts again: the share of the first one's pairs, and of the second one's."""
    called = {relation.relation: _called(relation) for relation in audit.by_relation}
    rows = [
        [called[twin.relation], twin.kind, "" if twin.kind == "symmetric" else called[twin.other]]
        + [f"{twin.pairs:,}", f"{twin.share:.0%}", f"{twin.back:.0%}"]
        for twin in audit.twins[:MOST]
    ]
    columns = ["relation", "is", "other", "pairs", "in other", "of other"]
    return _table(columns, _with_rest(rows, len(audit.twins)))


def leaky_relations(relations: Sequence[RelationAudit]) -> list[RelationAudit]:
    """Relations with a test row whose answer lies open, those with most such rows first."""
    leaky = [relation for relation in relations if _leaks(relation)]
    return sorted(leaky, key=lambda relation: (-_leaks(relation), relation.relation))


def _leaks(relation: RelationAudit) -> int:
    return max(relation.test.get(check, 0) for check in LEAKS)


def relation_table(leaky: Sequence[RelationAudit]) -> Table:
    """Relations with test rows whose answer lies open, and the share of those rows."""
    shown = [check for check in LEAKS if any(relation.test.get(check) for relation in leaky)]
    rows = [
        [_called(relation), relation.cardinality, f"{relation.rows['test']:,}"]
        + [f"{relation.test[check] / relation.rows['test']:.0%}" for check in shown]
        for relation in leaky[:MOST]
    ]
    return _table(["relation", "class", "test", *(LEAKS[check] for check in shown)], _with_rest(rows, len(leaky)))


def modality_table(modalities: Sequence[Coverage]) -> Table:
    rows = []
    for modality in modalities:
        facts = ", ".join(f"{key.replace('_', ' ')} {_fact(value)}" for key, value in modality.facts.items() if value)
        numbers = (modality.entities, "{:,}"), (modality.share, "{:.1%}"), (modality.unseen, "{:,}")
        cells = ("?" if number is None else shape.format(number) for number, shape in numbers)
        rows.append([modality.source, modality.kind, *cells, modality.defect or facts])
    return _table(["modality", "kind", "entities", "share", "not in train", "facts"], rows)


def _called(relation: RelationAudit) -> str:
    """The identifier, and the name where the identifier does not tell it: "P31 (instance of)"."""
    told, name = (re.sub(r"[\W_]", "", word).casefold() for word in (relation.relation, relation.name))
    return relation.relation if name in told else f"{relation.relation} ({relation.name})"


def _fact(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _counted(rows: int, distinct: int) -> str:
    return f"{rows:,}" if rows == distinct else f"{rows:,} ({distinct:,})"


def _with_rest(rows: list[list[str]], number: int) -> list[list[str]]:
    return rows + ([[f"and {number - len(rows)} more (--json)"]] if number > len(rows) else [])


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Numbers to the right, words to the left, URIs by their last part."""
    table = new_table()
    for place, column in enumerate(columns):
        words = place == 0 or column in (*LONG, "is", "kind", "class")
        table.add_column(column, justify="left" if words else "right", no_wrap=column not in LONG, overflow="fold")
    for row in rows:
        table.add_row(*(Text(URI.sub(r"\1", cell)) for cell in row))
    return table
