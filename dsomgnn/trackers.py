"""Trackers: who hears what a run logs, beside its metrics.jsonl. `tracker = "tensorboard"`, or one of your own:

class Mine:                        # tracker = "mine.py:Mine", beside the recipe
    def __init__(self, folder): ...    # Path of the run folder
    def start(self, record): ...       # record.json as it stands; again when a stopped run goes on
    def log(self, event): ...          # a line of metrics.jsonl; each comes once, however often the run is stopped
    def finish(self, record): ...      # at the end and at a stop: record["finished"] tells which
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, Protocol

from dsomgnn.errors import PluginError, RecipeError
from dsomgnn.progress import Progress
from dsomgnn.registry import load_class
from dsomgnn.run import Run

TOLD = "tracked.json"  # how many events the tracker has heard


class Tracker(Protocol):
    def start(self, record: Mapping[str, Any]) -> None: ...

    def log(self, event: Mapping[str, Any]) -> None: ...

    def finish(self, record: Mapping[str, Any]) -> None: ...


class TensorBoard:
    """The figures of every epoch, by phase, as scalars under RUN/tensorboard."""

    def __init__(self, folder: Path):
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder / "tensorboard"))

    def start(self, record: Mapping[str, Any]) -> None:
        pass

    def log(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "epoch":
            for name, value in _scalars(event):
                self.writer.add_scalar(f"{event['phase']}/{name}", value, event["epoch"])
            self.writer.flush()

    def finish(self, record: Mapping[str, Any]) -> None:
        self.writer.close()


def _scalars(event: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in event.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}/{inner}", number) for inner, number in _scalars(value))
        elif isinstance(value, int | float) and name != "epoch":
            yield name, value


def tracker_class(spec: str | None, folder: Path) -> Callable[[Path], Tracker] | None:
    """What makes the tracker that a recipe in `folder` names. Raises RecipeError, PluginError."""
    if spec is None:
        return None
    if spec == "tensorboard":
        try:
            import torch.utils.tensorboard  # noqa: F401
        except ImportError:
            raise RecipeError('tracker = "tensorboard" needs an extra: pip install "dsomgnn[tensorboard]"') from None
        return TensorBoard
    found = load_class(spec, folder, "tracker")
    missing = [name for name in ("start", "log", "finish") if not callable(getattr(found, name, None))]
    if missing:
        raise PluginError(f"tracker {spec} has no {', no '.join(f'{name}()' for name in missing)}")
    return found


@contextmanager
def tracked(
    make: Callable[[Path], Tracker] | None, run: Run, record: Mapping[str, Any], progress: Progress
) -> Iterator[None]:
    """While it lasts, a tracker hears what the run logs. Its first error is its last call: training goes on."""
    if make is None:
        yield
        return
    guard = _Guard(run, progress)
    guard.call(lambda: guard.begin(make, record))
    run.listeners.append(guard.hear)
    try:
        yield
    finally:
        run.listeners.remove(guard.hear)
        guard.call(lambda: guard.tracker.finish(deepcopy(record)))


class _Guard:
    """A tracker of any make: told each event once, over all stops, and dropped with a warning at its first error.

    A run that goes on repeats its events exactly, so an event is known by its place in the log. It counts as told
    before it is: a kill in between loses it rather than doubling it.
    """

    tracker: Tracker

    def __init__(self, run: Run, progress: Progress):
        self.run, self.progress, self.broken = run, progress, False
        self.told = run.read_json(TOLD) if (run.path / TOLD).exists() else 0

    def begin(self, make: Callable[[Path], Tracker], record: Mapping[str, Any]) -> None:
        self.tracker = make(self.run.path)
        self.tracker.start(deepcopy(record))  # what it does to its own is none of the run's concern

    def hear(self, event: Mapping[str, Any]) -> None:
        place = self.run.logged()
        if place > self.told and not self.broken:
            self.told = place
            self.run.write_json(TOLD, place)
            self.call(lambda: self.tracker.log(deepcopy(event)))

    def call(self, work: Callable[[], None]) -> None:
        if self.broken:
            return
        try:
            work()
        except (Exception, SystemExit) as error:
            self.broken = True
            self.progress.say(f"warning: the tracker hears no more: {type(error).__name__}: {error}", "yellow")
