"""Seconds of a step: against entities, teachers, rank and batch, over all candidates and over sampled ones."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from dsomgnn.batches import TrainingQueries
from dsomgnn.build import Job, make_distiller, make_student
from dsomgnn.choices import Tally
from dsomgnn.data.mkg import MKG
from dsomgnn.data.triples import Dataset, Vocabulary
from dsomgnn.distill.teachers import freeze
from dsomgnn.epochs import optimisers_of
from dsomgnn.output import write_file
from dsomgnn.settings import Recipe
from dsomgnn.steps import plain_step, taught_step
from scale.curves import picture, table
from scale.made import Size, triples

WARM, LEAST, MOST = 2, 3, 30  # steps


@dataclass(frozen=True)
class Setting:
    """What a step depends on; `candidates` 0: all entities."""

    entities: int = 10_000
    teachers: int = 2
    rank: int = 64
    batch: int = 256
    candidates: int = 0


SAMPLED = 2000
SWEEPS: dict[str, dict[str, tuple[int, ...]]] = {
    "entities": {
        "all entities": (1_000, 3_000, 10_000, 30_000, 100_000),
        "sampled": (10_000, 30_000, 100_000, 300_000, 1_000_000),
    },
    "teachers": {"all entities": (0, 1, 2, 4, 8), "sampled": (0, 1, 2, 4, 8)},
    "rank": {"all entities": (16, 32, 64, 128, 256), "sampled": (16, 32, 64, 128, 256)},
    "batch": {"all entities": (64, 128, 256, 512, 1024), "sampled": (64, 128, 256, 512, 1024)},
}


@dataclass(frozen=True)
class Cost:
    """Seconds of a step where `swept` is `value` and all else as in `Setting`."""

    swept: str
    kind: str
    value: int
    seconds: float


def measure_costs(out: Path, seconds: float) -> list[Cost]:
    """Write COSTS.md and costs.svg."""
    points = [(swept, kind, v) for swept, lines in SWEEPS.items() for kind, values in lines.items() for v in values]
    found = []
    for swept, kind, value in points:
        candidates = SAMPLED if kind == "sampled" else 0
        setting = replace(Setting(candidates=candidates), **{swept: value})
        found.append(Cost(swept, kind, value, step_seconds(setting, 0.6 * seconds / len(points))))
        print(f"{swept} = {value:,}, {kind}: {1000 * found[-1].seconds:,.1f} ms", file=sys.stderr, flush=True)
    write_file(table(found, Setting(), SAMPLED), str(out / "COSTS.md"), "--out")
    write_file(picture(found), str(out / "costs.svg"), "--out")
    return found


def step_seconds(setting: Setting, seconds: float) -> float:
    """Median seconds of a student's step, taught by all teachers; of a plain one without any."""
    steps, took, started = _steps(setting), [], time.monotonic()
    while len(took) < WARM + LEAST or (len(took) < MOST and time.monotonic() - started < seconds):
        before = time.perf_counter()
        next(steps)
        took.append(time.perf_counter() - before)
    return median(took[WARM:])


def _steps(setting: Setting) -> Iterator[None]:
    job = made_job(setting)
    student = make_student(job)
    optimisers, settings = optimisers_of(student, job.recipe.student), job.recipe.student
    names = list(job.recipe.teachers)
    teachers = [freeze(name, make_student(job, 1 + i), None) for i, name in enumerate(names)]
    distiller = make_distiller(job, student, teachers) if teachers else None
    for batch in cycle(TrainingQueries(job.mkg).batches(setting.batch, MOST + WARM)):
        if distiller is None:
            plain_step(student, batch, optimisers, settings)
        else:
            taught_step(distiller, batch, "taught", optimisers, Tally(names), measure=False)
        yield


def made_job(setting: Setting) -> Job:
    size = Size(setting.entities, 40_000, 50, 10, 10)
    rows = torch.from_numpy(triples(size, np.random.default_rng(0)))
    data = Dataset("made", Path(), _vocabulary(size.entities), _vocabulary(50), rows[:-20], rows[-20:-10], rows[-10:])
    mkg, cpu = MKG(data), torch.device("cpu")
    return Job(recipe_of(setting), Path(), data, mkg, mkg, cpu)


def _vocabulary(size: int) -> Vocabulary:
    names = tuple(map(str, range(size)))
    return Vocabulary(names, names)


def recipe_of(setting: Setting) -> Recipe:
    student: dict[str, Any] = {"rank": setting.rank, "batch": setting.batch, "candidates": setting.candidates}
    return Recipe.model_validate(
        {
            "data": {"name": "made"},
            "student": student,
            "teachers": {f"teacher{k}": {"rank": setting.rank} for k in range(setting.teachers)},
            "distill": {"policy": "all" if setting.teachers else "none", "walks": 4, "kept": 0.0},
        }
    )
