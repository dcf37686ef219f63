"""Teachers of a run as they teach."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsomgnn.build import build
from dsomgnn.pretraining import make_teachers
from dsomgnn.progress import Progress
from dsomgnn.ranking import open_job, open_model
from dsomgnn.recipe import load_recipe
from dsomgnn.run import Run


def test_a_teacher_is_at_its_recorded_temperature_when_it_teaches_and_when_it_is_read(trained: Path):
    run = Run.open(trained)
    record = run.record()
    job = open_job(run, record, with_features=True)
    heats = [record["phases"][name]["temperature"] for name in ("s", "st")]
    assert 1.0 not in heats
    assert [open_model(job, run, f"teacher:{name}").temperature for name in ("s", "st")] == heats
    assert [t.temperature for t in make_teachers(job, run, record, Progress(quiet=True))] == heats


@pytest.mark.parametrize(("transfer", "of_all"), [(0.0, False), (1.0, True)])
def test_heads_of_all_entities_are_made_where_there_are_transfer_queries(
    transfer: float, of_all: bool, workshop: Path, trained: Path
):
    """Those are none of training: no head that was made for a training query is theirs."""
    job, run = build(load_recipe(Path("tiny.toml"), [f"distill.transfer={transfer}"])), Run.open(trained)
    _, teacher = make_teachers(job, run, run.record(), Progress(quiet=True))
    assert teacher.own_heads is not None
    assert teacher.heads.any(1).all().item() is of_all
