"""What a teacher's modalities are worth to it: measured, recorded, and said where it is nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def phase(call, *changes: str) -> tuple[dict, str]:
    words = [word for change in changes for word in ("--set", change)]
    reply = call("fit", "tiny.toml", "--run", "out", *words)
    assert reply.code == 0
    return json.loads(Path("out/record.json").read_text())["phases"]["st"], reply.err


def test_a_modality_too_weak_to_move_a_rank_is_told(workshop: Path, call):
    found, told = phase(call, "teachers.st.encoder=lookup", "teachers.st.init=1e-6")
    assert found["valid_mrr_without"] == {"text": pytest.approx(found["valid_mrr"])}
    assert "teacher st hardly uses text" in told


def test_what_a_teacher_of_text_alone_is_without_it_is_chance(workshop: Path, call):
    """All scores are equal then: six entities, known answers left out."""
    found, told = phase(call, "teachers.st.encoder=lookup", "teachers.st.structure=false", "teachers.st.init=1.0")
    assert found["valid_mrr_without"]["text"] < 0.5
    assert ("hardly uses" in told) == (found["valid_mrr"] - found["valid_mrr_without"]["text"] < 0.001)
