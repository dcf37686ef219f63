"""A phase of epochs over a stand-in for training: which epoch is kept, when it stops, what each epoch draws."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from dsomgnn.optimise import Optimisers
from dsomgnn.phase import Phase, train
from dsomgnn.progress import Progress
from dsomgnn.run import Run
from dsomgnn.settings import Training


@pytest.fixture
def go(tmp_path: Path):
    """`go([0.1, 0.3, 0.2])`: a model whose weight is its epoch, with these validation MRRs by epoch; the weight that is
    kept, the standing, and per epoch a number that it drew and whether the model was in training."""

    def run_phase(mrrs, seed=0, number=0, settle=0, **settings):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        (folder / "teachers").mkdir(parents=True)
        model, seen = nn.Linear(1, 1, bias=False), []

        def epoch(n):
            seen.append((torch.rand(()).item(), model.training))
            nn.init.constant_(model.weight, n)
            return {"loss": 0.0}

        def validate():
            model.eval()
            return mrrs[len(seen) - 1]

        run = Run(folder)
        run.write_json("record.json", {"log": 0})
        options = Training(epochs=len(mrrs), **{"validate_every": 1, "patience": 100, **settings})
        optimisers = Optimisers(model, [model.weight], 0.1, 0.1)
        phase = Phase(number, "m", model, optimisers, options, epoch, validate, settle=settle)
        best, standing = train(phase, run, seed, Progress(quiet=True))
        return best["model"]["weight"].item(), standing, seen

    return run_phase


def test_the_best_epoch_is_kept_the_first_of_equals(go):
    kept, standing, _ = go([0.1, 0.3, 0.2, 0.3, 0.1])
    assert (kept, standing.best_epoch, standing.best_mrr, standing.epoch) == (2, 2, 0.3, 5)


def test_the_last_epoch_is_validated_whatever_the_rhythm(go):
    kept, standing, _ = go([0.1, 0.2, 0.9, 0.3, 0.5], validate_every=2)
    assert (kept, standing.best_epoch, standing.best_mrr) == (5, 5, 0.5)


@pytest.mark.parametrize(("settle", "every", "epochs"), [(0, 1, 3), (6, 1, 8), (0, 3, 9)])
def test_it_stops_after_so_many_validations_without_a_better_one(go, settle, every, epochs):
    best_first = [0.5 if n < every else 0.1 for n in range(20)]
    assert go(best_first, settle=settle, patience=2, validate_every=every)[1].epoch == epochs


def test_every_epoch_draws_its_own_numbers_those_of_its_seed_phase_and_epoch(go):
    def drawn(**options):
        return [number for number, _ in go([0.1] * 4, **options)[2]]

    assert drawn() == drawn()
    assert len({*drawn(), *drawn(seed=1), *drawn(number=1)}) == 12


def test_each_epoch_trains_in_training_mode_also_after_a_validation(go):
    assert all(training for _, training in go([0.1] * 4)[2])
