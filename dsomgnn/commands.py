"""What the commands do, once torch and dgl may be imported: tables on stdout, progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dsomgnn.build import Job, build
from dsomgnn.check import check_recipe
from dsomgnn.errors import INTERRUPTED
from dsomgnn.fit import fit, open_stopped
from dsomgnn.output import show, unless_closed, write_json
from dsomgnn.progress import Progress
from dsomgnn.rank.paper import latex, markdown
from dsomgnn.rank.tables import choice_table, overall_table, phase_table, readable, relation_table, slice_table
from dsomgnn.ranking import BASELINE, STUDENT, Ranking, model_names, open_ranking
from dsomgnn.report.make import make_report, open_baseline
from dsomgnn.run import Run, latest_run
from dsomgnn.settings import Recipe


def fit_command(recipe: Recipe, recipe_path: Path, run_path: Path | None, teachers: list[Path]) -> None:
    job = build(recipe, recipe_path.parent)
    run = Run.create(run_path, recipe_path)
    _fit(job, run, lambda progress: fit(job, run, progress, teachers))


def resume_command(path: Path) -> None:
    run = Run.open(path)
    job = open_stopped(run)
    if job is None:
        print(f"{path} is finished. Next: dsomgnn rank {path}")
        return
    _fit(job, run, lambda progress: fit(job, run, progress))


def _fit(job: Job, run: Run, work: Callable[[Progress], dict[str, Any]]) -> None:
    progress = Progress()
    progress.say(f"run folder: {run.path}")
    try:
        record = work(progress)
    except KeyboardInterrupt:
        begun = (run.path / "record.json").exists()
        on = f"saved to its last whole epoch. Go on: dsomgnn fit --resume {run.path}" if begun else "nothing was begun"
        progress.say(f"\nstopped; {on}", "yellow")
        sys.exit(INTERRUPTED)
    choices = record["phases"]["student"].get("choices")
    chosen = [choice_table(choices, readable(job.dataset.relations))] if choices else []
    show(*chosen, phase_table(record))
    print(f"\nNext: dsomgnn rank {run.path}")


def rank_command(
    run: Path | None,
    split: str,
    model: str | None,
    ties: str | None,
    drop: dict[str, float],
    baseline: Path | None,
    form: str,
    report: bool,
    out: str | None,
) -> None:
    run = run or latest_run()
    names = model_names(run, model or STUDENT)
    ranking = open_ranking(run, names, split, ties, drop)
    other = open_baseline(baseline, ranking) if baseline else None
    result = ranking.result(names)
    if other:
        result["models"][BASELINE + other.name] = other.result([STUDENT])["models"][STUDENT]
    if out is not None:
        write_json(result, out)
    if out != "-":
        with unless_closed():
            _show_ranks(result, ranking, form)
    if drop and names == [STUDENT]:
        print("note: a student reads no modality, so --drop changes nothing; say --model all", file=sys.stderr)
    elif report:
        say = Progress().say
        say(f"report: {make_report(ranking, model, other, say)}")


def _show_ranks(result: dict[str, Any], ranking: Ranking, form: str) -> None:
    data = ranking.job.dataset.name
    if form != "table":
        print(markdown(result, data) if form == "markdown" else latex(result, data))
        return
    print(f"{ranking.run.path}\n")
    slices = [slice_table(result)] if any(model["slices"] for model in result["models"].values()) else []
    show(overall_table(result), *slices, relation_table(result, readable(ranking.job.dataset.relations)))


def check_command(recipe: Recipe, recipe_path: Path) -> None:
    for line in check_recipe(recipe, recipe_path):
        print(line)
