"""Counting items or bytes on stderr: a live bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

EVERY = 10.0  # seconds between plain lines


class Counter:
    """A context whose value is called with (done, total), the total None where it is not known.

    What is over in a moment leaves no trace.
    """

    def __init__(self, what: str, every: float = EVERY, of_bytes: bool = False):
        self.what, self.every, self.of_bytes = what, every, of_bytes
        self.console = Console(stderr=True)
        self.bar: Progress | None = None
        self.started = self.said = time.monotonic()

    def __enter__(self) -> Counter:
        if sys.stderr.isatty():
            items = MofNCompleteColumn(), TextColumn("left"), TimeRemainingColumn()
            columns = (DownloadColumn(), TransferSpeedColumn()) if self.of_bytes else items
            title = TextColumn("{task.description}"), BarColumn(20)
            self.bar = Progress(*title, *columns, console=self.console, transient=True)
            self.task = self.bar.add_task(self.what, total=None)
            self.bar.start()
        return self

    def __call__(self, done: int, total: int | None) -> None:
        if self.bar is not None:
            self.bar.update(self.task, completed=done, total=total)
        elif time.monotonic() - self.said >= self.every:
            self.said = time.monotonic()
            self.say(f"{self.what} {self._standing(done, total)}")

    def say(self, text: str, style: str | None = None) -> None:
        self.console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)

    def _standing(self, done: int, total: int | None) -> str:
        unit, word = (1_000_000, " MB") if self.of_bytes else (1, "")
        if total is None:
            return f"{done // unit:,}{word}"
        left = (self.said - self.started) / max(1, done) * (total - done)
        return f"{done // unit:,}/{total // unit:,}{word}  left {left:.0f} s"

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()
