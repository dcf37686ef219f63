"""`dsomgnn data`: known data sets, getting, importing, auditing and encoding them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

data_app = typer.Typer(
    help="Data sets: what is known and at hand, getting, importing, auditing and encoding them.",
    epilog="Example: dsomgnn data ls",
    no_args_is_help=True,
)


@data_app.command("ls", epilog="Example: dsomgnn data ls wn18")
def ls(
    name: Annotated[Optional[str], typer.Argument(help="A known data set: its whole card.")] = None,  # noqa: UP045
) -> None:
    """List the known data sets, and where each is at hand; with a name, print its card."""
    from dsomgnn.catalog import ls_command

    ls_command(name)


@data_app.command("get", epilog="Example: dsomgnn data get mkg-w fb15k-237")
def get(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Known data sets (see: dsomgnn data ls).")],
    source: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--from", metavar="URL|FOLDER", help="A copy of yours [default: the public origin]."),
    ] = None,
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder to put the data sets into.")] = Path("datasets"),
) -> None:
    """Download data sets, verify them against their cards, and put each into a folder of its own."""
    from dsomgnn.catalog import get_command

    get_command(names, source, to)
