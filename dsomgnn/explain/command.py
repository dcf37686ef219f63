"""`dsomgnn explain`: why an answer, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from dsomgnn.explain.explanation import explain_run
from dsomgnn.output import new_table, probability, show, write_json
from dsomgnn.run import latest_run

MOST = 12  # names in a cell
NONE = "no teacher"


def explain_command(run: Path | None, head: str, relation: str, tail: str | None, json: str | None) -> None:
    found = explain_run(run or latest_run(), head, relation, tail)
    if json is not None:
        write_json(found, json)
    if json != "-":
        print("\n".join(_summary(found)) + "\n")
        show(*_tables(found))


def _summary(found: dict[str, Any]) -> Iterator[str]:
    fact = found["fact"]
    known = f"known, in {found['known']}" if found["known"] else "new: in no split"
    yield f"{fact['head']['name']} - {fact['relation']['name']} - {fact['tail']['name']}  ({known})"
    yield from (f"note: {note}" for note in found["notes"])
    if agent := found["agent"]:
        shares = ", ".join(f"{name} {_share(p)}" for name, p in {**agent["probability"], NONE: agent["empty"]}.items())
        how = "" if agent["in_training"] else "; no train fact: judged as if it were one"
        yield f"agent: most probable set {', '.join(agent['most_probable']) or NONE} ({shares}{how})"
    if around := found["neighbourhood"]:
        names = _names(around["members"])
        yield f"neighbourhood of the query ({around['kind']}, {around['size']} entities): {names or 'none'}"
    for split, answers in found["known_answers"].items():
        if answers:
            yield f"known answers in {split} ({len(answers)}): {_names(answers)}"


def _tables(found: dict[str, Any]) -> Iterator[Table]:
    yield _model_table(found)
    if found["paths"]["count"]:
        yield _path_table(found)
    for modality, rows in found["alike"].items():
        if rows:
            yield _alike_table(modality, rows)


def _model_table(found: dict[str, Any]) -> Table:
    table = new_table("rank without other known answers, of all, probability")
    table.add_column("model", no_wrap=True)
    for side in ("tail", "head"):
        for column in (side, "of all", "prob."):
            table.add_column(column, justify="right", no_wrap=True)
    for name, sides in found["models"].items():
        cells = [_cells(sides[side]) for side in ("tail", "head")]
        table.add_row(name, *cells[0], *cells[1])
    return table


def _cells(standing: dict[str, float]) -> list[str]:
    return [f"{standing['rank']:g}", f"{standing['rank_of_all']:g}", probability(standing["probability"])]


def _path_table(found: dict[str, Any]) -> Table:
    shown, count = found["paths"]["shown"], found["paths"]["count"]
    more = f", {len(shown)} of {count:,}" if count > len(shown) else ""
    table = new_table(f"paths of up to two facts in train{more}; facts of the entity between")
    table.add_column("path", overflow="fold")
    table.add_column("facts", justify="right", no_wrap=True)
    ends = found["fact"]["head"]["name"], found["fact"]["tail"]["name"]
    for path in shown:
        through = path["through"]
        stops = [ends[0], *([through["name"]] if through else []), ends[1]]
        table.add_row(_walk(stops, path["steps"]), f"{through['facts']:,}" if through else "")
    return table


def _walk(stops: Sequence[str], steps: Sequence[dict[str, Any]]) -> str:
    """ "A -r-> B <-s- C"."""
    arrows = [f"<-{step['name']}-" if step["back"] else f"-{step['name']}->" for step in steps]
    return " ".join([stops[0], *(word for pair in zip(arrows, stops[1:], strict=True) for word in pair)])


def _alike_table(modality: str, rows: list[dict[str, Any]]) -> Table:
    table = new_table(f"most alike by {modality}")
    table.add_column("name", overflow="fold")
    table.add_column("entity", overflow="fold")
    table.add_column("cosine", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row["name"], row["entity"], f"{row['cosine']:.3f}")
    return table


def _share(probability: float | None) -> str:
    return "has no say" if probability is None else f"{probability:.2f}"


def _names(entities: Sequence[dict[str, str]]) -> str:
    """Names may hold commas."""
    more = f"; and {len(entities) - MOST} more" if len(entities) > MOST else ""
    return "; ".join(entity["name"] for entity in entities[:MOST]) + more
