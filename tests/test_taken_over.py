"""`fit --teachers RUN`: teachers that would come out the same are taken over, others are trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file


def phases(run: Path) -> dict:
    return json.loads((run / "record.json").read_text())["phases"]


def same(one: Path, other: Path) -> bool:
    tensors, others = load_file(one), load_file(other)
    return tensors.keys() == others.keys() and all(torch.equal(tensors[name], others[name]) for name in tensors)


def test_only_a_teacher_with_other_settings_is_trained(workshop: Path, finished: Path, call):
    change = ("--set", "teachers.st.epochs=3")
    reply = call("fit", "tiny.toml", "--run", "some", *change, "--teachers", finished)
    assert reply.code == 0
    assert "taken over: s. Trained here, as missing there, unfinished or made with other settings" in reply.err
    assert "selection or data: st" in reply.err
    found = phases(workshop / "some")
    assert found["s"]["taken_from"] == str(finished)
    assert "taken_from" not in found["st"]
    assert call("fit", "tiny.toml", "--run", "all", *change).code == 0
    for file in ("student.safetensors", "teachers/s.safetensors", "teachers/st.safetensors"):
        assert same(workshop / "some" / file, workshop / "all" / file)


def test_teachers_may_come_from_several_runs(workshop: Path, finished: Path, call):
    change = ("--set", "teachers.st.epochs=3")
    assert call("fit", "tiny.toml", "--run", "st", *change, "--set", "teachers.s.epochs=2").code == 0
    reply = call("fit", "tiny.toml", "--run", "both", *change, "--teachers", finished, "--teachers", "st")
    assert (reply.code, "Trained here" in reply.err) == (0, False)
    found = phases(workshop / "both")
    assert [found[name]["taken_from"] for name in ("s", "st")] == [str(finished), "st"]
    assert same(workshop / "both" / "teachers" / "st.safetensors", workshop / "st" / "teachers" / "st.safetensors")


@pytest.mark.parametrize("change", ["seed=7", "data.holdout=0.2"])
def test_where_none_would_come_out_the_same_nothing_is_begun(change: str, workshop: Path, finished: Path, call):
    reply = call("fit", "tiny.toml", "--run", "new", "--set", change, "--teachers", finished)
    assert reply.code == 2
    assert f"--teachers {finished}: every teacher of the recipe is missing there" in reply.err
    assert not (workshop / "new").exists()


def test_a_teacher_selected_on_other_triples_is_trained_anew(workshop: Path, finished: Path, call):
    reply = call("fit", "tiny.toml", "--run", "new", "--set", "rank.valid=1", "--teachers", finished)
    assert reply.code == 2
    assert "selection or data" in reply.err


def test_a_teacher_whose_file_is_gone_is_trained_anew(workshop: Path, finished: Path, call):
    spoilt = shutil.copytree(finished, workshop / "spoilt")
    (spoilt / "teachers" / "s.safetensors").unlink()
    assert call("fit", "tiny.toml", "--run", "new", "--teachers", spoilt).code == 0
    assert ["taken_from" in phases(workshop / "new")[name] for name in ("s", "st")] == [False, True]


def test_an_unfinished_teacher_is_not_taken(workshop: Path, finished: Path, call):
    stopped = shutil.copytree(finished, workshop / "stopped")
    record = json.loads((stopped / "record.json").read_text())
    del record["phases"]["st"]
    (stopped / "record.json").write_text(json.dumps(record))
    assert call("fit", "tiny.toml", "--run", "new", "--teachers", stopped).code == 0
    assert ["taken_from" in phases(workshop / "new")[name] for name in ("s", "st")] == [True, False]
