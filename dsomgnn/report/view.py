"""From report and record to what each section of the page shows; a section with nothing to show is None."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from dsomgnn.auditing import CHECKS
from dsomgnn.data.triples import Vocabulary
from dsomgnn.report.curves import NO_TEACHER, Curves
from dsomgnn.report.plots import COLOURS, Points, Value, bars, estimates, lines, reliability

HEADLINES = {"mrr": "MRR", "hits@1": "Hits@1", "hits@3": "Hits@3", "hits@10": "Hits@10"}
MEANINGS = {
    "repeated": "each counts again in the figures",
    "in_train": "the answer was trained on: figures are too high",
    "in_valid": "models are selected on what they are tested on",
    "in_test": "models are selected on what they are tested on",
    "reversed_in_train": "whoever has learnt the inverse knows the answer",
    "pair_in_train": "that the two belong together is known, if not how",
    "text_names_tail": "a teacher that reads texts can copy the answer",
    "text_names_head": "a teacher that reads texts can copy the answer",
    "unseen_entity": "nothing but a modality tells of the entity",
    "unseen_relation": "nothing is learnt of the relation: its ranks are chance",
    "self_loop": "head and tail are the same entity",
}
ORDERS = {"best": "Sure and right", "mistakes": "Sure and wrong", "worst": "Ranked worst"}


def colours(report: Mapping[str, Any]) -> dict[str, int]:
    """One colour per model all through the page; a teacher has it by its bare name too."""
    places = {name: place % COLOURS for place, name in enumerate(report["models"])}
    bare = {name.removeprefix("teacher:"): place for name, place in places.items()}
    return {**places, **bare, NO_TEACHER: COLOURS - 1}


def models(report: Mapping[str, Any]) -> dict[str, Any]:
    """A row per model, and plots of MRR and of its differences from the first."""
    marks, found = colours(report), report["models"]
    first = next(iter(found))
    level = [_value(name, [m["both"]["mrr"], *m["intervals"]["mrr"]], marks[name]) for name, m in found.items()]
    gaps = [_value(name, m["difference"]["mrr"], marks[name]) for name, m in found.items() if "difference" in m]
    return {
        "first": first,
        "rows": {name: {**m, "verdict": _verdict(m.get("difference"))} for name, m in found.items()},
        "plot": estimates(level, "MRR of each model, with intervals", found[first]["both"]["mrr"]),
        "gaps": estimates(gaps, f"MRR less that of {first}, with intervals", 0.0, "+") if gaps else None,
    }


def _value(label: str, ends: Sequence[float], colour: int) -> Value:
    """From a value, the low and the high end of its interval."""
    value, low, high = ends
    return Value(label, value, low, high, colour)


def _verdict(difference: Mapping[str, Sequence[float]] | None) -> str:
    """What a paired difference of MRR says."""
    if difference is None:
        return ""
    _, low, high = difference["mrr"]
    return "higher" if low > 0 else "lower" if high < 0 else "cannot be told apart"


def slices(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Per group, rows of (slice, queries, MRR per model), and bars of the first model, all on one scale."""
    found = {name: m["slices"] for name, m in report["models"].items()}
    first = next(iter(found.values()))
    groups: dict[str, list[tuple[str, int, list[float]]]] = defaultdict(list)
    values: dict[str, list[Value]] = defaultdict(list)
    for key, own in first.items():
        group, _, name = key.partition(": ")
        groups[group].append((name, own["n"], [each[key]["mrr"] for each in found.values()]))
        values[group].append(_value(f"{name} ({own['n']:,})", [own["mrr"], *own["interval"]], 0))
    top = max((value.ends[1] for rows in values.values() for value in rows), default=1.0)
    plots = {group: bars(rows, f"MRR by {group}", top) for group, rows in values.items()}
    return {"groups": groups, "plots": plots, "models": list(found)} if groups else None


