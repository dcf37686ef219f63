"""What is measured: each phase is a command line, run as a process whose seconds and peak memory are noted."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scale.recipe import RECIPE

RUN, QUERY = "run", ("--head", "Q0", "--relation", "P0")


class PhaseError(Exception):
    """The last words of a phase that failed."""


@dataclass(frozen=True)
class Phase:
    """`words` after `python -m`; what it does in the words of a user."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    name: str
    seconds: float
    peak_gib: float


def phases(folder: Path, entities: int, triples: int) -> Iterator[Phase]:
    """From making the data to predicting, in the order in which they need each other."""
    data, run, recipe = (str(folder / name) for name in ("data", RUN, RECIPE))
    yield Phase("make the data set", ("scale.parts", "make", data, str(entities), str(triples)))
    yield Phase("load it", ("scale.parts", "load", data))
    yield Phase("dsomgnn data audit", ("dsomgnn", "data", "audit", data, "--json", str(folder / "audit.json")))
    yield Phase("heterogeneous graph (COO)", ("scale.parts", "hetero", data))
    yield Phase("homogeneous view, 100 x 1,000 neighbourhoods", ("scale.parts", "walks", data))
    yield Phase("homogeneous view, 100 x 1,000 blocks", ("scale.parts", "blocks", data))
    yield Phase("dsomgnn fit", ("dsomgnn", "fit", recipe, "--run", run))
    yield Phase("dsomgnn rank", ("dsomgnn", "rank", run, "--no-report", "--json", str(folder / "rank.json")))
    yield Phase("dsomgnn predict", ("dsomgnn", "predict", run, *QUERY, "--json", str(folder / "predict.json")))


def measure(phase: Phase) -> Measured:
    """Run a phase to its end. Raises PhaseError."""
    paths = [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", *phase.words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr as pipe:
        said = pipe.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise PhaseError(f"{phase.name}: {said.strip()[-2000:] or f'ended with {process.returncode}'}")
    return Measured(phase.name, round(time.monotonic() - started, 1), round(usage.ru_maxrss / 2**20, 2))
