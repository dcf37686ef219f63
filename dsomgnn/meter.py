"""How far downloads are, on stderr: a bar on a terminal, one plain line per file elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn


class Meter:
    """Used as a context; `of(title)` gives the function that is told bytes so far, and in all where known."""

    def __init__(self) -> None:
        columns = TextColumn("{task.description}"), BarColumn(20), DownloadColumn(), TransferSpeedColumn()
        self.live = sys.stderr.isatty()
        self.bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not self.live)

    def __enter__(self) -> Meter:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def of(self, title: str) -> Callable[[int, int | None], None]:
        if not self.live:
            print(title, file=sys.stderr)
        task = self.bar.add_task(title, total=None)
        return lambda done, total: self.bar.update(task, completed=done, total=total)
