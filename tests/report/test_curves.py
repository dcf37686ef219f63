"""Training curves from metrics.jsonl."""

from __future__ import annotations

import json
from pathlib import Path

from dsomgnn.report.curves import read_curves

EVENTS = [
    {"event": "epoch", "phase": "a", "epoch": 1, "loss": 3.0},
    {"event": "epoch", "phase": "a", "epoch": 2, "loss": 2.0, "valid_mrr": 0.5},
    {"event": "phase", "phase": "a", "valid_mrr": 0.5},
    {"event": "epoch", "phase": "student", "epoch": 1, "loss": 1.5, "fit": 1.0, "taught": 0.5,
     "share": {"a": 0.25}, "empty": 0.75},
]  # fmt: skip


def test_curves_by_phase(tmp_path: Path):
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    found = read_curves(tmp_path)
    assert list(found) == ["a", "student"]
    assert (dict(found["a"].loss), found["a"].valid_mrr) == ({"loss": [(1, 3.0), (2, 2.0)]}, [(2, 0.5)])
    assert dict(found["student"].loss) == {"loss": [(1, 1.5)], "fit": [(1, 1.0)], "taught": [(1, 0.5)]}
    assert dict(found["student"].share) == {"a": [(1, 0.25)], "no teacher": [(1, 0.75)]}


def test_lines_of_another_kind_are_passed_over_and_no_file_is_no_curve(tmp_path: Path):
    assert read_curves(tmp_path) == {}
    lines = ["", "{", "3", '{"event": "epoch"}', '{"event": "epoch", "phase": "a", "epoch": "x"}', "\xff"]
    (tmp_path / "metrics.jsonl").write_bytes("\n".join([*lines, json.dumps(EVENTS[0])]).encode("latin-1"))
    assert dict(read_curves(tmp_path)["a"].loss) == {"loss": [(1, 3.0)]}