def relations(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Per relation its name, class, counts and the MRR of each model, those with most queries first."""
    found = [m["relations"] for m in report["models"].values()]
    rows = [
        {"id": r, **about, "n": found[0][r]["n"], "mrr": [each[r]["mrr"] for each in found]}
        for r, about in report["relations"].items()
    ]
    return sorted(rows, key=lambda row: (-row["n"], row["id"]))


def training(phases: Mapping[str, Curves], marks: Mapping[str, int]) -> list[dict[str, Any]]:
    """Plots of validation MRR, of the teachers' losses and of the parts of the student's."""
    valid = {name: curves.valid_mrr for name, curves in phases.items() if curves.valid_mrr}
    teachers = {name: curves.loss["loss"] for name, curves in phases.items() if name != "student"}
    student = phases["student"].loss if "student" in phases else {}
    plots: tuple[tuple[str, Mapping[str, Points], Mapping[str, int]], ...] = (
        ("Validation MRR by epoch", valid, marks),
        ("Loss of each teacher by epoch", {name: part for name, part in teachers.items() if part}, marks),
        ("Loss of the student by epoch, and its parts", student, {}),
    )
    return [
        {"title": title, "series": series, "plot": lines(series, title, own), "marks": own}
        for title, series, own in plots
        if series
    ]


def agent(
    report: Mapping[str, Any],
    record: Mapping[str, Any],
    phases: Mapping[str, Curves],
    marks: Mapping[str, int],
    relations: Vocabulary,
) -> dict[str, Any] | None:
    """What was chosen: over training, per relation, per kind of entity, and on the split."""
    choices = record["phases"].get("student", {}).get("choices") or {}
    share = phases["student"].share if "student" in phases else {}
    chosen = report.get("chosen", {})
    if "overall" not in chosen:  # a report of an earlier version
        chosen = {}
    if not choices and not chosen:
        return None
    names = dict(zip(relations.ids, relations.names, strict=True))
    return {
        "words": names | {f"inverse:{relation}": f"inverse: {name}" for relation, name in names.items()},
        "plot": lines(share, "share of training triples taught by each teacher", marks) if share else None,
        "share": share,
        "teachers": list(choices.get("overall") or chosen["overall"]),
        "choices": choices,
        "chosen": chosen,
    }


def calibration(report: Mapping[str, Any]) -> dict[str, Any] | None:
    found = report.get("calibration")
    if not found:
        return None
    titles = {"filtered": "other known answers left out", "all": "all entities compete"}
    plots = {key: reliability(found[key]["bins"], f"reliability, {title}") for key, title in titles.items()}
    return {**found, "titles": titles, "plots": plots}


def missing(report: Mapping[str, Any], marks: Mapping[str, int]) -> dict[str, Any] | None:
    """MRR of each model by what was taken away; a plot where one modality alone was, for different shares."""
    measured = report.get("robustness") or []
    if not measured:
        return None
    names = list(dict.fromkeys(name for entry in measured for name in entry["models"]))
    whole = {name: report["models"][name]["both"]["mrr"] for name in names if name in report["models"]}
    rows = [("nothing", whole), *((_removed(entry["drop"]), entry["models"]) for entry in measured)]
    series = _by_share(measured, whole)
    plots = {m: lines(s, f"MRR without {m}", marks, "share removed") for m, s in series.items()}
    return {"names": names, "rows": rows, "plots": plots, "series": series}


def _removed(drop: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in drop.items())


def _by_share(measured: Sequence[Mapping[str, Any]], whole: Mapping[str, float]) -> dict[str, dict[str, list]]:
    """By modality and model, points (share removed, MRR) of the entries that took this modality alone."""
    series: dict[str, dict[str, list]] = {}
    for entry in sorted(measured, key=lambda entry: sum(entry["drop"].values())):
        if len(entry["drop"]) == 1:
            [(modality, share)] = entry["drop"].items()
            for name in entry["models"].keys() & whole.keys():
                start = series.setdefault(modality, {}).setdefault(name, [(0.0, whole[name])])
                start.append((share, entry["models"][name]))
    return {modality: {name: parts[name] for name in whole if name in parts} for modality, parts in series.items()}


def audit(record: Mapping[str, Any], split: str) -> dict[str, Any]:
    """Warnings, and per check that found something in the split, its rows and what they mean."""
    found = (record["data"].get("audit") or {}).get("splits", {}).get(split, {})
    rows = [
        (CHECKS[check], n, n / found["rows"], MEANINGS[check]) for check, n in found.items() if check in MEANINGS and n
    ]
    return {"warnings": record["data"].get("warnings", []), "rows": rows}


def example_entities(report: Mapping[str, Any]) -> list[str]:
    """Entities of the examples, those given and asked for first."""
    rows = [row for title in ORDERS for row in report.get("examples", {}).get(title, [])]
    return [row[key] for row in rows for key in ("given", "answer")] + [row["best"][0]["entity"] for row in rows]


def legend(names: Sequence[str], marks: Mapping[str, int]) -> Markup:
    """Names with their colours, for a plot of several lines."""
    items = [
        Markup('<li class="c{}">{}</li>').format(marks.get(name, place) % COLOURS, name)
        for place, name in enumerate(names)
    ]
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items)) if len(names) > 1 else Markup("")
