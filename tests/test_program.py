"""The program as a process of its own: how it is stopped, and what it does where it cannot write."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import dsomgnn

SLOW = ("--set", "student.epochs=2000", "--set", "student.patience=2000")


def started(*words: str) -> subprocess.Popen:
    heard = {signal.SIGINT: signal.default_int_handler}  # a shell starts what it sends to the background deaf
    before = {name: signal.signal(name, handler) for name, handler in heard.items()}
    try:
        command = [sys.executable, "-m", "dsomgnn", *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def wait_for_student(run: Path) -> None:
    for _ in range(600):
        file = run / "metrics.jsonl"
        events = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        if sum(event["phase"] == "student" for event in events) > 3:
            return
        time.sleep(0.1)
    raise AssertionError("no epoch of the student within a minute")


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT, signal.SIGTERM, signal.SIGINT]], ids=str)
def test_it_stops_once_and_after_saving(workshop: Path, signals: list[signal.Signals]):
    """Schedulers and containers send TERM; whoever presses Ctrl-C again cuts off nothing."""
    process = started("fit", "tiny.toml", "--run", "out", *SLOW)
    wait_for_student(Path("out"))
    for number in signals:
        process.send_signal(number)
        time.sleep(0.02)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "stopped; saved to its last whole epoch. Go on: dsomgnn fit --resume out" in err
    assert Path("out/checkpoint.safetensors").exists()


def ran(*words: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "dsomgnn", *words], text=True, stderr=subprocess.PIPE, **options)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("words", [("data", "ls"), ("recipes", "ls")])
def test_where_stdout_is_full_it_says_so_in_a_line(words: tuple[str, ...]):
    with open("/dev/full", "w") as full:
        done = ran(*words, stdout=full)
    assert done.returncode == 2
    assert done.stderr == "error: stdout cannot be written: No space left on device\n"


def test_where_nobody_reads_on_it_ends_without_a_word(trained: Path):
    words = (str(trained), "--head", "a", "--relation", "likes")
    done = subprocess.run(
        f"{sys.executable} -m dsomgnn predict {' '.join(words)} | true", shell=True, capture_output=True, text=True
    )
    assert done.stderr == ""


def test_names_that_a_terminal_cannot_show_are_spelt_out(workshop: Path):
    Path("tiny/relations.tsv").write_text("knows\tkennt\nlikes\tschätzt\n")
    dsomgnn.fit_recipe("tiny.toml", "run", ["student.epochs=1", "distill.policy=none"])
    words, environment = ("predict", "run", "--head", "a"), {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = ran(*words, "--relation", "likes", stdout=subprocess.PIPE, env=environment)
    assert done.returncode == 0, done.stderr
    assert "sch\\xe4tzt" in done.stdout
