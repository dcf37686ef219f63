"""The command line. torch and dgl are imported inside commands only, so that help and recipe errors are instant."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from dsomgnn import cli_model, cli_tools
from dsomgnn.cli_data import data_app
from dsomgnn.errors import INTERRUPTED, DsomError, RecipeError, nearest, one_of
from dsomgnn.places import recipe_at, shipped_recipes
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
recipes_app = typer.Typer(
    help="Recipes that ship with dsomgnn.", epilog="Example: dsomgnn recipes cp worldfacts.toml", no_args_is_help=True
)
app.add_typer(recipes_app, name="recipes")
app.add_typer(data_app, name="data")

Changes = Annotated[
    Optional[list[str]],  # noqa: UP045  (typer reads it on Python 3.10)
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. --set distill.gamma=0.5. May be repeated."),
]


@app.command(epilog="Example: dsomgnn fit recipes/worldfacts.toml --set seed=1 --run runs/first")
def fit(
    recipe: Annotated[Optional[Path], typer.Argument(help="A recipe (.toml).")] = None,  # noqa: UP045
    run: Annotated[Path | None, typer.Option(help="Run folder [default: runs/<recipe>-<date>-<n>].")] = None,
    changes: Changes = None,
    teachers: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="RUN", help="Take over the teachers of another run, where they would be the same."),
    ] = None,
    resume: Annotated[Optional[Path], typer.Option(help="Go on with a stopped run.", metavar="RUN")] = None,  # noqa: UP045
) -> None:
    """Train teachers, then the student they teach; ends with the validation table and the next command."""
    if (recipe is None) == (resume is None):
        raise RecipeError("give a recipe, or --resume RUN, and not both. Example: dsomgnn fit recipes/worldfacts.toml")
    if resume is not None and (run is not None or changes or teachers is not None):
        raise RecipeError("--resume takes its settings from the run folder; leave out --run, --set and --teachers")
    if recipe is not None:
        recipe = recipe_at(recipe)
        settings = load_recipe(recipe, changes or [])  # before torch: an error comes at once
        from dsomgnn.commands import fit_command

        fit_command(settings, recipe, run, teachers)
    elif resume is not None:
        from dsomgnn.commands import resume_command

        resume_command(resume)


@app.command(epilog="Example: dsomgnn rank runs/first --model all --format latex")
def rank(
    run: Annotated[Path | None, typer.Argument(help="Run folder [default: the latest under runs/].")] = None,
    split: Annotated[str, typer.Option(help="test or valid.")] = "test",
    model: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="student, teacher:NAME, ensemble or all [default: student in the table, all in the report]."),
    ] = None,
    ties: Annotated[Optional[str], typer.Option(help="realistic, optimistic or pessimistic.")] = None,  # noqa: UP045
    drop: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="NAME=SHARE", help="Take a modality from that share of the entities. May be repeated."),
    ] = None,
    baseline: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="RUN", help="Another run on the same data: its student stands beside the models."),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="table, markdown or latex.")] = "table",
    report: Annotated[bool, typer.Option(help="Write RUN/rank/report.html, report.json and ranks.parquet.")] = True,
    json: Annotated[str | None, typer.Option(help="Write JSON to a file, or to stdout with -.", metavar="FILE")] = None,
) -> None:
    """Filtered ranks in both directions: a table of MRR, MR, Hits@1/3/10, and a report in the run folder."""
    one_of("--split", split, ("test", "valid"))
    one_of("--ties", ties or "realistic", ("realistic", "optimistic", "pessimistic"))
    one_of("--format", form, ("table", "markdown", "latex"))
    shares = _shares(drop or [])
    from dsomgnn.commands import rank_command

    rank_command(run, split, model, ties, shares, baseline, form, report, json)


app.command(epilog=cli_model.PREDICT)(cli_model.predict)
app.command(epilog=cli_model.EXPLAIN)(cli_model.explain)
app.command(epilog=cli_model.EXPORT)(cli_model.export)


@app.command(epilog="Example: dsomgnn check recipes/worldfacts-own-encoder.toml")
def check(
    recipe: Annotated[Path, typer.Argument(help="A recipe (.toml).")],
    changes: Changes = None,
) -> None:
    """Check a recipe, its data and encoders without training, and estimate memory."""
    recipe = recipe_at(recipe)
    settings = load_recipe(recipe, changes or [])
    from dsomgnn.commands import check_command

    check_command(settings, recipe)


app.command(epilog=cli_tools.COMPARE)(cli_tools.compare)
app.command(epilog=cli_tools.SWEEP)(cli_tools.sweep)


@app.command(epilog="Example: dsomgnn doctor")
def doctor() -> None:
    """Versions, threads, GPU, DGL build; what is missing and how to mend it."""
    from dsomgnn.doctor import doctor_command

    doctor_command()


@recipes_app.command("ls", epilog="Example: dsomgnn recipes ls")
def recipes_ls() -> None:
    """List the shipped recipes."""
    for path in shipped_recipes():
        first = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        print(f"{path.name:32} {first if path.suffix == '.toml' else first.strip(chr(34))}")


@recipes_app.command("cp", epilog="Example: dsomgnn recipes cp worldfacts.toml mine.toml")
def recipes_cp(
    name: Annotated[str, typer.Argument(help="Name of a shipped recipe or file beside it.")],
    to: Annotated[Path, typer.Argument(help="File or folder to copy to.")] = Path(),
) -> None:
    """Copy a shipped recipe, with the encoder files that it names."""
    import shutil

    files = {path.name: path for path in shipped_recipes()}
    source = files.get(name) or files.get(f"{name}.toml")
    if source is None:
        raise RecipeError(f'no shipped recipe "{name}".{nearest(name, files)}')
    target = to / source.name if to.is_dir() else to
    text = source.read_text(encoding="utf-8")
    beside = [other for file, other in files.items() if file != source.name and f"{file}:" in text]
    copies = {source: target, **{other: target.parent / other.name for other in beside}}
    for path, copy in copies.items():
        if copy.exists() and copy.read_bytes() != path.read_bytes():
            raise RecipeError(f"{copy}: exists already; name another file")
    for path, copy in copies.items():
        try:
            shutil.copyfile(path, copy)
        except OSError as error:
            raise RecipeError(f"{copy}: cannot be written: {error.strerror}") from None
        print(copy)


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


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; a DsomError becomes one message on stderr and its exit code."""
    try:
        app(args=arguments, standalone_mode=True)
    except DsomError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(INTERRUPTED)
