"""`dsomgnn compare`: runs and rank files against the first of them."""

from __future__ import annotations

import sys
from typing import Any

from rich.table import Table

from dsomgnn.compare.groups import read_group
from dsomgnn.compare.measure import measure
from dsomgnn.compare.page import comparison_page
from dsomgnn.compare.words import COLUMNS, METRICS, by_chance, figure, heading, row
from dsomgnn.output import show, write_file, write_json

RESAMPLES = 2000


def compare_runs(
    words: list[str],
    split: str = "test",
    model: str | None = None,
    ties: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Each of `words` (RUN, RUN,RUN,RUN or a glob for several seeds, a rank file) against the first, as plain values.

    `model`: student (the default for runs), teacher:NAME or ensemble. Raises DataError where data or queries differ,
    RecipeError where ties do, CheckpointError for what is no run.
    """
    groups = [read_group(word, split, model) for word in words]
    return measure(groups, split, ties, resamples, seed)


def compare_command(
    words: list[str],
    split: str,
    model: str | None,
    ties: str | None,
    resamples: int,
    seed: int,
    json: str | None,
    html: str | None,
) -> None:
    result = compare_runs(words, split, model, ties, resamples, seed)
    for doubt in result["doubts"]:
        print(f"warning: {doubt}", file=sys.stderr)
    if json is not None:
        write_json(result, json)
    if html is not None:
        write_file(comparison_page(result), html, "--html")
    if json == "-":
        return
    print(f"{heading(result)}\n")
    show(group_table(result), *(comparison_table(comparison) for comparison in result["comparisons"]))
    print()
    for comparison in result["comparisons"]:
        print(comparison["verdict"])
    if note := by_chance(result):
        print(note, file=sys.stderr)


def group_table(result: dict[str, Any]) -> Table:
    """The metrics of each group, and with several seeds their spread."""
    table = Table(title="metrics", title_justify="left")
    table.add_column("run")
    for title in ("seeds", *METRICS.values()):
        table.add_column(title, justify="right", no_wrap=True)
    for group in result["groups"]:
        table.add_row(group["name"], str(len(group["runs"])), *(figure(group, metric) for metric in METRICS))
    return table


def comparison_table(comparison: dict[str, Any]) -> Table:
    """Every metric of all queries, and the MRR of each slice."""
    table = Table(title=f"{comparison['other']} against {comparison['baseline']}", title_justify="left")
    for place, title in enumerate(COLUMNS):
        table.add_column(title, justify="right" if place else "left", no_wrap=place > 0)
    for name, metrics in comparison["slices"].items():
        for metric in METRICS if name == "all" else ["mrr"]:
            table.add_row(*row(name, metric, metrics[metric]))
    return table
