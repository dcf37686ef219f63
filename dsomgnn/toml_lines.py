"""Where a key, or a slip, stands in a TOML file: tomllib does not say, or in words."""

from __future__ import annotations

import re

_PLACE = re.compile(r"(.*) \(at line (\d+), (column \d+)\)", re.DOTALL)
_TABLE = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*([A-Za-z0-9_\-."' ]+?)\s*=""")


def line_table(text: str) -> dict[str, int]:
    """Line number of every table header and key, by dotted name."""
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE.match(line):
            table = _plain(match.group(1))
            lines.setdefault(table, number)
        elif match := _KEY.match(line):
            key = _plain(match.group(1))
            lines.setdefault(f"{table}.{key}" if table else key, number)
    return lines


def line_of(key: str, origin: dict[str, str]) -> str | None:
    """Where the key, or the nearest table or value around it, was written."""
    parts = key.split(".")
    while parts:
        if (found := origin.get(".".join(parts))) is not None:
            return found
        parts.pop()
    return None


def syntax_error(error: ValueError, path: object) -> str:
    """What the parser says of a file that is not TOML, its line in front where it tells one."""
    match = _PLACE.fullmatch(str(error))
    return (
        f"{path}:{match[2]}: not valid TOML: {match[1]} ({match[3]})" if match else f"{path}: not valid TOML: {error}"
    )


def _plain(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))
