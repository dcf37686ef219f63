"""Settings that change nothing are told, whatever else is in the recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsomgnn.recipe import load_recipe
from dsomgnn.unread import unread

ROOT = Path(__file__).parent.parent

TOLD = {
    "plain KL has no parts": (("distill.neighbourhood=none", "distill.alpha=2"), "distill.alpha"),
    "no walks": (("distill.neighbourhood=answers", "distill.walks=2"), "distill.walks"),
    "no walks, but hops": (("distill.neighbourhood=khop", "distill.walks=2", "distill.hops=1"), "distill.walks"),
    "no sets": (("agent.reward=log-probability", "agent.credit=sum"), "agent.credit"),
    "no messages": (("teachers.s.fanouts=[3]",), "teachers.s.fanouts"),
    "no blocks": (("teachers.st.fusion=sum",), "teachers.st.modality_rank"),
    "no teacher": (("teachers.st.modalities=[]",), "features.text"),
    "no words": (("features.text.encoder=numeric", "features.text.dim=3"), "features.text.dim"),
    "no array": (("features.text.ids=ids.txt",), "features.text.ids"),
    "no structure to drop": (("teachers.st.structure=false", "teachers.st.structure_dropout=0.1"), "structure_dropout"),
    "no reserve": (("agent.reward=improvement", "agent.reward_on=valid", "agent.reserve=0.1"), "agent.reserve"),
    "no dense layer": (("student.lr_dense=0.1",), "student.lr_dense"),
    "no modalities": (("teachers.s.modality_rank=3",), "teachers.s.modality_rank"),
}
READ = {
    "sampled": ("distill.alpha=2", "distill.hops=1"),
    "no teachers": ("distill.policy=none", "distill.neighbourhood=none", "distill.alpha=2", "agent.credit=sum"),
    "another teacher": ("distill.policy=single:st", "distill.walks=2", "teachers.s.fanouts=[3]"),
}


@pytest.mark.parametrize(("changes", "key"), TOLD.values(), ids=TOLD.keys())
def test_what_changes_nothing_is_told(changes, key, workshop: Path):
    lines = [line for line in unread(load_recipe(Path("tiny.toml"), list(changes))) if key in line]
    assert len(lines) == 1
    assert "changes nothing" in lines[0]


@pytest.mark.parametrize("changes", READ.values(), ids=READ.keys())
def test_what_is_read_is_not(changes, workshop: Path):
    assert not list(unread(load_recipe(Path("tiny.toml"), list(changes))))


def test_no_shipped_recipe_says_such_a_thing():
    told = {path.name: list(unread(load_recipe(path))) for path in sorted((ROOT / "recipes").glob("*.toml"))}
    assert len(told) > 6
    assert not any(told.values()), told


def test_check_and_fit_say_it(workshop: Path, call):
    words = ("tiny.toml", "--set", "distill.neighbourhood=none", "--set", "student.epochs=2")
    said = 'distill.walks changes nothing with distill.neighbourhood = "none"'
    assert f"warning   {said}" in call("check", *words).out
    assert f"warning: {said}" in call("fit", *words, "--run", "out").err
