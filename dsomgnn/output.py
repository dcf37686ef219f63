"""What goes to stdout: tables for a person, JSON for a machine."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from dsomgnn.errors import RecipeError


def new_table(title: str | None = None) -> Table:
    """An empty table in the style of the house: no frame, so that most fit 80 columns."""
    return Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, 1), pad_edge=False
    )


def probability(share: float) -> str:
    """0.5692, and what would be 0.0000 as 2.4e-05."""
    return f"{share:.4f}" if share >= 0.00005 or not share else f"{share:.1e}"


def show(*tables: Table) -> None:
    """Tables on stdout, a blank line between two; a pipe gets them as wide as they are."""
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False, emoji=False)
    with console.capture() as text:  # printed by rich itself, a closed pipe would end the process
        for place, table in enumerate(tables):
            console.print(*[""] * min(place, 1), table, sep="\n")
    print(text.get(), end="")


@contextmanager
def unless_closed() -> Iterator[None]:
    """Print, and go on where nobody reads any more (`| head`)."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        give_up_stdout()


def give_up_stdout() -> None:
    """Drop all that is still printed: what is buffered would fail again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_json(result: dict[str, Any], target: str) -> None:
    """To stdout in one line where `target` is "-", else to a file, whole or not at all. Raises RecipeError."""
    if target == "-":
        print(json.dumps(result))
    else:
        write_file(json.dumps(result, indent=2) + "\n", target, "--json")


def write_file(text: str, target: str, option: str) -> None:
    """The file that an option names, whole or not at all. Raises RecipeError."""
    path = Path(target)
    part = path.with_name(f"{path.name}.part")
    try:
        if path.exists() and not path.is_file():  # a device or a pipe is written to, never replaced
            path.write_text(text, encoding="utf-8")
            return
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise RecipeError(f"{option} {target}: cannot be written: {error.strerror}") from None
