"""`dsomgnn sweep`: search settings by validation MRR, with Optuna; the test split is never ranked.

study.db (Optuna's)  teachers/DIGEST and trials/N (runs; of the trials only the best keeps its models)
best.toml  trials.csv  sensitivity.html
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState
from rich.table import Table

from dsomgnn.build import Job, build
from dsomgnn.errors import INTERRUPTED, DsomError, RecipeError
from dsomgnn.fit import fit, fit_teachers
from dsomgnn.output import new_table, show
from dsomgnn.progress import Progress
from dsomgnn.recipe import load_recipe
from dsomgnn.report.curves import Curves, read_curves
from dsomgnn.run import Run
from dsomgnn.sweep.files import write_best, write_trials
from dsomgnn.sweep.page import write_page
from dsomgnn.sweep.space import as_changes, short, space_of
from dsomgnn.sweep.study import Study, number_of, open_study
from dsomgnn.taken import teacher_key

SHOWN = 10  # trials in the table


@dataclass(frozen=True)
class Sweep:
    """A recipe that is tried with one set of settings after another, `total` times in all."""

    path: Path
    changes: list[str]
    total: int
    study: Study
    progress: Progress

    def go(self) -> None:
        """Trials until there are enough. Raises whatever a recipe, its data or its encoders raise in `fit`."""
        self._show()
        try:
            while len(self.study.ended()) < self.total:
                trial = self._try(self.study.ask())
                self._tell(trial)
                _drop_models(self.study)
                write_trials(self.study)
        finally:
            self.progress.stop()

    def _show(self) -> None:
        self.progress.start("trials", self.total, len(self.study.ended()))

    def _try(self, trial: Trial) -> FrozenTrial:
        tell = partial(self.study.optuna.tell, trial)
        try:
            return tell(self._valid_mrr(trial))
        except optuna.TrialPruned:
            return tell(state=TrialState.PRUNED)
        except DsomError as error:
            if type(error) not in (DsomError, RecipeError):  # else diverged, or settings that do not go together
                raise
            self.progress.say(f"trial {number_of(trial)} failed: {error}", "yellow")
            return tell(state=TrialState.FAIL)

    def _valid_mrr(self, trial: Trial) -> float:
        job = build(load_recipe(self.path, [*self.changes, *as_changes(trial.params)]), self.path.parent)
        run = _begun(self.study.run_of(trial))
        _follow(trial, run)
        record = fit(job, run, teachers_of=self._teachers(job))
        return record["phases"]["student"]["valid_mrr"]

    def _teachers(self, job: Job) -> list[Path]:
        """The run that holds the job's teachers, if any: they are trained now where no trial needed them before."""
        keys = [teacher_key(job, name) for name in job.recipe.pool]
        if not keys:
            return []
        run = _begun(self.study.folder / "teachers" / hashlib.sha256("\n".join(keys).encode()).hexdigest()[:12])
        if not run.path.exists() or any(name not in run.record()["phases"] for name in job.recipe.pool):
            self.progress.stop()
            fit_teachers(job, run, self.progress)
            self._show()
        return [run.path]

    def _tell(self, trial: FrozenTrial) -> None:
        best = next(iter(self.study.complete()), None)
        if trial.state == TrialState.PRUNED:
            self.progress.say(f"trial {number_of(trial)} pruned after epoch {trial.last_step}")
        elif best is not None and number_of(trial) == number_of(best):
            settings = ", ".join(f"{key} = {short(trial.params[key])}" for key in self.study.space)
            self.progress.say(f"trial {number_of(trial)} is the best so far: {settings}")
        figures = {"valid_mrr": trial.value, "best": best and best.value}
        self.progress.epoch(len(self.study.ended()), {k: v for k, v in figures.items() if v is not None})


def _begun(path: Path) -> Run:
    """The run in a folder, which is emptied where a stop came before its record."""
    if not (path / "record.json").exists():
        shutil.rmtree(path, ignore_errors=True)
    return Run(path)


def _follow(trial: Trial, run: Run) -> None:
    """Tell the study every validation of the student, once, those before a stop included.

    What the run logs from now on raises TrialPruned where the other trials were better by then.
    """
    told = set()

    def tell(epoch: int, mrr: float) -> None:
        if epoch not in told:
            told.add(epoch)
            trial.report(mrr, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

    def hear(event: Mapping[str, Any]) -> None:
        if event["event"] == "epoch" and event["phase"] == "student" and "valid_mrr" in event:
            tell(event["epoch"], event["valid_mrr"])

    for epoch, mrr in read_curves(run.path).get("student", Curves()).valid_mrr:
        tell(int(epoch), mrr)
    run.listeners.append(hear)


def _drop_models(study: Study) -> None:
    best = [study.run_of(trial) for trial in study.complete()[:1]]
    for run in {study.run_of(trial) for trial in study.ended()} - set(best):
        shutil.rmtree(run / "teachers", ignore_errors=True)
        for file in run.glob("*.safetensors"):
            file.unlink()


def sweep_command(path: Path, changes: list[str], trials: int, folder: Path | None) -> None:
    folder, progress = folder or Path("runs") / f"{path.stem}-sweep", Progress()
    recipe, space = load_recipe(path, changes), space_of(path, changes)
    data = build(recipe, path.parent).dataset
    with open_study(folder, recipe, space, data.sha256) as study:
        progress.say(f"sweep folder: {folder}\nsearched: {', '.join(space)}")
        try:
            Sweep(path, changes, trials, study, progress).go()
        except KeyboardInterrupt:
            _write(study, path, changes)
            progress.say(f"\nstopped; {len(study.ended())} trials are kept. The same command goes on.", "yellow")
            sys.exit(INTERRUPTED)
        _write(study, path, changes)
        if not study.complete():
            raise RecipeError(f"{folder}: none of {len(study.ended())} trials came to its end")
        show(best_table(study))
        best = study.run_of(study.complete()[0])
        print(f"\nwritten: {folder}/best.toml, trials.csv, sensitivity.html\nNext: dsomgnn rank {best}")


def _write(study: Study, path: Path, changes: list[str]) -> None:
    write_trials(study)
    if best := study.complete()[:1]:
        write_best(study, load_recipe(path, [*changes, *as_changes(best[0].params)]), path)
        write_page(study, path.name)


def best_table(study: Study) -> Table:
    """The best trials with their settings."""
    ended, complete = study.ended(), study.complete()
    table = new_table(f"the best of {len(ended)} trials, {len(complete)} of them complete")
    for title in ("trial", "valid MRR", *study.space):
        table.add_column(title.replace(".", ".\n"), justify="right")
    for trial in complete[:SHOWN]:
        table.add_row(str(number_of(trial)), f"{trial.value:.4f}", *(short(trial.params[key]) for key in study.space))
    return table
