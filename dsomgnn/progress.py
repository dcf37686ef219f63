"""Progress on stderr: a live bar on a terminal, one plain line per epoch elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

NAMES = {"loss": "loss", "fit": "fit", "taught": "taught", "valid_mrr": "valid MRR", "best": "best"}
LIVE = ("loss", "best", "rows_per_second")  # of an event, beside a bar: what 80 columns hold


class Progress:
    """One phase after another; `quiet` shows nothing."""

    def __init__(self, quiet: bool = False):
        self.console = Console(stderr=True, quiet=quiet)
        self.live = not quiet and sys.stderr.isatty()
        self.bar: Bar | None = None
        self.phase, self.total, self.started, self.first = "", 0, 0.0, 0

    def say(self, text: str, style: str | None = None) -> None:
        self.console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)

    def start(self, phase: str, epochs: int, done: int) -> None:
        self.phase, self.total, self.started, self.first = phase, epochs, time.monotonic(), done
        if self.live:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(10),
                TextColumn("{task.completed}/{task.total}"),
            )
            left = TextColumn("left"), TimeRemainingColumn()
            self.bar = Bar(*columns, TextColumn("{task.fields[facts]}"), *left, console=self.console)
            self.task = self.bar.add_task(phase, total=epochs, completed=done, facts="")
            self.bar.start()

    def epoch(self, epoch: int, event: Mapping[str, Any]) -> None:
        if self.bar is not None:
            facts = describe({key: event[key] for key in LIVE if key in event})
            self.bar.update(self.task, completed=epoch, facts=facts)
        else:
            passed = (time.monotonic() - self.started) / max(1, epoch - self.first)
            self.say(
                f"{self.phase} {epoch}/{self.total}  {describe(event)}  left {passed * (self.total - epoch):.0f} s"
            )

    def stop(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


def describe(event: Mapping[str, Any]) -> str:
    """Loss parts, validation MRR, share of each teacher and rows per second, in one line."""
    parts = [f"{name} {event[key]:.4f}" for key, name in NAMES.items() if key in event]
    if "reward" in event:
        parts.append(f"reward {event['reward']:.3f}")
    if event.get("share"):
        parts.append("share " + " ".join(f"{name} {value:.2f}" for name, value in event["share"].items()))
    if "rows_per_second" in event:
        parts.append(f"{event['rows_per_second']:,.0f} rows/s")
    return "  ".join(parts)
