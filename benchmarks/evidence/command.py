"""The command: options, the trials that are not on record, their tests, the files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dsomgnn.errors import DsomError, RecipeError, nearest
from dsomgnn.output import write_file, write_json
from evidence.plan import HERE, MAIN, Suite, pairs, suites, trials, variants
from evidence.records import RUN, Records, folders
from evidence.render import figures, headlines, markdown
from evidence.runs import CommandError, paired_test, run

README, MARKS = HERE.parent / "README.md", ("<!-- evidence -->", "<!-- end evidence -->")


def main(description: str | None = None, words: Sequence[str] | None = None) -> int:
    options = _parser(description).parse_args(words)
    try:
        known = suites(options.suites)
        for name in options.dataset:
            if name not in known:
                raise RecipeError(f"--dataset {name}: not in {options.suites.name}.{nearest(name, known)}")
            measure(known[name], Records.read(known[name], options.out), options)
        if options.render or options.json:
            _render(known, options)
    except (DsomError, CommandError) as error:
        print(f"error: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    return 0


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--suites", type=Path, default=HERE / "evidence.toml", help="[default: %(default)s]")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--ranks", type=int, nargs="+", help="of the student [default: the headline's]")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--variants", nargs="+", metavar="NAME", help=f"[default: {', '.join(MAIN)}, the headline's]")
    chosen.add_argument("--controls", action="store_true", help="every variant")
    parser.add_argument("--runs", type=Path, default=Path("runs/evidence"), help="[default: %(default)s]")
    parser.add_argument("--out", type=Path, default=HERE, help="where results/ and EVIDENCE.md go")
    parser.add_argument("--plan", action="store_true", help="only say what would be run")
    parser.add_argument("--render", action="store_true", help="write EVIDENCE.md, and the README's table")
    parser.add_argument("--json", metavar="FILE", help='the headlines as one object, "-" for stdout')
    return parser


def measure(suite: Suite, records: Records, options: argparse.Namespace) -> None:
    """What is not on record yet, and the tests of it."""
    known, ranks = variants(suite), options.ranks or [suite.rank]
    names = list(known) if options.controls else options.variants or list(dict.fromkeys([*MAIN, suite.headline]))
    for name in names:
        if name not in known:
            raise RecipeError(f'--variants "{name}": {suite.dataset} has no such variant.{nearest(name, known)}')
    for trial in trials(suite, names, ranks, options.seeds):
        if records.find({"kind": RUN, **trial.key}):
            continue
        told = f"{suite.dataset}, {trial.variant}, rank {trial.rank}, seed {trial.seed}"
        if options.plan:
            print(f"{told}: {' '.join(trial.changes)}")
            continue
        line = run(trial, options.runs)
        records.add(line)
        print(f"{told}: valid {line['valid_mrr']:.4f} test {line['mrr']:.4f}, {line['seconds']:.0f} s", file=sys.stderr)
    if not options.plan:
        _test(suite, records, names, ranks, options.runs)


def _test(suite: Suite, records: Records, names: Sequence[str], ranks: Sequence[int], runs: Path) -> None:
    for one, other in pairs(suite, names, ranks):
        sides = records.runs(*one), records.runs(*other)
        seeds = [[line["seed"] for line in side] for side in sides]
        at_hand = all((runs / folder).exists() for side in sides for folder in folders(side))
        test = records.test(one, other)
        if seeds[0] and seeds[0] == seeds[1] and at_hand and not (test and records.of_the_table(test)):
            made = paired_test(*sides, runs)
            if not test or records.of_the_table(made):
                records.add(made)


def _refresh(page: Path, table: str) -> None:
    """Put the table between the marks of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    write_file(f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{after}", str(page), "--out")


def _render(known: dict[str, Suite], options: argparse.Namespace) -> None:
    records = {name: Records.read(suite, options.out) for name, suite in known.items()}
    if options.render:
        options.out.mkdir(parents=True, exist_ok=True)
        write_file(markdown(records, known), str(options.out / "EVIDENCE.md"), "--out")
        if options.out == HERE:
            _refresh(README, headlines(records, known))
    if options.json:
        found = {name: figures(records[name], suite) for name, suite in known.items()}
        write_json({name: told for name, told in found.items() if told}, options.json)
