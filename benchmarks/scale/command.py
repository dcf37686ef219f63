"""The command: options, phases, files."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from speed.machine import machine

from dsomgnn.errors import DsomError
from dsomgnn.output import write_file, write_json
from scale import recipe
from scale.page import markdown
from scale.phases import RUN, Measured, PhaseError, measure, phases

HERE = Path(__file__).parent.parent


def main(description: str | None = None, words: Sequence[str] | None = None) -> int:
    options = _parser(description).parse_args(words)
    try:
        if options.costs:
            from scale.costs import measure_costs

            measure_costs(options.out, options.seconds)
        else:
            _scale(options)
    except (DsomError, PhaseError) as error:
        print(f"error: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    return 0


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entities", type=int, default=2_500_000)
    parser.add_argument("--triples", type=int, default=16_000_000, help="of train")
    parser.add_argument("--folder", type=Path, help="for data and run, kept; else a temporary one, 3 GB at full size")
    parser.add_argument("--costs", action="store_true", help="seconds per step instead, over a small grid")
    parser.add_argument("--seconds", type=float, default=240, help="for --costs, more or less [default: 240]")
    parser.add_argument("--json", metavar="FILE", help='the figures in one line, "-" for stdout')
    parser.add_argument("--out", type=Path, default=HERE, help="where SCALE.md, or COSTS.md and costs.svg, go")
    return parser


def _scale(options: argparse.Namespace) -> None:
    with _place(options.folder) as folder:
        recipe.write(folder)
        measured = list(_measured(folder, options.entities, options.triples))
        result = {
            "entities": options.entities,
            "triples": options.triples,
            "machine": {**machine(), "cores": os.cpu_count()},
            "phases": {m.name: {"seconds": m.seconds, "peak_gib": m.peak_gib} for m in measured},
            "training": training(folder / RUN),
            "rank": json.loads((folder / "rank.json").read_text())["models"]["student"]["both"],
        }
    write_file(markdown(result), str(options.out / "SCALE.md"), "--out")
    if options.json:
        write_json(result, options.json)


@contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    else:
        with tempfile.TemporaryDirectory() as made:
            yield Path(made)


def _measured(folder: Path, entities: int, triples: int) -> Iterator[Measured]:
    for phase in phases(folder, entities, triples):
        found = measure(phase)
        print(f"{found.name}: {found.seconds:,.1f} s, {found.peak_gib:.2f} GiB", file=sys.stderr, flush=True)
        yield found


def training(run: Path) -> dict[str, Any]:
    """Per model: steps are alike, so seconds of its phase, its loss in the first and the last epoch, rows a second."""
    events = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    seconds = json.loads((run / "record.json").read_text())["phases"]
    found = {}
    for name, phase in seconds.items():
        own = [e for e in events if e["event"] == "epoch" and e["phase"] == name]
        loss = [e.get("fit", e["loss"]) for e in own]
        rate = max(e["rows_per_second"] for e in own)
        found[name] = {
            "seconds": phase["seconds"],
            "first_loss": loss[0],
            "last_loss": loss[-1],
            "rows_per_second": round(rate),
            "valid_mrr": phase["valid_mrr"],
        }
    return found
