"""What `check` counts is what models are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsomgnn.build import build, make_teacher
from dsomgnn.check import _width
from dsomgnn.recipe import load_recipe


@pytest.mark.parametrize("score", ["complex", "distmult"])
@pytest.mark.parametrize("structure", ["true", "false"])
@pytest.mark.parametrize("fusion", ["blocks", "sum", "gate"])
def test_the_width_of_a_teacher_is_that_of_its_vectors(fusion: str, structure: str, score: str, workshop: Path):
    changes = [f"teachers.st.{key}" for key in (f"fusion={fusion}", f"structure={structure}", f"score={score}")]
    job = build(load_recipe(Path("tiny.toml"), changes))
    assert _width(job.recipe.teachers["st"]) == make_teacher(job, "st").fusion.width
