"""Write docs/commands.md from the command line's own declarations: python docs/make_commands.py"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

import typer

from dsomgnn.cli import app

PAGE = Path(__file__).with_name("commands.md")
HEAD = """\
<!-- made by docs/make_commands.py -->
# Commands

Tables go to stdout, progress and warnings to stderr; `--json -` prints JSON to stdout. Every command ends with exit
code 0, or with one message and one of: 1 unexpected, 2 usage or recipe, 3 data, 4 an encoder of yours, 5 a run folder,
130 stopped after saving.
"""


def page() -> str:
    """The whole page, as markdown."""
    return "\n".join([HEAD, *(section(*command) for command in commands(app, "dsomgnn"))])


def commands(group: typer.Typer, name: str) -> Iterator[tuple[str, Callable, str]]:
    """Full name, function and epilog of every command, inner groups last."""
    for command in group.registered_commands:
        assert command.callback is not None
        yield f"{name} {command.name or command.callback.__name__}", command.callback, command.epilog or ""
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from commands(inner.typer_instance, f"{name} {inner.name}")


@dataclass(frozen=True)
class Parameter:
    """An argument or option as it is declared: `kind` its type without None, `default` ... where it is required."""

    name: str
    kind: Any
    info: Any
    default: Any

    @property
    def is_option(self) -> bool:
        return isinstance(self.info, typer.models.OptionInfo)

    @property
    def flags(self) -> list[str]:
        """As declared (typer keeps the first of them as `default`), or made from the name."""
        declared = [word for word in (self.info.default, *(self.info.param_decls or ())) if isinstance(word, str)]
        return declared or [f"--{self.name}", *([f"--no-{self.name}"] if self.kind is bool else [])]

    @property
    def shown(self) -> str:
        """How it is typed."""
        if not self.is_option:
            word = (self.info.metavar or self.name.upper()).strip("[]")
            return f"`{word}`" if self.default is ... else f"`[{word}]`"
        value = "" if self.kind is bool else f" {self.info.metavar or {int: 'N', Path: 'PATH'}.get(self.kind, 'TEXT')}"
        return ", ".join(f"`{name}{value}`" for name in self.flags)

    @property
    def row(self) -> str:
        """A row of the table: how it is typed, its help, its default (which the help may tell, in brackets)."""
        text, _, told = (self.info.help or "").partition(" [default: ")
        end = told.find("]")
        text, told = text + told[end + 1 :], told[:end]
        default = told.replace("<", "&lt;") if told else _plain(self.default)
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in (self.shown, text, default))} |"


def _plain(default: Any) -> str:
    if default is True:
        return "yes"
    return "" if any(default is nothing for nothing in (..., None, False)) else f"`{default}`"


def parameters(function: Callable) -> list[Parameter]:
    """Arguments, then options."""
    hints, found = get_type_hints(function, include_extras=True), []
    for name, own in inspect.signature(function).parameters.items():
        kind, info = get_args(hints[name])[:2]
        kinds = [k for k in get_args(kind) if k is not NoneType]
        kind = kinds[0] if NoneType in get_args(kind) else kind
        found.append(Parameter(name, kind, info, ... if own.default is own.empty else own.default))
    return sorted(found, key=lambda parameter: parameter.is_option)


def section(name: str, function: Callable, epilog: str) -> str:
    """Heading, what it does, its arguments and options, its example."""
    rows = [parameter.row for parameter in parameters(function)]
    table = ["| | | default |", "|---|---|---|", *rows, ""] if rows else []
    example = epilog.removeprefix("Example: ").split(", then ")
    return "\n".join([f"## {name}", "", inspect.getdoc(function) or "", "", *table, "```console", *example, "```", ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
