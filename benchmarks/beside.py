"""What a run does beside its steps, and its steps beside their products: reading, features, graphs, sampling.

    python benchmarks/beside.py                                # recipes wn18, worldfacts, mkg-w; writes BESIDE.md
    python benchmarks/beside.py recipes/worldfacts.toml --steps 20

Shares are of one run on one machine; features are made with an empty cache, then with a full one.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read once, when torch is loaded

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from speed.machine import machine

from dsomgnn.batches import TrainingQueries
from dsomgnn.build import Job, build, make_distiller, make_student, make_teacher
from dsomgnn.check import label_tables
from dsomgnn.choices import Tally
from dsomgnn.data.mkg import MKG
from dsomgnn.data.triples import load_dataset
from dsomgnn.distill.distiller import TAUGHT, Distiller
from dsomgnn.distill.teachers import freeze
from dsomgnn.epochs import MEASURE_EVERY, optimisers_of
from dsomgnn.errors import DsomError
from dsomgnn.modality import make_feature
from dsomgnn.neighbourhood import Neighbours
from dsomgnn.output import write_file
from dsomgnn.recipe import load_recipe
from dsomgnn.rewarded import make_lesson
from dsomgnn.sampling import BlockSampler
from dsomgnn.steps import plain_step, taught_step

HERE = Path(__file__).parent
RECIPES = [HERE.parent / "recipes" / name for name in ("wn18.toml", "worldfacts.toml", "mkg-w.toml")]
INTRO = """\
# Beside the products

Made by `python benchmarks/beside.py` on {date}: {processor}, {cores} cores, Python {python}. Once a run: reading,
features and graphs, in seconds. In every step: sampling, as a share of whole steps; the teacher that passes messages
is the recipe's last one as CompGCN with one layer of 10 sampled neighbours, not trained. Soft labels: of teachers that
are not trained, made in every step or once (`distill.kept`); the share is the median of pairs of steps, turn by
turn. "random": sets that change, as an agent's do. An agent learns from a lesson once in `agent.every` steps, while
it learns.
"""

LABELS = """\
| soft labels | kept, MB | made once, s | step that makes its own, ms | that finds them, ms | share |
|---|---|---|---|---|---|"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", type=Path, nargs="*", default=RECIPES, metavar="RECIPE")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--out", type=Path, default=HERE, help="where BESIDE.md goes")
    options = parser.parse_args()
    try:
        tables = [table(recipe, options.steps) for recipe in options.recipes]
        write_file("\n\n".join([INTRO.format(**machine()), *tables]) + "\n", str(options.out / "BESIDE.md"), "--out")
    except DsomError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def table(recipe: Path, steps: int) -> str:
    """One recipe's figures as Markdown."""
    job = build(load_recipe(recipe, ["distill.policy=all", "distill.kept=0"]), recipe.parent)
    once = "\n".join(f"| {what} | {seconds:.2f} |" for what, seconds in preparation(job))
    sampling = "\n".join(f"| {what} | {1000 * step:.1f} | {share:.1%} |" for what, step, share in shares(job, steps))
    name = f"## {job.dataset.name}: {job.dataset.num_entities:,} entities, {len(job.dataset.train):,} train triples"
    heads = ("| once | seconds |\n|---|---|", "| in every step | step, ms | sampling |\n|---|---|---|")
    told = f"{LABELS}\n{labels(job, steps)}\n\n{lessons(job, steps)}"
    return f"{name}\n\n{heads[0]}\n{once}\n\n{heads[1]}\n{sampling}\n\n{told}"


def preparation(job: Job) -> Iterator[tuple[str, float]]:
    data, recipe = job.dataset, job.recipe
    yield "triples read", _seconds(lambda: load_dataset(data.folder))
    with _empty_cache():
        for again in ("", ", from the cache"):
            for name, feature in recipe.features.items():
                made = _seconds(lambda n=name, f=feature: make_feature(n, f, data, recipe.seed))
                yield f"{name} ({feature.encoder}{again})", made
    yield "heterograph", _seconds(lambda: MKG(data).graph())
    yield "homogeneous graph, sorted for sampling", _seconds(lambda: _sorted(MKG(data)))
    yield "training queries", _seconds(lambda: TrainingQueries(job.mkg))


