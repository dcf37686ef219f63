"""`dsomgnn compare`: runs and rank files against the first of them."""

from __future__ import annotations

import sys
from typing import Any

from rich.table import Table

from dsomgnn.asked import check_comparison
from dsomgnn.compare.groups import read_group
from dsomgnn.compare.measure import OVER_SEEDS, measure
from dsomgnn.compare.page import comparison_page
from dsomgnn.compare.words import METRICS, by_chance, figure, heading, probability
from dsomgnn.device import left_as_found
from dsomgnn.output import new_table, show, write_file, write_json

RESAMPLES = 2000


@left_as_found()
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
    RecipeError where ties do or what is asked for cannot be, CheckpointError for what is no run.
    """
    check_comparison(words, split, model, ties, resamples, seed)
    groups = [read_group(str(word), split, model) for word in words]
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
    table = new_table("metrics")
    table.add_column("run", overflow="fold")
    for title in ("seeds", *METRICS.values()):
        table.add_column(title, justify="right", no_wrap=True)
    for group in result["groups"]:
        figures = (figure(group, metric).replace(" ±", "\n±") for metric in METRICS)
        table.add_row(group["name"], str(len(group["runs"])), *figures)
    return table


def comparison_table(comparison: dict[str, Any]) -> Table:
    """Every metric of all queries, and the MRR of each slice; the page and --json tell more of each."""
    table = new_table(f"{comparison['other']} against {comparison['baseline']}: MRR by slice, 95 % intervals")
    table.add_column("slice", overflow="fold")
    for column in ("queries", "baseline", "change", "from", "to", "sign p", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for name, metrics in comparison["slices"].items():
        for metric, found in _shown(name, metrics).items():
            table.add_row(f"all: {METRICS[metric]}" if name == "all" else name, *_cells(found))
    table.caption, table.caption_justify = _marks(comparison), "left"
    return table


def _marks(comparison: dict[str, Any]) -> str | None:
    """What the marks beside the verdicts mean; None where there are none."""
    cells = [found for name, metrics in comparison["slices"].items() for found in _shown(name, metrics).values()]
    noise = f"* {OVER_SEEDS}, not over triples" if any(found["verdict"] == OVER_SEEDS for found in cells) else ""
    opposed = "! the sign test says the opposite of the mean" if any(found["opposed"] for found in cells) else ""
    return "\n".join(filter(None, (noise, opposed))) or None


def _shown(name: str, metrics: dict[str, Any]) -> dict[str, Any]:
    return metrics if name == "all" else {"mrr": metrics["mrr"]}


def _cells(found: dict[str, Any]) -> list[str]:
    change = (f"{found[key]:+.4f}" for key in ("difference", "low", "high"))
    verdict = ("noise*" if found["verdict"] == OVER_SEEDS else found["verdict"]) + "!" * found["opposed"]
    return [f"{found['queries']:,}", f"{found['baseline']:.4f}", *change, probability(found["sign_p"]), verdict]
