"""`dsomgnn predict`: the best answers of one query as a table, of a file of queries as a file."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from dsomgnn.output import new_table, probability, show, write_json
from dsomgnn.predict.loaded import Answer, Loaded, Question, load
from dsomgnn.run import latest_run


@dataclass(frozen=True)
class Asked:
    """What the command line asks: words, how many answers, and whether known facts are left out."""

    head: str | None
    relation: str | None
    tail: str | None
    k: int
    new: bool


def predict_command(run: Path | None, model: str, asked: Asked, json: str | None) -> None:
    run = run or latest_run()
    loaded = load(run, model)
    question = loaded.ask(asked.head, asked.relation, asked.tail)
    answers = loaded.answer(question, asked.k, asked.new)
    _say(loaded.notes(question.given))
    if json is not None:
        write_json(_result(loaded, question, answers), json)
    if json != "-":
        print(f"{run}, {model}\n")
        show(answer_table(loaded, question, answers))


def predict_file_command(run: Path | None, model: str, source: Path, target: Path, k: int, new: bool) -> None:
    from dsomgnn.predict.file import predict_file  # pyarrow: one query does without it

    loaded = load(run or latest_run(), model)
    started = time.monotonic()
    queries = predict_file(loaded, source, target, k, new)
    _say(loaded.notes())
    print(f"{target}: the {k} best answers of {queries:,} queries, in {time.monotonic() - started:.1f} s")


def answer_table(model: Loaded, question: Question, answers: list[Answer]) -> Table:
    """One row per answer; identifiers where they say something else than names."""
    given, relation = model.entity.words.names[question.given], model.relation.words.names[question.relation]
    title = f"{given} - {relation} - ?" if question.side == "tail" else f"? - {relation} - {given}"
    table = new_table(title)
    identifiers = any(answer.entity != answer.name for answer in answers)
    for column in ("", "probability", "score"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("name", *(["entity"] if identifiers else []), "known"):
        table.add_column(column, overflow="fold")
    for a in answers:
        ids = [a.entity] if identifiers else []
        table.add_row(str(a.rank), probability(a.probability), f"{a.score:.3f}", a.name, *ids, a.known or "")
    return table


def _result(model: Loaded, question: Question, answers: list[Answer]) -> dict[str, Any]:
    given, relation = model.entity.words.ids[question.given], model.relation.words.ids[question.relation]
    query = {"head": given, "relation": relation, "tail": None}
    if question.side == "head":
        query = {"head": None, "relation": relation, "tail": given}
    return {
        "run": str(model.run.path),
        "model": model.name,
        "query": query,
        "temperature": model.scorer.temperature,
        "facts_at_hand": model.facts is not None,
        "answers": [asdict(answer) for answer in answers],
        "notes": model.notes(question.given),
    }


def _say(notes: list[str]) -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
