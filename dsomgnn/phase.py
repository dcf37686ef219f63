"""One phase of a run: epochs, validation, early stop, checkpoints; it goes on from where a killed run stood.

Every epoch is seeded by (seed, phase, epoch), so a resumed run repeats what the killed one would have done, on a GPU to
all but the last digits: that seed is the whole random state, and checkpoints are taken between epochs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor, nn

from dsomgnn.distill.agent import Agent
from dsomgnn.errors import CheckpointError, RecipeError
from dsomgnn.optimise import Optimisers, load_optimiser, optimiser_state, scoped
from dsomgnn.progress import Progress
from dsomgnn.rank.counting import NotFiniteError
from dsomgnn.run import CHECKPOINT, Run, load_into
from dsomgnn.sampling import seed_all
from dsomgnn.settings import Training

States = dict[str, dict[str, Tensor]]  # of each module, by name

SAVE_EVERY = 2.0  # seconds between checkpoints, at the least


@dataclass
class Standing:
    """How far a phase has come."""

    epoch: int = 0
    best_mrr: float = -1.0
    best_epoch: int = 0
    seconds: float = 0.0
    baseline: dict[str, float] = field(default_factory=dict)


@dataclass
class Phase:
    """What is trained: a model with its optimisers, and the agent where there is one.

    `run_epoch(epoch)` trains one epoch and returns what to log; `validate()` returns the validation MRR.
    No early stop before `settle` epochs.
    """

    number: int
    name: str
    model: nn.Module
    optimisers: Optimisers
    settings: Training
    run_epoch: Callable[[int], dict[str, Any]]
    validate: Callable[[], float]
    agent: Agent | None = None
    settle: int = 0

    def modules(self) -> dict[str, nn.Module]:
        return {"model": self.model, **({"policy": self.agent.policy} if self.agent else {})}


def train(phase: Phase, run: Run, seed: int, progress: Progress) -> tuple[States, Standing]:
    """Train to the end or the early stop; the best state of each module, and how it went."""
    standing, best = _resume(phase, run) or (Standing(), _copy(phase))
    saved, unsaved = time.monotonic(), None
    progress.start(phase.name, phase.settings.epochs, standing.epoch)
    try:
        while standing.epoch < phase.settings.epochs and not _stale(standing, phase):
            best = _epoch(phase, run, seed, standing, best, progress)
            unsaved = None  # tables are large: one copy at a time
            unsaved = _snapshot(phase, run, standing, best)
            if time.monotonic() - saved > SAVE_EVERY:
                run.write_tensors(CHECKPOINT, *unsaved)
                saved, unsaved = time.monotonic(), None
    except KeyboardInterrupt:
        if unsaved is not None:
            run.write_tensors(CHECKPOINT, *unsaved)
        raise
    finally:
        progress.stop()
    return best, standing


def _epoch(phase: Phase, run: Run, seed: int, standing: Standing, best: States, progress: Progress) -> States:
    """Train and perhaps validate one epoch, move the standing on, log it; the best states so far."""
    settings, started, epoch = phase.settings, time.monotonic(), standing.epoch + 1
    seed_all(seed, phase.number, epoch)
    phase.model.train()
    event = phase.run_epoch(epoch)
    loss = event.get("fit", event.get("loss", 0.0))  # a student's `loss` leaves out what is not measured: NaN
    if not math.isfinite(loss):
        raise _diverged(phase, f"its loss is {loss}", epoch)
    if epoch % settings.validate_every == 0 or epoch == settings.epochs:
        phase.model.eval()
        try:
            event["valid_mrr"] = phase.validate()
        except NotFiniteError:
            raise _diverged(phase, "a score is NaN or infinite", epoch) from None
        if event["valid_mrr"] > standing.best_mrr:
            standing.best_mrr, standing.best_epoch, best = event["valid_mrr"], epoch, _copy(phase)
    standing.epoch = epoch
    standing.seconds += time.monotonic() - started
    run.log({"event": "epoch", "phase": phase.name, "epoch": epoch, **event})
    progress.epoch(epoch, event | ({"best": standing.best_mrr} if standing.best_epoch else {}))
    return best


def _diverged(phase: Phase, how: str, epoch: int) -> RecipeError:
    student, encoder = phase.name == "student", getattr(phase.model, "encoder", None)
    rate, section = ("lr", phase.name) if student else ("lr (or lr_dense)", f"teachers.{phase.name}")
    told = f"{phase.name} diverged: {how} in epoch {epoch}. Try a lower {rate} in [{section}]: lr is "
    told += f"{phase.settings.lr:g}"
    return RecipeError(f"{told}; or forward of {type(encoder).__name__} gives NaN" if encoder else told)


def _stale(standing: Standing, phase: Phase) -> bool:
    """Whether the last `patience` validations brought nothing better."""
    settings = phase.settings
    since = max(standing.best_epoch, phase.settle)
    return standing.best_epoch > 0 and standing.epoch - since >= settings.patience * settings.validate_every


def _copy(phase: Phase) -> States:
    return {name: {k: v.detach().clone() for k, v in m.state_dict().items()} for name, m in phase.modules().items()}


def _snapshot(phase: Phase, run: Run, standing: Standing, best: States) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All that a checkpoint holds, copied: the next epoch may be interrupted anywhere."""
    tensors = {f"now.{name}.{k}": v for name, state in _copy(phase).items() for k, v in state.items()}
    tensors |= {f"best.{name}.{k}": v for name, state in best.items() for k, v in state.items()}
    tensors |= {f"optimisers.{k}": v.clone() for k, v in phase.optimisers.state().items()}
    if phase.agent:
        tensors |= {f"agent.{k}": v.clone() for k, v in optimiser_state(phase.agent.optimiser).items()}
        standing.baseline = asdict(phase.agent.baseline)
    return tensors, {"phase": phase.name, "log": run.log_size(), **asdict(standing)}


def _resume(phase: Phase, run: Run) -> tuple[Standing, States] | None:
    """The standing and best states of the checkpoint, with the modules put back; None where it is another phase's."""
    where = str(run.path / CHECKPOINT)
    tensors, meta = run.read_tensors(CHECKPOINT) if (run.path / CHECKPOINT).exists() else ({}, {"phase": None})
    if meta.pop("phase") != phase.name:
        run.cut_log(run.read_json("record.json")["log"])
        return None
    run.cut_log(meta.pop("log"))
    for name, module in phase.modules().items():
        load_into(module, scoped(tensors, f"now.{name}."), where)
    phase.optimisers.load(scoped(tensors, "optimisers."))
    try:
        standing = Standing(**meta)
    except TypeError:
        raise CheckpointError(f"{where}: not a checkpoint of this version of dsomgnn") from None
    if phase.agent:
        load_optimiser(phase.agent.optimiser, scoped(tensors, "agent."))
        for key, value in standing.baseline.items():
            setattr(phase.agent.baseline, key, value)
    return standing, {name: scoped(tensors, f"best.{name}.") for name in phase.modules()}


def finish(run: Run, record: dict, name: str, standing: Standing, **extra: Any) -> None:
    """Note a finished phase, then forget its checkpoint."""
    record["phases"][name] = {
        "valid_mrr": standing.best_mrr,
        "best_epoch": standing.best_epoch,
        "epochs": standing.epoch,
        "seconds": round(standing.seconds, 3),
        **extra,
    }
    run.log({"event": "phase", "phase": name, "valid_mrr": standing.best_mrr, "best_epoch": standing.best_epoch})
    record["log"] = run.log_size()
    run.write_json("record.json", record)
    run.drop(CHECKPOINT)
