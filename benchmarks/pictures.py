"""Draw the README's pictures from a finished run: python benchmarks/pictures.py RUN

Those of the report need chromium; without it they stay as they are.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table

from dsomgnn.rank.tables import choice_table, overall_table, readable
from dsomgnn.ranking import Ranking, model_names, open_ranking
from dsomgnn.report.folder import write_report

DOCS = Path(__file__).parent.parent / "docs"
SHOTS = {  # width, height, what is hidden, and colour scheme
    "report-light.png": (1000, 1010, "footer", "light"),
    "report-dark.png": (1000, 900, "header, nav, section:not(#agent)", "dark"),
    "report-examples.png": (1000, 1010, "header, nav, section:not(#examples)", "light"),
}
BLINK = {"dark": 0, "light": 1}


def draw(table: Table, name: str, title: str, width: int) -> None:
    console = Console(record=True, width=width, file=io.StringIO(), markup=False, highlight=False)
    console.print(table)
    console.save_svg(str(DOCS / name), title=title)


def shoot(page: Path, name: str, width: int, height: int, hidden: str, scheme: str) -> None:
    """A small PNG of the top of the page, as chromium shows it without what is hidden."""
    with tempfile.TemporaryDirectory() as folder:
        style = f"{hidden} {{ display: none; }} section {{ margin-top: 0; padding-top: 0; border-top: 0; }}"
        part, shot = Path(folder) / "part.html", Path(folder) / "shot.png"
        part.write_text(page.read_text(encoding="utf-8").replace("</style>", f"{style}</style>"), encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={width},{height}"]
        options += [f"--blink-settings=preferredColorScheme={BLINK[scheme]}", f"--screenshot={shot}"]
        subprocess.run(["chromium", *options, part.as_uri()], check=True, capture_output=True, timeout=120)
        Image.open(shot).convert("RGB").save(DOCS / name, optimize=True)


def main(run: str) -> None:
    DOCS.mkdir(exist_ok=True)
    names = model_names(run, "all")
    ranking: Ranking = open_ranking(run, names)
    page = write_report(ranking, names)
    draw(overall_table(ranking.result(names)), "rank.svg", "dsomgnn rank --model all", 74)
    choices, words = ranking.record["phases"]["student"]["choices"], readable(ranking.job.dataset.relations)
    draw(choice_table(choices, words), "choices.svg", "what the agent chose", 70)
    if shutil.which("chromium"):
        for name, shot in SHOTS.items():
            shoot(page, name, *shot)
    else:
        print("no chromium: the pictures of the report stay as they are", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
