"""Where a key stands in a TOML file: tomllib does not say."""

from __future__ import annotations

import re

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


def _plain(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))
