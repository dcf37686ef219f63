"""Counting items or bytes on stderr: a plain line now and then without a terminal, a bar on one."""

from __future__ import annotations

import sys

import pytest

from dsomgnn import counter
from dsomgnn.counter import Counter


@pytest.fixture
def clock(monkeypatch):
    """`clock(seconds)` lets time pass."""
    now = [0.0]
    monkeypatch.setattr(counter.time, "monotonic", lambda: now[0])

    def passes(seconds):
        now[0] += seconds

    return passes


def test_without_a_terminal_a_line_comes_now_and_then(clock, capsys):
    with Counter("texts") as count:
        for done in range(100, 1100, 100):
            clock(4)
            count(done, 1000)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "texts 300/1,000  left 28 s",
        "texts 600/1,000  left 16 s",
        "texts 900/1,000  left 4 s",
    ]


def test_bytes_are_told_in_megabytes_with_or_without_a_known_total(clock, capsys):
    with Counter("a.txt", of_bytes=True) as count:
        for done, total in ((5_000_000, None), (10_000_000, 40_000_000)):
            clock(10)
            count(done, total)
    assert capsys.readouterr().err.splitlines() == ["a.txt 5 MB", "a.txt 10/40 MB  left 60 s"]


def test_what_is_over_in_a_moment_says_nothing(clock, capsys):
    with Counter("texts") as count:
        clock(9)
        count(1000, 1000)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_a_bar_stands_and_goes(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with Counter("texts") as count:
        count(250, 1000)
        count.bar.refresh()
        shown = capsys.readouterr().err
    assert "texts" in shown
    assert "250/1000" in shown
    assert count.bar.finished is False


def test_an_error_inside_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt), Counter("texts"):
        raise KeyboardInterrupt
