"""What a sweep leaves to read: best.toml and trials.csv."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from dsomgnn.build import plugins
from dsomgnn.places import at_hand
from dsomgnn.run import Run
from dsomgnn.settings import Recipe
from dsomgnn.sweep.space import word
from dsomgnn.sweep.study import Study, number_of

STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


def write_trials(study: Study) -> None:
    """trials.csv: a line per trial, with its settings, best validation MRR and the run folder it left."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["trial", "state", "valid_mrr", *study.space, "best_epoch", "epochs", "seconds", "run"])
    for trial in study.ended():
        found = trial.intermediate_values
        best, last = (max(found, key=lambda epoch: found[epoch]), max(found)) if found else ("", "")
        seconds = trial.duration.total_seconds() if trial.duration else 0.0
        settings = [word(trial.params[key]) for key in study.space]
        mrr, place = best_seen(trial), study.run_of(trial).relative_to(study.folder)
        shown = "" if mrr is None else f"{mrr:.6f}"
        table.writerow([number_of(trial), STATES[trial.state], shown, *settings, best, last, f"{seconds:.1f}", place])
    Run(study.folder).write_text("trials.csv", out.getvalue())


def best_seen(trial: FrozenTrial) -> float | None:
    """The best validation MRR of a trial, whether it came to its end or not."""
    return max([*trial.intermediate_values.values(), *([] if trial.value is None else [trial.value])], default=None)


def write_best(study: Study, recipe: Recipe, origin: Path) -> None:
    """best.toml: the recipe with the best trial's settings; it finds its data set and encoders from where it lies."""
    best = study.complete()[0]
    name, data = recipe.data.name, at_hand(recipe.data.name, origin.parent)
    if data is not None and at_hand(name, study.folder) != data:
        name = str(data.resolve())
    resolved = recipe.model_copy(update={"data": recipe.data.model_copy(update={"name": name}), "sweep": {}})
    found = f"validation MRR {best.value:.4f} (trial {number_of(best)})"
    head = f"# {origin.name}, the best of {len(study.ended())} trials of dsomgnn sweep: {found}.\n"
    Run(study.folder).write_recipe(resolved, plugins(recipe, origin.parent), "best.toml", head)
