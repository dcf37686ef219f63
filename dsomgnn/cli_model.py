"""Commands on a trained run: predict, discover, explain, export. torch is imported inside them only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from dsomgnn.asked import check_answers, check_answers_file, one_end_asked
from dsomgnn.errors import RecipeError, at_least

Run = Annotated[Optional[Path], typer.Argument(metavar="RUN", help="Run folder [default: the latest under runs/].")]  # noqa: UP045
Word = Optional[str]  # noqa: UP045  (typer reads it on Python 3.10)
Json = Annotated[Word, typer.Option(help="Write JSON to a file, or to stdout with -.", metavar="FILE")]
Model = Annotated[str, typer.Option(metavar="NAME", help="student or teacher:NAME.")]

PREDICT = "Example: dsomgnn predict runs/first --head Kenya --relation speaks"
DISCOVER = "Example: dsomgnn discover runs/first -n 1000 --out missing.tsv"
EXPLAIN = "Example: dsomgnn explain runs/first Kenya speaks english"
EXPORT = "Example: dsomgnn export runs/first my-model, then dsomgnn export --check my-model runs/first"


def predict(
    run: Run = None,
    head: Annotated[Word, typer.Option(metavar="WORD", help="Identifier or name; tails are asked for.")] = None,
    relation: Annotated[Word, typer.Option(metavar="WORD", help="Identifier or name.")] = None,
    tail: Annotated[Word, typer.Option(metavar="WORD", help="Identifier or name; heads are asked for.")] = None,
    k: Annotated[int, typer.Option("-k", metavar="N", help="How many answers.")] = 10,
    new: Annotated[bool, typer.Option("--new", help="Leave out facts that the data set holds.")] = False,
    model: Model = "student",
    file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            metavar="FILE", help='Queries, one a line: head, relation, tail (tabs); "?" or nothing for what is asked.'
        ),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Where --file's answers go: .parquet or .tsv."),
    ] = None,
    json: Json = None,
) -> None:
    """The best answers of a query or of a file, with probabilities.

    Tails of a head or heads of a tail, by name or identifier. Known facts are marked.
    """
    check_answers(k)
    if file is None:
        if out is not None:
            raise RecipeError("--out goes with --file")
        if not one_end_asked(head, relation, tail):
            raise RecipeError(f"give --relation, and --head or --tail, or else --file. {PREDICT}")
        from dsomgnn.predict.command import Asked, predict_command

        predict_command(run, model, Asked(head, relation, tail, k, new), json)
    else:
        if any(word is not None for word in (head, relation, tail, json)):
            raise RecipeError("--file brings its own queries; leave out --head, --relation, --tail and --json")
        check_answers_file(out)
        from dsomgnn.predict.command import predict_file_command

        assert out is not None
        predict_file_command(run, model, file, out, k, new)


def discover(
    run: Run = None,
    n: Annotated[int, typer.Option("-n", metavar="N", help="How many facts.")] = 20,
    relation: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="WORD", help="Only facts of this relation, by identifier or name; may be repeated."),
    ] = None,
    model: Model = "student",
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Write the facts by identifiers to a .parquet or .tsv file."),
    ] = None,
    json: Json = None,
) -> None:
    """The facts that the graph most likely lacks, of all relations.

    Each is judged from both ends, beside the known answers. How many of that rank valid and test confirm is told.
    """
    at_least("-n", n, 1)
    if out is not None:
        check_answers_file(out, "--out FILE is")
    from dsomgnn.predict.discovery_command import discover_command

    discover_command(run, model, n, relation or (), out, json)


def explain(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    head: Annotated[str, typer.Argument(metavar="HEAD", help='Identifier or name, or "?" to ask for it.')],
    relation: Annotated[str, typer.Argument(metavar="RELATION", help="Identifier or name.")],
    tail: Annotated[
        Word, typer.Argument(metavar="TAIL", help="Identifier or name [default: the student's best answer].")
    ] = None,
    json: Json = None,
) -> None:
    """Why an answer: ranks by all models, the agent's choice, paths.

    Also the sampled neighbourhood, known answers, and what is alike by text or picture.
    """
    from dsomgnn.explain.command import explain_command

    explain_command(run, head, relation, tail, json)


def export(
    run: Annotated[Optional[Path], typer.Argument(metavar="RUN", help="Run folder.")] = None,  # noqa: UP045
    folder: Annotated[Optional[Path], typer.Argument(metavar="DIR", help="Folder to write, new or empty.")] = None,  # noqa: UP045
    check: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Load an export by numpy alone and compare it with RUN, if given."),
    ] = None,
) -> None:
    """Write the student as safetensors, id maps and model card.

    For use without dsomgnn and without dgl. --check reads an export by numpy alone.
    """
    if check is not None:
        if folder is not None:
            raise RecipeError(f"--check DIR takes at most a run beside it. {EXPORT}")
        from dsomgnn.export.folder import check_export

        found = check_export(check, run)
        agree = f"{found['scores']:,} scores of {found['queries']} queries agree with {run or 'its own examples'}"
        print(f"{check}: read by numpy alone; {agree} (to {found['largest_difference']:.1e} of the largest score)")
    elif run is None or folder is None:
        raise RecipeError(f"give a run and the folder to write. {EXPORT}")
    else:
        from dsomgnn.export.folder import export_run

        print(f"{folder}: {', '.join(export_run(run, folder))}\n\nNext: dsomgnn export --check {folder} {run}")
