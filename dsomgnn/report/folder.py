"""Where a report lies, and writing its files: whole, and together.

RUN/rank/report.html, report.json, ranks.parquet for the test split; RUN/rank/valid/ for the valid split.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from dsomgnn.data.encoders.cache import write_atomic
from dsomgnn.errors import CheckpointError
from dsomgnn.ranking import Ranking
from dsomgnn.report.measure import choices_of, measure, robustness, slices_of
from dsomgnn.report.page import page
from dsomgnn.report.parquet import ranks_file

JSON, HTML, RANKS = "report.json", "report.html", "ranks.parquet"
Say = Callable[[str], None]


def report_folder(run: Path, split: str) -> Path:
    return run / "rank" if split == "test" else run / "rank" / split


def write_report(ranking: Ranking, names: list[str], baseline: Ranking | None = None, say: Say = print) -> Path:
    """Rank the named models, measure, and write all three files; where report.html lies.

    What earlier calls measured without modalities is kept. Raises CheckpointError where the folder is not writable.
    """
    ranking.rank(names)
    started = time.monotonic()
    slices, choices = slices_of(ranking), _choices(ranking, say)
    report = measure(ranking, names, slices, choices, baseline)
    report["robustness"] = _kept(ranking, report)
    pool, about = list(ranking.job.recipe.pool), _about(report)
    ranks = ranks_file(ranking.job.dataset, ranking.split, ranking.rank(names), slices, choices, pool, about)
    report["seconds"] = {"ranking": ranking.seconds, "report": time.monotonic() - started}
    return _write(ranking, report, {RANKS: ranks})


def _choices(ranking: Ranking, say: Say) -> Tensor | None:
    """What the agent would choose; None, which is said, where its file is missing or damaged."""
    try:
        return choices_of(ranking)
    except CheckpointError as error:
        say(f"note: the report leaves out what the agent would choose: {error}")
        return None


def add_robustness(whole: Ranking, dropped: Ranking, names: list[str]) -> Path:
    """Note figures after modalities were taken away in the report that `whole` has; where report.html lies."""
    report = read_report(whole)
    assert report is not None
    entry = robustness(dropped, names)
    others = [other for other in report["robustness"] if other["drop"] != entry["drop"]]
    report["robustness"] = [*others, entry]
    return _write(whole, report, {})


def read_report(ranking: Ranking) -> dict[str, Any] | None:
    """The report of this run and split that is there; None where there is none, or of other settings, data or ties."""
    path = report_folder(ranking.run.path, ranking.split) / JSON
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        same = _same(report, ranking)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return report if same else None


def _same(report: dict[str, Any], ranking: Ranking) -> bool:
    own = (ranking.job.recipe.sha256(), ranking.job.dataset.sha256, ranking.ties)
    return (report["recipe_sha256"], report["data"]["sha256"], report["ties"]) == own


def _kept(ranking: Ranking, report: dict[str, Any]) -> list[dict[str, Any]]:
    before = read_report(ranking)
    return before.get("robustness", []) if before else []


def _about(report: dict[str, Any]) -> dict[str, str]:
    """Metadata of ranks.parquet."""
    return {
        "run": report["run"],
        "dataset": report["data"]["name"],
        "sha256": report["data"]["sha256"],
        "recipe_sha256": report["recipe_sha256"],
        "commit": report["git_commit"] or "",
        "ties": report["ties"],
    }


def _write(ranking: Ranking, report: dict[str, Any], others: dict[str, bytes]) -> Path:
    folder = report_folder(ranking.run.path, ranking.split)
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    contents = {**others, JSON: text.encode(), HTML: page(ranking, report).encode()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic({folder / name: content for name, content in contents.items()})
    except OSError as error:
        raise CheckpointError(
            f"{folder}: cannot be written: {error.strerror}; --no-report leaves the report out"
        ) from None
    return folder / HTML
