"""`dsomgnn discover`: the facts that a graph most likely lacks, as a table or as a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.table import Table

from dsomgnn.output import new_table, probability, show, write_json
from dsomgnn.predict.answers_file import answers_file, fact_columns
from dsomgnn.predict.discovery import Discovery, discover
from dsomgnn.predict.loaded import Loaded, load
from dsomgnn.run import latest_run

NUMBERS = ("plausibility", "of_tail", "of_head")
SCHEMA = pa.schema(
    [*((word, pa.string()) for word in ("head", "relation", "tail")), *((word, pa.float32()) for word in NUMBERS)]
)


def discover_command(
    run: Path | None, model: str, n: int, relations: Sequence[str], out: Path | None, json: str | None
) -> None:
    run = run or latest_run()
    loaded = load(run, model)
    with answers_file(out, SCHEMA) if out else nullcontext() as file:  # opened first: it may not be writable
        found = discover(loaded, n, relations)
        if file:
            file.write_table(_columns(loaded, found))
    if json is not None:
        write_json(_result(loaded, found), json)
    if out is not None:
        print(f"{out}: {len(found.facts):,} facts", file=sys.stderr if json == "-" else sys.stdout)
    elif json != "-":
        print(f"{run}, {model}\n")
        show(discovery_table(loaded, found))
    for note in (*loaded.notes(), _told(found)):
        print(f"note: {note}", file=sys.stderr)


def _told(found: Discovery) -> str:
    """How far to trust what was found."""
    looked_at = len(found.facts) + found.confirmed
    if not looked_at:
        return "train asks nothing whose answer it does not hold"
    return (
        f"of the {looked_at:,} most plausible facts that train does not hold, {found.confirmed:,} stand in valid or "
        "test; the others are new"
    )


def discovery_table(model: Loaded, found: Discovery) -> Table:
    """One row per fact, by names."""
    table = new_table("facts that are in no split, the most plausible first")
    for column in ("", "plausibility", "of tail", "of head"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("head", "relation", "tail"):
        table.add_column(column, overflow="fold")
    numbers = zip(*(getattr(found, name).tolist() for name in NUMBERS), strict=True)
    entities, relations = model.entity.words.names, model.relation.words.names
    for i, ((h, r, t), (plausible, tail, head)) in enumerate(zip(found.facts.tolist(), numbers, strict=True), 1):
        figures = f"{plausible:.3f}", probability(tail), probability(head)
        table.add_row(str(i), *figures, entities[h], relations[r], entities[t])
    return table


def _columns(model: Loaded, found: Discovery) -> pa.Table:
    numbers = (getattr(found, name).numpy() for name in NUMBERS)
    return pa.table([*fact_columns(model, found.facts), *numbers], schema=SCHEMA)


def _result(model: Loaded, found: Discovery) -> dict[str, Any]:
    return {
        "run": str(model.run.path),
        "model": model.name,
        "temperature": model.scorer.temperature,
        "confirmed": found.confirmed,
        "facts": _columns(model, found).to_pylist(),
    }
