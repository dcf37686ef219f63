"""`dsomgnn recipes`: those that ship, listed and copied."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from dsomgnn.errors import RecipeError, nearest
from dsomgnn.places import shipped_recipes

INDENT = 29  # of what a recipe is about

recipes_app = typer.Typer(
    help="Recipes that ship with dsomgnn.", epilog="Example: dsomgnn recipes cp worldfacts.toml", no_args_is_help=True
)


@recipes_app.command("ls", epilog="Example: dsomgnn recipes ls")
def recipes_ls() -> None:
    """List the shipped recipes."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize  # a pipe gets one line each
    for path in shipped_recipes():
        about = path.read_text(encoding="utf-8").splitlines()[0].strip('# "')
        lines = textwrap.wrap(about, max(30, width - INDENT), break_on_hyphens=False)
        print(f"{path.name:{INDENT}}" + f"\n{'':{INDENT}}".join(lines))


@recipes_app.command("cp", epilog="Example: dsomgnn recipes cp worldfacts.toml mine.toml")
def recipes_cp(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a shipped recipe or file beside it.")],
    to: Annotated[Path, typer.Argument(metavar="TO", help="File or folder to copy to.")] = Path(),
) -> None:
    """Copy a shipped recipe, with the encoder files that it names."""
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
