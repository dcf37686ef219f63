"""The study of a sweep in its folder: what was tried, what is to be taken up again, and who may add to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.pruners import BasePruner, MedianPruner
from optuna.trial import FrozenTrial, Trial, TrialState

from dsomgnn.alone import alone
from dsomgnn.distill.distiller import Stages
from dsomgnn.errors import CheckpointError, RecipeError
from dsomgnn.settings import Recipe
from dsomgnn.sweep.space import Space, own_params

BEFORE_PRUNING = 5  # trials that run to their end whatever they find
NUMBER = "number"  # of a trial in the sweep: kept when it is taken up again, which Optuna numbers anew
ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True)
class Study:
    """Optuna's study, kept in `folder`. Of a trial that was stopped and taken up again only the last part counts."""

    folder: Path
    space: Space
    optuna: optuna.Study
    seed: int

    def ask(self) -> Trial:
        """The next trial. Its sampler depends on the seed and on the trials before: not on stops in between."""
        self.optuna.sampler = optuna.samplers.TPESampler(seed=self.seed + 1000 * len(self.ended()))
        trial = self.optuna.ask(self.space)
        if NUMBER not in trial.user_attrs:
            trial.set_user_attr(NUMBER, len(self.ended()))
        return trial

    def run_of(self, trial: Trial | FrozenTrial) -> Path:
        """The run folder of a trial."""
        return self.folder / "trials" / str(number_of(trial))

    def ended(self) -> list[FrozenTrial]:
        """The trials that are complete, pruned or failed, in their order."""
        trials = [trial for trial in self.optuna.get_trials(deepcopy=False) if NUMBER in trial.user_attrs]
        last = {number_of(trial): trial for trial in trials}
        return [last[number] for number in sorted(last) if last[number].state in ENDED]

    def complete(self) -> list[FrozenTrial]:
        """The trials with a validation MRR, the best first."""
        found = [trial for trial in self.ended() if trial.state == TrialState.COMPLETE]
        return sorted(found, key=lambda trial: -(trial.value or 0.0))


def number_of(trial: Trial | FrozenTrial) -> int:
    """The trial's number in the sweep, from 0."""
    return trial.user_attrs[NUMBER]


@contextmanager
def open_study(folder: Path, recipe: Recipe, space: Space, data_sha256: str) -> Iterator[Study]:
    """The study in a folder, new or to go on with; no other process may open it meanwhile. Raises CheckpointError."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "study.db").exists():
        raise CheckpointError(f"{folder}: holds other files; name a new or an empty folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"{folder}: cannot be made: {error.strerror}") from None
    with alone(folder, "sweep"):
        study = Study(folder, space, _load(folder / "study.db", _pruner(recipe, space)), recipe.seed)
        _refuse_another(study, _digest(recipe, space, data_sha256))
        _take_up(study, recipe)
        yield study


def _load(file: Path, pruner: BasePruner) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        return optuna.create_study(
            storage=f"sqlite:///{file}", study_name="sweep", direction="maximize", pruner=pruner, load_if_exists=True
        )
    except Exception as error:  # of Optuna, SQLAlchemy or SQLite
        raise CheckpointError(f"{file}: cannot be opened as a sweep: {str(error).splitlines()[0]}") from None


def _pruner(recipe: Recipe, space: Space) -> BasePruner:
    """Stops a trial that is below the median of the others at its epoch, once an agent would be past its learning."""
    policies = getattr(space.get("distill.policy"), "choices", (recipe.distill.policy,))
    distill = recipe.distill
    stages = Stages.within(recipe.student.epochs, distill.alone, distill.warmup, recipe.agent.epochs)
    return MedianPruner(BEFORE_PRUNING, n_warmup_steps=stages.settled if "reinforce" in policies else stages.alone)


def _digest(recipe: Recipe, space: Space, data_sha256: str) -> str:
    parts = [recipe.sha256(), data_sha256, *(f"{key} {distribution}" for key, distribution in space.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _refuse_another(study: Study, digest: str) -> None:
    if study.optuna.user_attrs.get("sweep", digest) != digest:
        raise RecipeError(f"{study.folder}: holds a sweep of another recipe, data set or space; name another --run")
    study.optuna.set_user_attr("sweep", digest)


def _take_up(study: Study, recipe: Recipe) -> None:
    """Enqueue what comes first: in a new study the recipe's own values, in another the trials that were stopped."""
    own = own_params(recipe, study.space)
    if own and not study.optuna.get_trials(deepcopy=False):
        study.optuna.enqueue_trial(own)
    for trial in study.optuna.get_trials(states=(TrialState.RUNNING,)):
        study.optuna.enqueue_trial(trial.params, user_attrs=trial.user_attrs)
        study.optuna.tell(trial.number, state=TrialState.FAIL)
