"""Draw the README's pictures from a finished run: python benchmarks/pictures.py RUN"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dsomgnn.rank.tables import choice_table, overall_table
from dsomgnn.ranking import rank_run
from dsomgnn.run import Run

DOCS = Path(__file__).parent.parent / "docs"


def draw(table: Table, name: str, title: str, width: int) -> None:
    console = Console(record=True, width=width, file=io.StringIO(), markup=False, highlight=False)
    console.print(table)
    console.save_svg(str(DOCS / name), title=title)


def main(run: str) -> None:
    DOCS.mkdir(exist_ok=True)
    draw(overall_table(rank_run(run, model="all")), "rank.svg", "dsomgnn rank --model all", 100)
    choices = Run.open(Path(run)).read_json("record.json")["phases"]["student"]["choices"]
    draw(choice_table(choices), "choices.svg", "what the agent chose", 90)


if __name__ == "__main__":
    main(sys.argv[1])
