"""`dsomgnn data`: known data sets, getting, importing, auditing and encoding them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from dsomgnn.errors import RecipeError

data_app = typer.Typer(
    help="Data sets: known ones, getting, importing, auditing, encoding.",
    epilog="Example: dsomgnn data ls",
    no_args_is_help=True,
)


@data_app.command("ls", epilog="Example: dsomgnn data ls wn18")
def ls(
    name: Annotated[Optional[str], typer.Argument(metavar="NAME", help="A known data set: its whole card.")] = None,  # noqa: UP045
) -> None:
    """The known data sets, and where each lies; with a name, its card."""
    from dsomgnn.catalog import ls_command

    ls_command(name)


@data_app.command("get", epilog="Example: dsomgnn data get mkg-w fb15k-237")
def get(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Known data sets (see: dsomgnn data ls).")],
    source: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--from", metavar="URL|FOLDER", help="A copy of yours [default: the public origin]."),
    ] = None,
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder to put the data sets into.")] = Path("datasets"),
) -> None:
    """Download data sets, verified against their cards.

    Each gets a folder of its own, whole or not at all; a cut download is gone on with.
    """
    from dsomgnn.catalog import get_command

    get_command(names, source, to)


@data_app.command("import", epilog="Example: dsomgnn data import ~/OpenKE/benchmarks/WN18RR datasets/wn18rr")
def import_(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder in any known layout, or a file of triples.")],
    to: Annotated[Path, typer.Argument(metavar="DST", help="The folder to write, new or empty.")],
    columns: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="hrt|htr", help="How head, relation, tail stand in a line, where that cannot be seen."),
    ] = None,
    cells: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="ids|names", help="What the lines hold beside an id map, where that cannot be seen."),
    ] = None,
    split: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="SHARES", help="Deal a file without splits at random, e.g. 0.8,0.1,0.1."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the random split.", min=0)] = 0,
) -> None:
    """Turn triples in nearly any layout into a data set folder.

    OpenKE, kbc, LibKGE, PyKEEN, CSV, TSV, Parquet, RDF and more, seen from their content.
    """
    for option, word, known in (("--columns", columns, ("hrt", "htr")), ("--cells", cells, ("ids", "names"))):
        if word not in (None, *known):
            raise RecipeError(f"{option} {word}: expected {' or '.join(known)}")
    from dsomgnn.importing import import_command

    import_command(source, to, columns, cells, split, seed)


@data_app.command("audit", epilog="Example: dsomgnn data audit worldfacts")
def audit(
    target: Annotated[str, typer.Argument(metavar="NAME|FOLDER", help="A data set, by name or folder.")],
    json: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Write everything as JSON to a file, or to stdout with -.", metavar="FILE"),
    ] = None,
) -> None:
    """Find what changes the meaning of figures: leaks, repeats, twins.

    Also unseen entities, modality coverage, and texts that name the answer.
    """
    from dsomgnn.auditing import audit_command

    audit_command(target, json)


@data_app.command("encode", epilog="Example: dsomgnn data encode worldfacts --source images --encoder histogram")
def encode(
    target: Annotated[str, typer.Argument(metavar="NAME|FOLDER", help="A data set, by name or folder.")],
    source: Annotated[str, typer.Option(metavar="FILE|FOLDER", help="Its text.tsv, images.tsv or folder of pictures.")],
    encoder: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="minilm or a sentence-transformers model; histogram, efficientnet-lite0, timm:NAME, torchvision:NAME.",
        ),
    ],
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE.npy", help="Where to write the features [default: into the data set's folder]."),
    ] = None,
) -> None:
    """Encode texts or pictures into a feature file for recipes.

    What was encoded before comes from the cache.
    """
    _refuse_unknown_encoder(encoder)  # before torch: an error comes at once
    from dsomgnn.encoding import encode_command

    encode_command(target, source, encoder, out)


def _refuse_unknown_encoder(name: str) -> None:
    from dsomgnn.allowed import known_encoder

    try:
        known_encoder(name)
    except ValueError as error:
        raise RecipeError(f"--encoder {name}: {error}") from None
    if name in ("array", "tfidf-svd", "numeric"):
        raise RecipeError(f"--encoder {name}: needs no encoding; a recipe reads its source as it is")
