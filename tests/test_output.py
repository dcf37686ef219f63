"""JSON for a machine: whole or not at all, and a device is written to, not replaced."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dsomgnn.errors import RecipeError
from dsomgnn.output import probability, write_json


def test_a_file_is_replaced_as_a_whole(tmp_path: Path):
    target = tmp_path / "x.json"
    target.write_text("old")
    write_json({"a": 1}, str(target))
    assert json.loads(target.read_text()) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path):
    (tmp_path / "x").mkdir()
    with pytest.raises(RecipeError, match=r"--json .*x: cannot be written: Is a directory"):
        write_json({}, str(tmp_path / "x"))
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_pipe_stays_a_pipe(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    end = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_json({"a": 1}, str(tmp_path / "pipe"))
    assert json.loads(os.read(end, 1000)) == {"a": 1}
    os.close(end)
    assert (tmp_path / "pipe").is_fifo()


def test_a_probability_is_never_rounded_to_nothing():
    assert [probability(p) for p in (1.0, 0.56921, 0.00005, 0.000024, 0.0)] == [
        *("1.0000", "0.5692", "0.0001", "2.4e-05", "0.0000")
    ]
