"""The command: options, the data, the bouts, the files."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dsomgnn.data.triples import load_dataset
from dsomgnn.errors import DsomError
from dsomgnn.output import write_file, write_json
from dsomgnn.places import at_hand, find_dataset
from speed.contenders import BOUTS, Contender
from speed.figures import Score, scores, summary
from speed.machine import machine
from speed.render import markdown, picture
from speed.rounds import Length, Turn, bout, seated
from speed.trained import with_tables
from speed.work import Sizes, Work, synthetic

HERE = Path(__file__).parent.parent
SHARES = {"train": 0.38, "distil": 0.24, "rank": 0.26, "negatives": 0.12}  # of the time
WN18 = (40_943, 18, (141_442, 5_000, 5_000))
TOY = (300, 4, (1000, 50, 50))
TOY_SIZES = {"rank": 8, "batch": 32, "slow_queries": 16, "trained": 20}
FULL = ("wn18", "fb15k-237")


@dataclass(frozen=True)
class Course:
    """All turns on one data set, by bout."""

    work: Work
    turns: dict[str, list[Turn]]

    def scores(self) -> list[Score]:
        each = self.work.triples_per_query
        return [s for name, turns in self.turns.items() for s in scores(self.work.name, name, turns, each)]


def main(description: str | None = None, words: Sequence[str] | None = None) -> int:
    options = _parser(description).parse_args(words)
    try:
        _measure(options)
    except DsomError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", nargs="+", help="data sets, by name or path [default: wn18, or random triples as many]"
    )
    parser.add_argument("--bouts", nargs="+", choices=list(BOUTS), default=list(BOUTS))
    parser.add_argument("--minutes", type=float, default=10.0, help="for each data set, more or less [default: 10]")
    parser.add_argument("--rounds", type=int, help="of each bout, however long they take")
    parser.add_argument("--full", action="store_true", help=f"{' and '.join(FULL)}, 9 rounds")
    parser.add_argument("--toy", action="store_true", help="a tiny graph and no peers: to see that it runs")
    parser.add_argument("--rank", type=int, default=200)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", metavar="FILE", help='the figures of the first data set, "-" for stdout')
    parser.add_argument("--out", type=Path, default=HERE, help="where SPEED.md, speed.svg, results/ go")
    return parser


def _measure(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    missing = _missing()
    for package in missing:
        _say(f"{package} is not installed and left out: pip install 'dsomgnn[bench]'")
    courses = [_course(work, options) for work in _works(options)]
    result = _result(courses[0], options, missing)
    found = [score for course in courses for score in course.scores()]
    _write(options.out, result, found)
    if options.json:
        write_json(result, options.json)
    else:
        print(markdown(result, found, "speed.svg"))


def _missing() -> list[str]:
    missing = [c.package for contenders in BOUTS.values() for c in contenders if c.package and not _at_hand(c)]
    return list(dict.fromkeys(missing))


def _works(options: argparse.Namespace) -> list[Work]:
    sizes = Sizes(rank=options.rank, batch=options.batch, threads=options.threads)
    if options.toy:
        return [_random("toy", *TOY, replace(sizes, **TOY_SIZES))]
    names = options.data or (FULL if options.full else ("wn18",))
    if not options.data and at_hand("wn18", Path()) is None:
        _say("wn18 is not at hand (see `dsomgnn data get wn18`): random triples in its place, which no model can learn")
        return [_random("random triples", *WN18, sizes)]
    return [_real(find_dataset(name, Path()), sizes) for name in names]


def _real(folder: Path, sizes: Sizes) -> Work:
    data = load_dataset(folder)
    splits = [data.split(name).numpy() for name in ("train", "valid", "test")]
    return _work(folder.name, data.num_entities, data.num_relations, splits, sizes)


def _random(name: str, entities: int, relations: int, counts: tuple[int, int, int], sizes: Sizes) -> Work:
    return _work(name, entities, relations, synthetic(entities, relations, counts), sizes)


def _work(name: str, entities: int, relations: int, splits: Sequence[np.ndarray], sizes: Sizes) -> Work:
    none = np.empty(0, dtype=np.float32)
    _say(f"{name}: training the model that is ranked, {sizes.trained} steps")
    return with_tables(Work(name, entities, relations, sizes, *splits, none, none))


def _course(work: Work, options: argparse.Namespace) -> Course:
    turns = {}
    rounds = options.rounds or (9 if options.full else 2 if options.toy else None)
    left, share_left = 60 * options.minutes, sum(SHARES[name] for name in options.bouts)
    with tempfile.TemporaryDirectory() as folder:
        work.save(Path(folder))
        for name in options.bouts:
            started = time.monotonic()
            _say(f"{work.name}: {name}")
            length = Length(rounds, left * SHARES[name] / share_left)
            players = _toys(BOUTS[name]) if options.toy else [c for c in BOUTS[name] if _at_hand(c)]
            with seated(players, Path(folder), work.sizes.threads) as seats:
                turns[name] = bout(players, seats, length, _say)
            left, share_left = left - (time.monotonic() - started), share_left - SHARES[name]
    return Course(work, turns)


def _at_hand(contender: Contender) -> bool:
    return contender.package is None or find_spec(contender.package) is not None


def _toys(contenders: Sequence[Contender]) -> list[Contender]:
    """Those without a package, all in one seat, which starts faster."""
    return [replace(c, seat="toy") for c in contenders if c.package is None]


def _result(course: Course, options: argparse.Namespace, missing: list[str]) -> dict[str, Any]:
    sizes = course.work.sizes
    figures = summary(course.turns, course.work.triples_per_query)
    about = {"data": course.work.name, "rank": sizes.rank, "batch": sizes.batch, "threads": sizes.threads}
    return {**about, **figures, "left_out": missing, "machine": machine()}


def _write(out: Path, result: dict[str, Any], found: list[Score]) -> None:
    (out / "results").mkdir(parents=True, exist_ok=True)
    about = {key: result[key] for key in ("rank", "batch", "threads", "machine")}
    lines = [json.dumps({**asdict(score), **about}) for score in found]
    write_file("".join(f"{line}\n" for line in lines), str(out / "results" / "speed.jsonl"), "--out")
    write_file(picture(found), str(out / "speed.svg"), "--out")
    write_file(markdown(result, found, "speed.svg"), str(out / "SPEED.md"), "--out")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
