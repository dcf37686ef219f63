"""Counting items on stderr: a live bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

EVERY = 10.0  # seconds between plain lines


class Counter:
    """A context whose value is called with (done, total); what is over in a moment leaves no trace."""

    def __init__(self, what: str, every: float = EVERY):
        self.what, self.every = what, every
        self.console = Console(stderr=True)
        self.bar: Progress | None = None
        self.started = self.said = time.monotonic()

    def __enter__(self) -> Counter:
        if sys.stderr.isatty():
            left = TextColumn("left"), TimeRemainingColumn()
            columns = TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), *left
            self.bar = Progress(*columns, console=self.console, transient=True)
            self.task = self.bar.add_task(self.what, total=None)
            self.bar.start()
        return self

    def __call__(self, done: int, total: int) -> None:
        if self.bar is not None:
            self.bar.update(self.task, completed=done, total=total)
        elif time.monotonic() - self.said >= self.every:
            self.said = time.monotonic()
            left = (self.said - self.started) / done * (total - done)
            self.say(f"{self.what} {done:,}/{total:,}  left {left:.0f} s")

    def say(self, text: str, style: str | None = None) -> None:
        self.console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()
