"""Progress of a fit: every figure in a plain line, or a bar that 80 columns hold."""

from __future__ import annotations

import sys

import pytest

from dsomgnn.progress import Progress

EVENT = {
    "loss": 3.7933, "fit": 3.3819, "taught": 0.1103, "valid_mrr": 0.4667, "best": 0.4679, "reward": 0.25,
    "share": {"text": 0.62, "picture": 0.3, "number": 0.18, "everything": 0.32}, "rows_per_second": 17573.0,
}  # fmt: skip


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    progress = Progress()
    progress.start("everything", 40, 0)
    progress.epoch(40, EVENT)
    progress.stop()
    return capsys.readouterr().err


def test_without_a_terminal_a_line_tells_every_figure(capsys):
    assert shown(capsys) == (
        "everything 40/40  loss 3.7933  fit 3.3819  taught 0.1103  valid MRR 0.4667  best 0.4679  reward 0.250  "
        "share text 0.62 picture 0.30 number 0.18 everything 0.32  17,573 rows/s  left 0 s\n"
    )


def test_on_a_terminal_of_80_columns_the_bar_is_one_whole_line(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")
    [line] = [line for line in shown(capsys).splitlines() if "40/40" in line]
    assert "loss 3.7933  best 0.4679  17,573 rows/s left" in line
    assert "…" not in line
