"""Tables of metrics for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from dsomgnn.data.triples import Vocabulary
from dsomgnn.output import new_table

COLUMNS = ("mrr", "mr", "hits@1", "hits@3", "hits@10")
TITLES = ("MRR", "MR", "Hits@1", "Hits@3", "Hits@10")
MOST = 40  # rows of a table that may have hundreds


def overall_table(result: dict[str, Any]) -> Table:
    """One row per model and side."""
    removed = "".join(f", {name} removed for {share:.0%}" for name, share in result.get("drop", {}).items())
    table = new_table(f"{result['split']}, filtered, ties {result['ties']}{removed}")
    for title in ("model", "side"):
        table.add_column(title, no_wrap=True)
    for title in (*TITLES, "queries"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, model in result["models"].items():
        for side in ("both", "head", "tail"):
            table.add_row(name if side == "both" else "", side, *_cells(model[side]), f"{model[side]['n']:,}")
    return table


def slice_table(result: dict[str, Any]) -> Table:
    """Below each model a row per slice of the queries."""
    table = new_table("by slice")
    table.add_column("model", no_wrap=True)
    for title in (*TITLES, "queries"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, model in result["models"].items():
        table.add_row(name)
        for slice_, values in model["slices"].items():
            table.add_row(f"  {slice_}", *_cells(values), f"{values['n']:,}")
    return table


def readable(relations: Vocabulary) -> dict[str, str]:
    """What tables call a relation, and its inverse: the identifier, or the name where that is an address."""
    words = {i: name if "://" in i else i for i, name in zip(relations.ids, relations.names, strict=True)}
    return words | {f"inverse:{i}": f"inverse:{word}" for i, word in words.items()}


def relation_table(result: dict[str, Any], words: Mapping[str, str]) -> Table:
    """MRR per relation, one column per model (a teacher by its bare name), relations with the most queries first."""
    models = result["models"]
    first = next(iter(models.values()))["relations"]
    table = new_table("MRR per relation")
    table.add_column("relation", overflow="fold")
    table.add_column("queries", justify="right", no_wrap=True)
    for name in models:
        table.add_column(name.removeprefix("teacher:").replace(":", ":\n"), justify="right", no_wrap=True)
    order = sorted(first, key=lambda r: (-first[r]["n"], r))
    for relation in order[:MOST]:
        values = [f"{model['relations'][relation]['mrr']:.3f}" for model in models.values()]
        table.add_row(words.get(relation, relation), f"{first[relation]['n']:,}", *values)
    if len(order) > MOST:
        table.add_row(f"and {len(order) - MOST} more (--json)")
    return table


def phase_table(record: dict[str, Any]) -> Table:
    """What `fit` ends with: validation MRR and time of each phase, and which may not have learnt all they can."""
    table = new_table("validation, filtered, ties realistic")
    for title in ("model", "MRR", "best epoch", "epochs", "temperature", "seconds"):
        table.add_column(title, justify="left" if title == "model" else "right", no_wrap=True)
    for name, phase in record["phases"].items():
        label = name if name == "student" else f"teacher:{name}"
        heat = f"{phase['temperature']:.2f}" if "temperature" in phase else ""
        numbers = f"{phase['best_epoch']}", f"{phase['epochs']}", heat, f"{phase['seconds']:.0f}"
        table.add_row(label, f"{phase['valid_mrr']:.4f}", *numbers)
    rising = [name for name, phase in record["phases"].items() if phase["best_epoch"] == phase["epochs"]]
    if rising:
        table.caption = f"best at the last epoch, so more epochs may gain: {', '.join(rising)}"
        table.caption_justify = "left"
    return table


def choice_table(choices: dict[str, Any], words: Mapping[str, str]) -> Table:
    """Mean probability of each teacher, per relation and side, those of most triples first."""
    names = list(choices["overall"])
    table = new_table("how often the agent chooses each teacher")
    table.add_column("queries", overflow="fold")
    for name in ("triples", *names):
        table.add_column(name, justify="right", no_wrap=True)
    rows = choices["relations"]
    order = sorted(rows, key=lambda relation: -rows[relation]["n"])
    for relation in order[:MOST]:
        row = rows[relation]
        table.add_row(words.get(relation, relation), f"{row['n']:,}", *(f"{row[name]:.2f}" for name in names))
    if len(order) > MOST:
        table.add_row(f"and {len(order) - MOST} more (record.json)")
    table.add_row("all", "", *(f"{choices['overall'][name]:.2f}" for name in names), style="bold")
    return table


def _cells(values: dict[str, Any]) -> list[str]:
    return [f"{values[c]:.1f}" if c == "mr" else f"{values[c]:.4f}" for c in COLUMNS]
