"""The command line. torch and dgl are imported inside commands only, so that help and recipe errors are instant."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from dsomgnn import cli_model, cli_tools
from dsomgnn.asked import check_ranks
from dsomgnn.cli_data import data_app
from dsomgnn.cli_recipes import recipes_app
from dsomgnn.errors import INTERRUPTED, DataWarning, DsomError, RecipeError, one_of
from dsomgnn.places import recipe_at
from dsomgnn.recipe import load_recipe

app = typer.Typer(
    name="dsomgnn",
    help="Multimodal knowledge graph reasoning by reinforced multimodal distillation, on DGL.",
    epilog="Start here: dsomgnn fit recipes/worldfacts.toml, then dsomgnn rank.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(recipes_app, name="recipes")
app.add_typer(data_app, name="data")

Changes = Annotated[
    Optional[list[str]],  # noqa: UP045  (typer reads it on Python 3.10)
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. --set distill.gamma=0.5. May be repeated."),
]


@app.command(epilog="Example: dsomgnn fit recipes/worldfacts.toml --set seed=1 --run runs/first")
def fit(
    recipe: Annotated[Optional[Path], typer.Argument(metavar="RECIPE", help="A recipe (.toml).")] = None,  # noqa: UP045
    run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run folder [default: runs/<recipe>-<date>-<n>].")
    ] = None,
    changes: Changes = None,
    teachers: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(
            metavar="RUN",
            help="Take over those teachers of another run that would come out the same; train the others. "
            "May be repeated.",
        ),
    ] = None,
    resume: Annotated[Optional[Path], typer.Option(help="Go on with a stopped run.", metavar="RUN")] = None,  # noqa: UP045
) -> None:
    """Train teachers, then the student they teach.

    Ends with the validation table and the next command. Ctrl-C saves, and --resume goes on.
    """
    if (recipe is None) == (resume is None):
        raise RecipeError("give a recipe, or --resume RUN, and not both. Example: dsomgnn fit recipes/worldfacts.toml")
    if resume is not None and (run is not None or changes or teachers):
        raise RecipeError("--resume takes its settings from the run folder; leave out --run, --set and --teachers")
    if recipe is not None:
        recipe = recipe_at(recipe)
        settings = load_recipe(recipe, changes or [])  # before torch: an error comes at once
        from dsomgnn.commands import fit_command

        fit_command(settings, recipe, run, teachers or [])
    elif resume is not None:
        from dsomgnn.commands import resume_command

        resume_command(resume)


@app.command(epilog="Example: dsomgnn rank runs/first --model all --format latex")
def rank(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="Run folder [default: the latest under runs/].")
    ] = None,
    split: Annotated[str, typer.Option(metavar="SPLIT", help="test or valid.")] = "test",
    model: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="NAME",
            help="student, teacher:NAME, ensemble or all [default: student in the table, all in the report].",
        ),
    ] = None,
    ties: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="READING", help="realistic, optimistic or pessimistic [default: the recipe's]."),
    ] = None,
    drop: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            metavar="NAME=SHARE", help="Take a modality from that share of those that have it. May be repeated."
        ),
    ] = None,
    baseline: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="RUN", help="Another run on the same data: its student stands beside the models."),
    ] = None,
    form: Annotated[str, typer.Option("--format", metavar="FORM", help="table, markdown or latex.")] = "table",
    report: Annotated[bool, typer.Option(help="Write RUN/rank/report.html, report.json and ranks.parquet.")] = True,
    json: Annotated[str | None, typer.Option(help="Write JSON to a file, or to stdout with -.", metavar="FILE")] = None,
) -> None:
    """Filtered ranks of a run: tables, and a report in its folder.

    MRR, MR and Hits@1/3/10 in both directions. RUN/rank/report.html needs no network; ranks.parquet holds every rank.
    """
    check_ranks(split, ties)
    one_of("--format", form, ("table", "markdown", "latex"))
    shares = _shares(drop or [])
    from dsomgnn.commands import rank_command

    rank_command(run, split, model, ties, shares, baseline, form, report, json)


app.command(epilog=cli_model.PREDICT)(cli_model.predict)
app.command(epilog=cli_model.DISCOVER)(cli_model.discover)
app.command(epilog=cli_model.EXPLAIN)(cli_model.explain)
app.command(epilog=cli_model.EXPORT)(cli_model.export)


@app.command(epilog="Example: dsomgnn check recipes/worldfacts-own-encoder.toml")
def check(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe (.toml).")],
    changes: Changes = None,
) -> None:
    """Check a recipe, its data and encoders without training.

    Says what fit would warn of, and about how much memory the largest step needs.
    """
    recipe = recipe_at(recipe)
    settings = load_recipe(recipe, changes or [])
    from dsomgnn.commands import check_command

    check_command(settings, recipe)


app.command(epilog=cli_tools.COMPARE)(cli_tools.compare)
app.command(epilog=cli_tools.SWEEP)(cli_tools.sweep)


@app.command(epilog="Example: dsomgnn doctor")
def doctor() -> None:
    """Versions, threads, GPU: what is missing and how to mend it."""
    from dsomgnn.doctor import doctor_command

    doctor_command()


def _shares(words: list[str]) -> dict[str, float]:
    """{"image": 0.4} of ["image=0.4"]."""
    shares = {}
    for word in words:
        name, _, share = word.partition("=")
        try:
            shares[name] = float(share)
        except ValueError:
            raise RecipeError(f"--drop {word}: expected NAME=SHARE, such as image=0.4") from None
    return shares


@app.callback(invoke_without_command=True)
def _main(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from dsomgnn import __version__

        print(__version__)
        raise typer.Exit


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """What is the matter with the data in one line on stderr; warnings of libraries as they are."""
    foreign = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, DataWarning):
            print(f"warning: {message}", file=sys.stderr)
        else:
            foreign(message, category, *where, **more)

    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        warnings.showwarning = show
        yield


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; a DsomError becomes one message on stderr and its exit code."""
    try:
        with _plain_warnings():
            app(args=arguments, standalone_mode=True)
    except DsomError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(INTERRUPTED)
