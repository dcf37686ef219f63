"""What a run tells of a model beside its ranks is told of the epoch that is kept, not of the last one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from dsomgnn.build import make_distiller
from dsomgnn.choices import choice_report
from dsomgnn.distill.teachers import NO_ONE, freeze
from dsomgnn.evaluate import temperature
from dsomgnn.fit import fit_recipe
from dsomgnn.ranking import open_job, read_model
from dsomgnn.run import Run, load_into
from dsomgnn.sampling import seed_all
from dsomgnn.sealed import POLICY_FILE

EPOCHS, BEST = 12, 8
CHANGES = [
    *(f"{model}.epochs={EPOCHS}" for model in ("student", "teachers.s", "teachers.st")),
    *(f"{model}.validate_every=1" for model in ("student", "teachers.s", "teachers.st")),
    "agent.lr=0.05", "student.init=1.0", 'distill.neighbourhood="khop"',
]  # fmt: skip


def test_temperatures_and_choices_are_those_of_the_best_epoch(workshop: Path, monkeypatch):
    validations = Counter()

    def best_in_between(job, model) -> float:
        validations[model] += 1
        return 1 / (1 + abs(validations[model] - BEST))

    for module in ("pretraining", "fit"):
        monkeypatch.setattr(f"dsomgnn.{module}.valid_mrr", best_in_between)
    record = fit_recipe("tiny.toml", "out", CHANGES)
    phases, run = record["phases"], Run.open(Path("out"))
    assert {(phase["best_epoch"], phase["epochs"]) for phase in phases.values()} == {(BEST, EPOCHS)}
    job = open_job(run, record, with_features=True)
    models = {name: read_model(job, run, name if name == "student" else f"teacher:{name}") for name in phases}
    for name, (model, heat) in models.items():
        assert heat == phases[name]["temperature"] == pytest.approx(temperature(job, model), rel=1e-6)
    student, _ = models.pop("student")
    teachers = [freeze(name, model, job.training, heat, asked=NO_ONE) for name, (model, heat) in models.items()]
    distiller = make_distiller(job, student, teachers)
    load_into(distiller.choice.policy, run.read_tensors(POLICY_FILE)[0], "policy")
    seed_all(job.recipe.seed, 2, 0)
    assert choice_report(distiller, job.dataset) == phases["student"]["choices"]
