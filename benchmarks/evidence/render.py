"""EVIDENCE.md and the figures as one object, both from recorded lines alone."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from evidence.plan import BASELINE, Suite
from evidence.records import RUN, Records

INTRO = """\
# Evidence

Made by `python benchmarks/evidence.py --render` from the lines in `results/`, one per run. Student: ComplEx with N3.
Models are selected on validation data; the figures are of the test split, filtered, both directions, ties realistic,
MRR and Hits times 100: mean over seeds, and the standard deviation of MRR. *Gain* is against the baseline, the same
student without teachers, tuned apart, of the same rank and with the same seeds; its interval (95 %) and p come from a
paired bootstrap over test triples of the means over seeds, and in brackets stands Student's t interval over the pairs
of seeds. *Unseen*: MRR on the test queries with an entity that training never saw, and who of the teachers is best
there. Students begin with random vectors but where *begun as a teacher* stands (`distill.begin`)."""
ENSEMBLE = "ensemble"  # stands beside the teachers in a record
MARK = "†"
ELSEWHERE = f"{MARK} of runs of the same settings on another processor: they differ from those of the table a little."
COLUMNS = "variant | rank | seeds | valid MRR | test MRR | sd | Hits@1 | Hits@10 | gain | p | unseen | s"


def markdown(records: dict[str, Records], suites: dict[str, Suite]) -> str:
    told = {name: suite for name, suite in suites.items() if records[name].kinds}
    sections = [section(records[name], suite) for name, suite in told.items()]
    return "\n\n".join([INTRO, headlines(records, suites), *sections]) + "\n"


def headlines(records: dict[str, Records], suites: dict[str, Suite]) -> str:
    """The table that the README shows: baseline and method at the headline's rank."""
    head = ["data", "rank", "seeds", "baseline", "distilled", "gain", "p"]
    head += [f"unseen, {who}" for who in ("baseline", "distilled", "best teacher")]
    rows = [_headline(records[name], suite) for name, suite in suites.items() if figures(records[name], suite)]
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *rows])


def _headline(records: Records, suite: Suite) -> str:
    found = figures(records, suite)
    assert found
    sides = _sides(records, suite)
    unseen = [*map(_unseen, sides), _best_teacher(sides[1])]
    test = records.test((BASELINE, suite.rank), (suite.headline, suite.rank))
    spread = found["seeds"] > 1
    means = [
        _hundredfold(own["mrr"]) + (f" ± {_hundredfold(own['std'])}" if spread else "")
        for own in (found["baseline"], found["distilled"])
    ]
    gain = _gain(records, test) if test else f"{100 * (found['distilled']['mrr'] - found['baseline']['mrr']):+.2f}"
    p = "" if found["p"] is None else f"{found['p']:.3f}"
    return f"| {' | '.join([suite.dataset, str(suite.rank), str(found['seeds']), *means, gain, p, *unseen])} |"


def _unseen(runs: Sequence[dict[str, Any]]) -> str:
    found = [run["unseen"]["mrr"] for run in runs if run["unseen"]]
    return _hundredfold(fmean(found)) if found else ""


def _best_teacher(runs: Sequence[dict[str, Any]]) -> str:
    """The greatest mean over runs of a teacher's MRR on the unseen."""
    own = [[run["teachers"][name].get("unseen") for run in runs] for name in runs[0]["teachers"] if name != ENSEMBLE]
    return _hundredfold(max(fmean(one["mrr"] for one in found) for found in own)) if own and all(own[0]) else ""


def section(records: Records, suite: Suite) -> str:
    kinds = sorted(records.kinds, key=lambda kind: (kind[1] != suite.rank, -kind[1]))
    own = [run["run"] for kind in kinds for run in records.runs(*kind)]
    runs = [line for line in records.lines if line["kind"] == RUN and line["run"] in own]
    head = [f"| {COLUMNS} |", "|" + "---|" * (COLUMNS.count("|") + 1)]
    rows = [_row(records, *kind) for kind in kinds]
    about = _about(runs, records.runs(suite.headline, suite.rank))
    told = "\n".join([f"## {suite.dataset}", "", about, "", *head, *rows, *_tests(records)])
    return f"{told}\n\n{ELSEWHERE}" if MARK in told else told


