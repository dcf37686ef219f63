"""How far a long work is: who does it tells a `Report`, whoever waits decides what becomes of it."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[int, int | None], None]  # done, of how many, where that is known


def silent(done: int, total: int | None) -> None:
    """A report to nobody."""
