"""A trial through the command line: fit, or go on with what was stopped, and rank."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from evidence.plan import Trial
from evidence.records import RUN, TEST, folders

UNSEEN = "an entity unseen"


class CommandError(Exception):
    """A command that ended with an error; the message is its own."""


def dsomgnn(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "dsomgnn", *words], capture_output=True, text=True)
    if done.returncode:
        raise CommandError(f"dsomgnn {' '.join(words)}\n{done.stderr[-2000:]}")
    return done.stdout


def run(trial: Trial, runs: Path) -> dict[str, Any]:
    """The line of a trial, whose run lies under `runs`; raises CommandError."""
    folder = runs / trial.folder
    if not (folder / "record.json").exists():
        _fit(trial, folder, runs)
    elif not _record(folder)["finished"]:
        dsomgnn("fit", "--resume", str(folder))
    return {"kind": RUN, **trial.key, "set": list(trial.changes), "run": trial.folder, **_figures(folder)}


def _fit(trial: Trial, folder: Path, runs: Path) -> None:
    """Its teachers are taken over from a run of the same data set wherever they would come out the same."""
    sets = [word for change in (*trial.changes, f"seed={trial.seed}") for word in ("--set", change)]
    words = ["fit", str(trial.suite.recipe), "--run", str(folder), *sets]
    others = _finished(runs / trial.suite.dataset, trial.seed)
    try:
        dsomgnn(*words, *(word for other in others for word in ("--teachers", str(other))))
    except CommandError as error:
        if "error: --teachers" not in str(error):
            raise
        dsomgnn(*words)


def _finished(folder: Path, seed: int) -> list[Path]:
    """Runs of this seed with teachers, one for each pool that was trained."""
    pools: dict[str, Path] = {}
    for file in sorted(folder.glob("*/record.json")):
        record = json.loads(file.read_text())
        if record["finished"] and record["seed"] == seed and record["teachers"]:
            pools.setdefault(json.dumps(record["teachers"], sort_keys=True), file.parent)
    return list(pools.values())


def _figures(folder: Path) -> dict[str, Any]:
    record = _record(folder)
    told = json.loads(dsomgnn("rank", str(folder), "--model", "all", "--json", "-", "--no-report"))
    models = told["models"]
    student, phase = models["student"], record["phases"]["student"]
    return {
        "valid_mrr": phase["valid_mrr"],
        **{k: student["both"][k] for k in ("mrr", "hits@1", "hits@3", "hits@10", "n")},
        "unseen": _unseen(student),
        "teachers": {
            name.removeprefix("teacher:"): {"mrr": model["both"]["mrr"], "unseen": _unseen(model)}
            for name, model in models.items()
            if name != "student"
        },
        "split": "test",
        "ties": told["ties"],
        "modalities": {name: found["present"] / found["entities"] for name, found in record["modalities"].items()},
        "epochs": phase["epochs"],
        "best_epoch": phase["best_epoch"],
        "student_seconds": phase["seconds"],
        "seconds": record["seconds"],
        "device": record["device"],
        "threads": record["threads"],
        "products": record.get("products", {}).get("student"),
        "torch": record["versions"]["torch"],
        "commit": record["git_commit"],
    }


def _unseen(model: dict[str, Any]) -> dict[str, float] | None:
    """MRR on the queries with an entity that training never saw, and their number."""
    found = (model.get("slices") or {}).get(UNSEEN)
    return found and {"mrr": found["mrr"], "n": found["n"]}


def paired_test(one: list[dict[str, Any]], other: list[dict[str, Any]], runs: Path) -> dict[str, Any]:
    """The line of a paired test between the runs of two variants, with the same seeds; raises CommandError."""
    sides = [",".join(str(runs / folder) for folder in folders(side)) for side in (one, other)]
    compared = json.loads(dsomgnn("compare", *sides, "--json", "-"))
    comparison = compared["comparisons"][0]
    names = [[side[0]["variant"], side[0]["rank"]] for side in (one, other)]
    return {
        "kind": TEST,
        "dataset": one[0]["dataset"],
        "baseline": names[0],
        "other": names[1],
        "seeds": [line["seed"] for line in one],
        "runs": [folders(side) for side in (one, other)],
        "triples": compared["triples"],
        "resamples": compared["resamples"],
        "slices": {name: found["mrr"] for name, found in comparison["slices"].items()},
    }


def _record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "record.json").read_text())
