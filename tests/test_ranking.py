"""rank_run from Python: what it cannot be asked for, and what a job without a modality is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dsomgnn.build import build
from dsomgnn.errors import RecipeError
from dsomgnn.ranking import rank_run, without
from dsomgnn.recipe import load_recipe

ASKED_WRONGLY = {
    "a split that is not ranked": ({"split": "train"}, "--split train: no such choice. Known: test, valid"),
    "no reading of ties": ({"ties": "x"}, "--ties x: no such choice. Known: realistic, optimistic, pessimistic"),
    "no word": ({"split": 3}, "--split 3: no such choice"),
    "no model": ({"model": None}, "--model None: this run has no such model"),
    "no share": ({"drop": {"text": "a"}}, "--drop text=a: a share lies between 0 and 1"),
    "no shares": ({"drop": ["text=0.4"]}, r"drop: \['text=0.4'\]: expected shares by modality"),
}


@pytest.mark.parametrize(("words", "told"), ASKED_WRONGLY.values(), ids=ASKED_WRONGLY.keys())
def test_refused(words: dict, told: str, trained: Path):
    with pytest.raises(RecipeError, match=told):
        rank_run(trained, **words)


def test_teachers_that_lose_a_modality_hear_only_what_they_heard(workshop: Path):
    job = build(load_recipe(Path("tiny.toml")))
    dropped = without(job, {"text": 0.5})
    for before, after in ((job.mkg, dropped.mkg), (job.teacher_mkg, dropped.teacher_mkg)):
        assert torch.equal(after.train, before.train)
        assert after.features["text"].present.sum() < before.features["text"].present.sum()