def shares(job: Job, steps: int) -> Iterator[tuple[str, float, float]]:
    """What was sampled for, seconds of a step, and the share of it that sampling took."""
    for what, owner, method, step in (
        ("neighbourhoods, all teachers teach", Neighbours, "around", _taught(job)),
        ("blocks, a teacher passes messages", BlockSampler, "layers", _passing(job)),
    ):
        batches = job.training.batches(job.recipe.student.batch)
        step(next(batches))
        spent: Counter[str] = Counter()
        with _timed(owner, method, spent):
            parts = list(islice(batches, steps))
            whole = _seconds(lambda step=step, parts=parts: [step(part) for part in parts])
        yield what, whole / len(parts), spent[method] / whole


def labels(job: Job, steps: int) -> str:
    """What a taught step takes where it makes its soft labels, and where it finds what can be kept of them."""
    return "\n".join(_labels(_with(job, policy=policy), steps) for policy in ("all", "random"))


def _with(job: Job, **changes: Any) -> Job:
    distill = job.recipe.distill.model_copy(update=changes)
    return replace(job, recipe=job.recipe.model_copy(update={"distill": distill}))


def _labels(job: Job, steps: int) -> str:
    keeping = _with(job, kept=0.4)
    policy, megabytes = job.recipe.distill.policy, label_tables(keeping).kept / 2**20
    if not megabytes:
        return f"| {policy} | does not fit | | | | |"
    anew, found, batches = _taught(job), _taught(keeping), job.training.batches(job.recipe.student.batch)
    first = next(batches)
    anew(first)
    made, pairs = _seconds(lambda: found(first)), list[tuple[float, float]]()
    for batch in islice(batches, steps):
        pairs.append((_seconds(lambda batch=batch: anew(batch)), _seconds(lambda batch=batch: found(batch))))
    medians, share = map(median, zip(*pairs, strict=True)), median(b / a for a, b in pairs)
    cells = " | ".join([f"{megabytes:,.0f}", f"{made:.1f}", *(f"{1000 * x:.1f}" for x in medians), f"{share:.2f}"])
    return f"| {policy} | {cells} |"


def lessons(job: Job, steps: int) -> str:
    """What a lesson of an agent's takes beside one of its steps, both with what can be kept."""
    learning = _with(job, policy="reinforce", kept=0.4)
    distiller = _distiller(learning)
    lesson, step = make_lesson(learning, distiller), _steps(learning, distiller)
    batches, rows = job.training.batches(job.recipe.student.batch), job.recipe.agent.rows
    step(next(batches))
    lesson.give()
    pairs = [(_seconds(lesson.give), _seconds(lambda b=batch: step(b))) for batch in islice(batches, steps)]
    taken, share = median(a for a, _ in pairs), median(a / b for a, b in pairs)
    return f"A lesson of an agent's, on {rows} triples: {1000 * taken:.0f} ms, {share:.2f} of one of its steps."


def _taught(job: Job) -> Callable[[Any], object]:
    return _steps(job, _distiller(job))


def _distiller(job: Job) -> Distiller:
    """Of a new student and teachers that are not trained."""
    teachers = [freeze(name, make_teacher(job, name), None) for name in job.recipe.pool]
    return make_distiller(job, make_student(job), teachers)


def _steps(job: Job, distiller: Distiller) -> Callable[[Any], object]:
    tally, number = Tally([t.name for t in distiller.teachers]), count()
    optimisers = optimisers_of(distiller.student, job.recipe.student)
    return lambda batch: taught_step(
        distiller, batch, TAUGHT, optimisers, tally, measure=next(number) % MEASURE_EVERY == 0
    )


def _passing(job: Job) -> Callable[[Any], object]:
    name = list(job.recipe.teachers)[-1]
    settings = job.recipe.teachers[name].model_copy(update={"encoder": "compgcn", "fanouts": (10,)})
    recipe = job.recipe.model_copy(update={"teachers": {name: settings}})
    model = make_teacher(replace(job, recipe=recipe), name)
    optimisers = optimisers_of(model, settings)
    return lambda batch: plain_step(model, batch, optimisers, settings)


def _sorted(mkg: MKG) -> None:
    """DGL sorts a graph by its targets when it is first sampled from."""
    BlockSampler(mkg, [1]).layers(torch.zeros(1, dtype=torch.long))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def _timed(owner: type, method: str, spent: Counter[str]) -> Iterator[None]:
    """What calls of the method take is added to `spent`."""
    real = getattr(owner, method)

    def timed(*arguments: Any) -> object:
        started = time.perf_counter()
        try:
            return real(*arguments)
        finally:
            spent[method] += time.perf_counter() - started

    with patch.object(owner, method, timed):
        yield


@contextmanager
def _empty_cache() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, DSOMGNN_CACHE=folder):
        yield


if __name__ == "__main__":
    sys.exit(main())
