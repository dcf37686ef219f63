"""`fit --teachers RUN`: teachers that would come out the same are taken over, others are trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import dsomgnn


def phases(run: Path) -> dict:
    return json.loads((run / "record.json").read_text())["phases"]


def same(one: Path, other: Path) -> bool:
    tensors, others = load_file(one), load_file(other)
    return tensors.keys() == others.keys() and all(torch.equal(tensors[name], others[name]) for name in tensors)


def test_only_a_teacher_with_other_settings_is_trained(workshop: Path, finished: Path, call):
    change = ("--set", "teachers.st.epochs=3")
    reply = call("fit", "tiny.toml", "--run", "some", *change, "--teachers", finished)
    assert reply.code == 0
    assert "taken over: s. Trained here: st (epochs 4 there, 3 here)" in " ".join(reply.err.split())
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


WHY = {
    "seed": (("seed=7",), "seed 0 there, 7 here"),
    "data": (("data.holdout=0.2",), "other data"),
    "selection": (("rank.valid=1",), "rank.valid 0 there, 1 here"),
    "reserve": (("agent.reserve=0.4",), "reserve 0.2 there, 0.4 here"),
    "policy": (("distill.policy=all",), "reserve 0.2 there, 0.0 here"),
    "settings": (("teachers.s.lr=0.3", "teachers.st.lr=0.3"), "lr 0.1 there, 0.3 here"),
}


@pytest.mark.parametrize(("changes", "why"), WHY.values(), ids=WHY.keys())
def test_where_none_would_come_out_the_same_nothing_is_begun(changes, why: str, workshop: Path, finished: Path, call):
    sets = [word for change in changes for word in ("--set", change)]
    reply = call("fit", "tiny.toml", "--run", "new", *sets, "--teachers", finished)
    assert reply.code == 2
    assert f"--teachers {finished}: none would come out the same here: s ({why}); st ({why}" in reply.err
    assert not (workshop / "new").exists()


def test_a_teacher_of_other_features_or_of_none_is_told(workshop: Path, finished: Path, call):
    text = workshop / "tiny" / "text.tsv"
    text.write_text(text.read_text().replace("apple", "car"))
    reply = call("fit", "tiny.toml", "--run", "new", "--set", "teachers.more.rank=4", "--teachers", finished)
    assert "Trained here: st (other features of text); more (not there)" in " ".join(reply.err.split())


def test_a_teacher_whose_file_is_gone_is_trained_anew(workshop: Path, finished: Path, call):
    spoilt = shutil.copytree(finished, workshop / "spoilt")
    (spoilt / "teachers" / "s.safetensors").unlink()
    reply = call("fit", "tiny.toml", "--run", "new", "--teachers", spoilt)
    assert (reply.code, "Trained here: s (its file is gone there)" in reply.err) == (0, True)
    assert ["taken_from" in phases(workshop / "new")[name] for name in ("s", "st")] == [False, True]


def test_an_unfinished_teacher_is_not_taken(workshop: Path, finished: Path, call):
    stopped = shutil.copytree(finished, workshop / "stopped")
    record = json.loads((stopped / "record.json").read_text())
    del record["phases"]["st"]
    (stopped / "record.json").write_text(json.dumps(record))
    reply = call("fit", "tiny.toml", "--run", "new", "--teachers", stopped)
    assert (reply.code, "Trained here: st (not finished there)" in reply.err) == (0, True)
    assert ["taken_from" in phases(workshop / "new")[name] for name in ("s", "st")] == [True, False]


def test_of_several_runs_one_whose_recipe_cannot_be_read_is_told_where_it_is_asked_alone(
    workshop: Path, finished: Path, call
):
    spoilt = shutil.copytree(finished, workshop / "spoilt")
    (spoilt / "recipe.toml").write_text("[studnet]\n")
    change = ("--set", "teachers.st.epochs=3")
    reply = call("fit", "tiny.toml", "--run", "new", *change, "--teachers", spoilt, "--teachers", finished)
    assert (reply.code, "Trained here: st (the recipe there cannot be read)" in reply.err) == (0, True)


def test_another_place_among_the_teachers_another_version_and_another_encoder_are_told(
    workshop: Path, finished: Path, call
):
    """Each gives other parameters: a teacher's draws depend on its place."""
    record = finished / "record.json"
    record.write_text(record.read_text().replace('"dsomgnn": "', '"dsomgnn": "0.0.'))
    recipe = (workshop / "tiny.toml").read_text()
    head, s, rest = recipe.partition("[teachers.s]")
    s, st, tail = (s + rest).partition("[teachers.st]")
    (workshop / "tiny.toml").write_text(head + (st + tail).replace("[student]", s + "[student]", 1))
    reply = call("fit", "tiny.toml", "--run", "new", "--teachers", finished)
    assert reply.code == 2
    assert "st (number among the teachers 2 there, 1 here, dsomgnn 0.0." in reply.err
    assert "s (number among the teachers 1 there, 2 here, dsomgnn 0.0." in reply.err


def test_from_python_too(workshop: Path, finished: Path):
    record = dsomgnn.fit_recipe("tiny.toml", "some", ["teachers.st.epochs=3"], teachers_of=[finished])
    assert record["phases"]["s"]["taken_from"] == str(finished)
    assert "taken_from" not in record["phases"]["st"]


def test_a_data_set_is_found_by_name_from_python(workshop: Path):
    assert dsomgnn.load_dataset(dsomgnn.find_dataset("tiny")).num_entities == 6