def figures(records: Records, suite: Suite) -> dict[str, Any] | None:
    """{"baseline": ..., "distilled": ..., "rank", "seeds", "p"} of the headline; None where a side has no run."""
    baseline, distilled = _sides(records, suite)
    if not baseline:
        return None
    test = records.test((BASELINE, suite.rank), (suite.headline, suite.rank))
    about = {"rank": suite.rank, "seeds": len(baseline), "p": test and test["slices"]["all"]["p"]}
    return {"baseline": _means(baseline), "distilled": _means(distilled), **about}


def _sides(records: Records, suite: Suite) -> list[list[dict[str, Any]]]:
    """The runs of baseline and headline, with the seeds that both have."""
    sides = [records.runs(name, suite.rank) for name in (BASELINE, suite.headline)]
    seeds = set.intersection(*({run["seed"] for run in side} for side in sides))
    return [[run for run in side if run["seed"] in seeds] for side in sides]


def _about(runs: Sequence[dict[str, Any]], taught: Sequence[dict[str, Any]]) -> str:
    most: dict[str, float] = {}
    for run in runs:
        most |= {name: max(share, most.get(name, 0)) for name, share in run["modalities"].items()}
    used = [f"{name} ({share:.0%} of entities)" for name, share in most.items()]
    names = taught[0]["teachers"] if taught else ()
    teachers = ", ".join(f"{n} {100 * fmean(run['teachers'][n]['mrr'] for run in taught):.1f}" for n in names)
    last = runs[-1]
    made = (
        f"{last['device']}, {last['threads']} threads, torch {last['torch']}, commit {(last['commit'] or 'none')[:8]}"
    )
    modalities = ", ".join(used) or "none"
    return f"Modalities: {modalities}. Teachers, test MRR: {teachers or 'none'}. The last run: {made}."


def _means(runs: Sequence[dict[str, Any]]) -> dict[str, float]:
    spread = stdev(run["mrr"] for run in runs) if len(runs) > 1 else 0.0
    return {**{k: fmean(run[k] for run in runs) for k in ("mrr", "hits@1", "hits@10")}, "std": spread}


def _row(records: Records, variant: str, rank: int) -> str:
    runs = records.runs(variant, rank)
    means = _means(runs)
    test = records.test((BASELINE, rank), (variant, rank))
    cells = [
        variant,
        rank,
        len(runs),
        _hundredfold(fmean(run["valid_mrr"] for run in runs)),
        _hundredfold(means["mrr"]),
        _hundredfold(means["std"]) if len(runs) > 1 else "",
        _hundredfold(means["hits@1"]),
        _hundredfold(means["hits@10"]),
        _gain(records, test) if test else "",
        f"{test['slices']['all']['p']:.3f}" if test else "",
        _unseen(runs),
        round(fmean(run["student_seconds"] for run in runs)),
    ]
    return f"| {' | '.join(map(str, cells))} |"


def _gain(records: Records, test: dict[str, Any]) -> str:
    found, mark = test["slices"]["all"], "" if records.of_the_table(test) else MARK
    told = f"{100 * found['difference']:+.2f}{mark} {_span(found)}"
    return f"{told} ({_span(found['seeds'])})" if found["seeds"] else told


def _span(found: dict[str, Any]) -> str:
    return f"[{100 * found['low']:+.2f}, {100 * found['high']:+.2f}]"


def _hundredfold(value: float) -> str:
    return f"{100 * value:.2f}"


def _tests(records: Records) -> list[str]:
    """What else is claimed than a gain over the baseline of the same rank."""
    found = []
    for line in records.lines:
        one, other = line.get("baseline"), line.get("other")
        if line["kind"] != RUN and (one[0] != BASELINE or one[1] != other[1]):
            current = records.test(tuple(one), tuple(other))
            if current is line:
                gain, p = _gain(records, line), line["slices"]["all"]["p"]
                found.append(f"- {_side(other)} against {_side(one)}: {gain}, p {p:.3f}")
    return ["", *found] if found else []


def _side(side: Sequence[Any]) -> str:
    return f"{side[0]} (rank {side[1]})"
