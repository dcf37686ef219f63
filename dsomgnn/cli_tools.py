"""`dsomgnn sweep` and `dsomgnn compare`: settings searched, and runs held against each other."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated, Optional

import typer

from dsomgnn.asked import check_comparison
from dsomgnn.errors import RecipeError
from dsomgnn.places import recipe_at
from dsomgnn.recipe import load_recipe

SWEEP = "Example: dsomgnn sweep recipes/worldfacts.toml --trials 30"


def sweep(
    recipe: Annotated[
        Path, typer.Argument(metavar="RECIPE", help="A recipe (.toml); its [sweep] table names what to search.")
    ],
    trials: Annotated[
        int, typer.Option(metavar="N", help="Trials in all, those of an earlier call included.", min=1)
    ] = 30,
    run: Annotated[Optional[Path], typer.Option(metavar="DIR", help="Folder [default: runs/<recipe>-sweep].")] = None,  # noqa: UP045
    changes: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the recipe. May be repeated."),
    ] = None,
) -> None:
    """Search settings by validation MRR; the same command goes on.

    Searched are distill.gamma, tau, alpha, beta, and what [sweep] of the recipe names.
    In [sweep], "student.n3" = [0.005, 0.2, "log"] is a range and "distill.policy" = ["all", "reinforce"] are choices.
    Teachers are trained once and shared; poor trials are stopped early; the test split is never ranked.
    """
    recipe = recipe_at(recipe)
    load_recipe(recipe, changes or [])  # before torch: an error comes at once
    if importlib.util.find_spec("optuna") is None:
        raise RecipeError('dsomgnn sweep needs an extra: pip install "dsomgnn[sweep]"')
    from dsomgnn.sweeping import sweep_command

    sweep_command(recipe, changes or [], trials, run)


COMPARE = "Example: dsomgnn compare 'runs/alone-*' 'runs/agent-*' --html compare.html"


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN", help="The first is the baseline. RUN,RUN,RUN or a quoted glob: seeds; or a rank file."
        ),
    ],
    split: Annotated[str, typer.Option(metavar="SPLIT", help="test or valid.")] = "test",
    model: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="NAME", help="student, teacher:NAME or ensemble [default: student; of a rank file its only one]."
        ),
    ] = None,
    ties: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="READING", help="realistic, optimistic or pessimistic."),
    ] = None,
    resamples: Annotated[int, typer.Option(metavar="N", help="Of the bootstrap, 100 at least.")] = 2000,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the bootstrap.")] = 0,
    json: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Write JSON to a file, or to stdout with -.", metavar="FILE"),
    ] = None,
    html: Annotated[Optional[str], typer.Option(help="Write one self-contained page.", metavar="FILE")] = None,  # noqa: UP045
) -> None:
    """Whether runs differ by more than noise.

    Paired bootstrap and sign test over triples, by slice; spread over seeds.

    A rank file is a ranks.parquet, or TSV or CSV with the columns head, relation, tail, side (head or tail: what was
    asked for) and rank, or optimistic, realistic, pessimistic; model and split are optional.
    """
    check_comparison(runs, split, model, ties, resamples, seed)
    from dsomgnn.comparing import compare_command

    compare_command(runs, split, model, ties, resamples, seed, json, html)
