"""Trackers hear what metrics.jsonl holds, each line once, and can stop no training."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch
from conftest import RECIPE

import dsomgnn.phase
from dsomgnn.run import Run

OWN = '''
import json
from pathlib import Path

class Lines:
    """Writes a line per call; stops at an epoch or fails in a call where the file `told` says so."""
    def __init__(self, folder):
        self.file = folder / "heard.jsonl"
    def write(self, what, **more):
        with self.file.open("a") as file:
            file.write(json.dumps({"call": what, **more}) + "\\n")
        if Path("told").read_text() == what:
            raise ValueError(f"no {what}, thanks")
    def start(self, record):
        self.write("start", data=record["data"]["name"])
    def log(self, event):
        self.write("log", event=event)
        if Path("told").read_text() == f"{event['phase']} {event.get('epoch')}":
            raise KeyboardInterrupt
    def finish(self, record):
        self.write("finish", finished=record["finished"])
'''
FIT = ("fit", "tiny.toml", "--run", "out", "--set", "tracker=own.py:Lines")
RESUME = ("fit", "--resume", "out")


@pytest.fixture
def own(workshop: Path):
    """`own("student 4")`: own.py beside the recipe stops there, `own("log")`: fails in that call."""

    def tell(what: str) -> None:
        Path("told").write_text(what)

    Path("own.py").write_text(OWN)
    tell("nothing")
    return tell


def heard(run: str = "out") -> list[dict]:
    return [json.loads(line) for line in Path(run, "heard.jsonl").read_text().splitlines()]


def logged(run: str = "out") -> list[dict]:
    return [json.loads(line) for line in Path(run, "metrics.jsonl").read_text().splitlines()]


def places(events: list[dict]) -> list[tuple]:
    return [(event["event"], event["phase"], event.get("epoch")) for event in events]


def told() -> list[tuple]:
    return places([line["event"] for line in heard() if line["call"] == "log"])


def test_a_tracker_hears_the_start_every_event_and_the_end(own, call):
    assert call(*FIT).code == 0
    first, *between, last = heard()
    assert first == {"call": "start", "data": "tiny"}
    assert [line["event"] for line in between] == logged()
    assert last == {"call": "finish", "finished": True}


@pytest.mark.parametrize("stop", ["s 1", "st 2", "student 4"])
def test_a_stopped_run_tells_each_event_once_and_the_stop_as_a_stop(stop: str, own, call):
    own(stop)
    assert call(*FIT).code == 130
    assert call(*RESUME).code == 0
    assert told() == places(logged())
    assert [line["finished"] for line in heard() if line["call"] == "finish"] == [False, True]


def test_events_repeated_after_lost_checkpoints_are_not_told_twice(own, call):
    """Twice the student begins anew, the second time before it got as far as it had been."""
    train = dsomgnn.phase._epoch

    def stopping(phase, run, seed, standing, *more):
        if (phase.name, standing.epoch) == ("student", 2):
            raise KeyboardInterrupt
        return train(phase, run, seed, standing, *more)

    own("student 4")
    assert call(*FIT).code == 130
    for stop in ("the clock", "nothing"):
        Path("out/checkpoint.safetensors").unlink(missing_ok=True)
        own(stop)
        with pytest.MonkeyPatch.context() as patch:
            if stop == "the clock":
                patch.setattr(dsomgnn.phase, "_epoch", stopping)
            assert call(*RESUME).code == (130 if stop == "the clock" else 0)
    assert told() == places(logged())


def test_what_a_tracker_does_to_what_it_hears_stays_its_own_and_it_cannot_leave(workshop: Path, call):
    Path("own.py").write_text(
        "class Lines:\n"
        "    def __init__(self, folder): pass\n"
        "    def start(self, record): record.pop('versions'); record['seed'] = 99\n"
        "    def log(self, event): event.clear()\n"
        "    def finish(self, record): raise SystemExit(3)\n"
    )
    assert call(*FIT).code == 0
    record = json.loads(Path("out/record.json").read_text())
    assert (record["seed"], "versions" in record, record["finished"]) == (0, True, True)
    assert all("event" in event for event in logged())


@pytest.mark.parametrize(("where", "lines"), [("start", ["start"]), ("log", ["start", "log"])])
def test_an_error_in_a_tracker_warns_once_and_changes_nothing(where: str, lines: list[str], own, call, trained: Path):
    own(where)
    reply = call(*FIT)
    assert reply.code == 0
    assert reply.err.count("the tracker hears no more") == 1
    assert f"ValueError: no {where}, thanks" in reply.err
    assert [line["call"] for line in heard()] == lines
    student, same = (Run(run).read_tensors("student.safetensors")[0] for run in (Path("out"), trained))
    assert all(torch.equal(student[name], same[name]) for name in same)


REFUSED = {
    "unknown": ("tensorbord", 2, 'no such tracker. Did you mean "tensorboard"?'),
    "no file": ("nope.py:X", 4, "nope.py: no such file (tracker nope.py:X)"),
    "no class": ("own.py:Line", 4, 'no class "Line". Did you mean "Lines"?'),
    "no module": ("no_such_module:X", 4, "tracker no_such_module:X cannot be imported: ModuleNotFoundError"),
    "no tracker": ("pathlib:Path", 4, "tracker pathlib:Path has no start(), no log(), no finish()"),
}


@pytest.mark.parametrize(("spec", "code", "words"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("command", ["fit", "check"])
def test_what_is_no_tracker_is_refused_before_anything_is_made(
    spec: str, code: int, words: str, command: str, own, call
):
    before = set(Path().iterdir())
    reply = call(command, "tiny.toml", "--set", f"tracker={spec}")
    assert reply.code == code
    assert words in reply.err
    assert set(Path().iterdir()) == before


def test_without_the_extra_one_is_told_how_to_get_it(workshop: Path, call, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    reply = call("fit", "tiny.toml", "--run", "out", "--set", "tracker=tensorboard")
    assert reply.code == 2
    assert 'pip install "dsomgnn[tensorboard]"' in reply.err
    assert not Path("out").exists()


@pytest.mark.skipif(not importlib.util.find_spec("tensorboard"), reason="needs the extra tensorboard")
def test_tensorboard_holds_the_figures_of_every_epoch(workshop: Path, call):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    Path("tiny.toml").write_text('tracker = "tensorboard"\n' + RECIPE)
    assert call("fit", "tiny.toml", "--run", "out").code == 0
    board = EventAccumulator("out/tensorboard").Reload()
    epochs = [event for event in logged() if event["event"] == "epoch" and event["phase"] == "student"]
    for tag, key in (("student/loss", "loss"), ("student/valid_mrr", "valid_mrr")):
        scalars = [(scalar.step, scalar.value) for scalar in board.Scalars(tag)]
        assert scalars == [(e["epoch"], pytest.approx(e[key], rel=1e-6)) for e in epochs if key in e]
    assert {f"student/share/{name}" for name in epochs[0]["share"]} <= set(board.Tags()["scalars"])
    assert "student/epoch" not in board.Tags()["scalars"]
