"""A run that was stopped anywhere and goes on ends exactly where it would have ended."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import unsealed

import dsomgnn
import dsomgnn.distill.teachers
import dsomgnn.phase
from dsomgnn.alone import alone
from dsomgnn.optimise import Optimisers
from dsomgnn.run import Run

TIMES = ("seconds", "rows_per_second")


@pytest.fixture(autouse=True)
def interruptible():
    """A shell starts what it sends to the background deaf to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def figures(run: Path) -> tuple[dict, list[dict], dict[str, torch.Tensor]]:
    """All that a run found, without what the clock said: phases, events, tensors of every model."""
    record = json.loads((run / "record.json").read_text())
    assert record["finished"]
    phases = {n: {k: v for k, v in phase.items() if k not in TIMES} for n, phase in record["phases"].items()}
    lines = (run / "metrics.jsonl").read_text().splitlines()
    events = [{k: v for k, v in json.loads(line).items() if k not in TIMES} for line in lines]
    files = sorted(str(path.relative_to(run)) for path in run.rglob("*.safetensors"))
    tensors = {f"{f}:{k}": v for f in files for k, v in Run(run).read_tensors(f)[0].items()}
    return phases, events, tensors


def assert_same(run: Path, other: Path) -> None:
    (phases, events, tensors), (phases2, events2, tensors2) = figures(run), figures(other)
    assert phases == phases2
    assert events == events2
    assert tensors.keys() == tensors2.keys()
    assert all(torch.equal(tensors[name], tensors2[name]) for name in tensors)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(workshop: Path, trained: Path, call):
    for seed in (0, 1):
        call("fit", "tiny.toml", "--run", f"seed{seed}", "--set", f"seed={seed}")
    assert_same(Path("seed0"), trained)
    assert figures(Path("seed1"))[1] != figures(trained)[1]


# Stops at the second step after an epoch of a phase was logged: in the middle of the next one.
STOP = """
import os, signal, sys
import dsomgnn.phase
from dsomgnn.optimise import Optimisers
from dsomgnn.run import Run

def stop_at(phase, epoch, stop):
    log, step, steps = Run.log, Optimisers.step, []

    def logged(self, event):
        log(self, event)
        if (event["event"], event["phase"], event.get("epoch")) == ("epoch", phase, epoch):
            steps.append(0)

    def stepped(self, loss):
        step(self, loss)
        if steps:
            steps.append(1)
            if len(steps) == 3:
                stop()

    Run.log, Optimisers.step = logged, stepped
"""

DRIVER = (
    STOP
    + """
from dsomgnn.cli import main

dsomgnn.phase.SAVE_EVERY = 0.0
stop_at(sys.argv[1], int(sys.argv[2]), lambda: os.kill(os.getpid(), signal.SIGKILL))
main(sys.argv[3:])
"""
)


@pytest.mark.parametrize(("phase", "epoch"), [("st", 2), ("student", 3)])
def test_a_killed_run_goes_on_to_exactly_the_same_end(phase: str, epoch: int, workshop: Path, trained: Path, call):
    words = [phase, str(epoch), "fit", "tiny.toml", "--run", "out"]
    done = subprocess.run([sys.executable, "-c", DRIVER, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    last = json.loads(Path("out/metrics.jsonl").read_text().splitlines()[-1])
    assert (last["phase"], last["epoch"]) == (phase, epoch)
    assert call("fit", "--resume", "out").code == 0
    assert_same(Path("out"), trained)
    assert not Path("out/checkpoint.safetensors").exists()


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch, call):
    """`interrupt("st", 2)`: fit into `out`, interrupted in the epoch after st's second; the reply."""

    def interrupted(phase: str, epoch: int, save_every: float, words: tuple[str, ...] = ("tiny.toml", "--run", "out")):
        with monkeypatch.context() as patch:
            patch.setattr(dsomgnn.phase, "SAVE_EVERY", save_every)
            patch.setattr(Run, "log", Run.log)
            patch.setattr(Optimisers, "step", Optimisers.step)
            scope: dict = {}
            exec(STOP, scope)
            scope["stop_at"](phase, epoch, lambda: signal.raise_signal(signal.SIGINT))
            return call("fit", *words)

    return interrupted


def test_soft_labels_that_are_kept_are_made_again(workshop: Path, interrupt, call):
    words = ("tiny.toml", "--set", "distill.policy=all")
    assert call("fit", *words, "--run", "through").code == 0
    assert interrupt("student", 3, 0, (*words, "--run", "out")).code == 130
    assert call("fit", "--resume", "out").code == 0
    assert_same(Path("out"), Path("through"))


def test_heads_drawn_as_they_are_asked_for_are_drawn_again(workshop: Path, interrupt, call, monkeypatch):
    monkeypatch.setattr(dsomgnn.distill.teachers, "MOST", 1)
    few = ("student.batch=2", "student.steps=1", "distill.policy=all")
    words = ("tiny.toml", *(word for change in few for word in ("--set", change)))
    assert call("fit", *words, "--run", "through").code == 0
    assert interrupt("student", 2, save_every=0, words=(*words, "--run", "out")).code == 130
    assert call("fit", "--resume", "out").code == 0
    assert_same(Path("out"), Path("through"))


def test_a_run_that_goes_on_where_products_are_others_says_so(workshop: Path, interrupt, call):
    assert interrupt("student", 2, save_every=0).code == 130
    record = json.loads(Path("out/record.json").read_text())
    Path("out/record.json").write_text(json.dumps(record | {"device": "NVIDIA H200"}))
    assert "goes on where other products are taken" in call("fit", "--resume", "out").err


def test_an_interrupt_exits_130_and_names_the_command_that_goes_on(workshop: Path, interrupt, call):
    reply = interrupt("student", 2, save_every=0)
    assert reply.code == 130
    assert "dsomgnn fit --resume out" in reply.err
    unfinished = call("rank", "out")
    assert unfinished.code == 5
    assert "student not trained to the end. Go on: dsomgnn fit --resume out" in unfinished.err
    assert call("rank", "out", "--model", "teacher:s").code == 0


@pytest.mark.parametrize(("phase", "epoch"), [("s", 1), ("st", 1), ("st", 3), ("student", 1), ("student", 4)])
def test_an_interrupted_run_goes_on_to_exactly_the_same_end(
    phase: str, epoch: int, workshop: Path, trained: Path, interrupt, call
):
    assert interrupt(phase, epoch, save_every=0).code == 130
    assert call("fit", "--resume", "out").code == 0
    assert_same(Path("out"), trained)


def test_a_run_stopped_after_its_last_epoch_reports_the_same_choices(workshop: Path, call, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    lively = ("--set", "agent.lr=0.02", "--set", "student.init=1.0", "--set", "distill.walks=1")
    assert call("fit", "tiny.toml", "--run", "through", *lively).code == 0
    with monkeypatch.context() as patch:
        patch.setattr("dsomgnn.phase.SAVE_EVERY", 0)
        patch.setattr("dsomgnn.fit.temperature", stop)
        assert call("fit", "tiny.toml", "--run", "out", *lively).code == 130
    assert call("fit", "--resume", "out").code == 0
    assert_same(Path("out"), Path("through"))


def test_what_was_logged_after_the_last_checkpoint_is_not_logged_twice(
    workshop: Path, trained: Path, interrupt, call, monkeypatch
):
    write = Run.write_tensors
    with monkeypatch.context() as patch:
        late = lambda meta: meta.get("epoch", 0) > 2  # noqa: E731
        patch.setattr(Run, "write_tensors", lambda self, *a: None if late(a[2]) else write(self, *a))
        assert interrupt("student", 4, save_every=0).code == 130
    assert call("fit", "--resume", "out").code == 0
    assert_same(Path("out"), trained)


def test_a_run_stopped_twice_goes_on_to_exactly_the_same_end(workshop: Path, trained: Path, interrupt, call):
    assert interrupt("student", 1, save_every=0).code == 130
    assert interrupt("student", 3, save_every=0, words=("--resume", "out")).code == 130
    assert call("fit", "--resume", "out").code == 0
    assert_same(Path("out"), trained)


@pytest.mark.parametrize("phase", ["s", "student"])
def test_a_run_stopped_before_the_first_checkpoint_of_a_phase_logs_nothing_twice(
    phase: str, workshop: Path, trained: Path, interrupt, call
):
    assert interrupt(phase, 1, save_every=math.inf).code == 130
    assert call("fit", "--resume", "out").code == 0
    assert_same(Path("out"), trained)


def test_models_are_the_same_even_without_a_checkpoint(workshop: Path, trained: Path, interrupt, call):
    interrupt("student", 2, save_every=math.inf)
    call("fit", "--resume", "out")
    (phases, _, tensors), (phases2, _, tensors2) = figures(Path("out")), figures(trained)
    assert phases == phases2
    assert all(torch.equal(tensors[name], tensors2[name]) for name in tensors2)


def test_the_settings_of_a_resumed_run_are_those_that_it_was_started_with(workshop: Path, interrupt, call):
    call("fit", "tiny.toml", "--run", "whole", "--set", "student.rank=3")
    interrupt("st", 1, save_every=0, words=("tiny.toml", "--run", "out", "--set", "student.rank=3"))
    Path("tiny.toml").unlink()
    call("fit", "--resume", "out")
    assert_same(Path("out"), Path("whole"))


def test_resuming_a_finished_run_says_so_and_changes_nothing(finished: Path, call):
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    reply = call("fit", "--resume", finished)
    assert reply.code == 0
    assert f"{finished} is finished. Next: dsomgnn rank {finished}" in reply.out
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before


def test_a_stopped_run_whose_recipe_was_changed_does_not_go_on(workshop: Path, interrupt, call):
    assert interrupt("student", 2, save_every=0).code == 130
    recipe = Path("out/recipe.toml").read_text()
    head, section, tail = recipe.partition("[student]")
    Path("out/recipe.toml").write_text(head + section + tail.replace("n3 = ", "n3 = 1", 1))
    reply = call("fit", "--resume", "out")
    assert (reply.code, "out/recipe.toml: not the one that the run was made with" in reply.err) == (5, True)
    Path("out/recipe.toml").write_text(recipe)
    assert call("fit", "--resume", "out").code == 0


@pytest.mark.parametrize("file", ["student.safetensors", "teachers/st.safetensors", "policy.safetensors"])
def test_resuming_a_finished_run_names_what_it_lacks_and_how_to_make_it_again(file: str, finished: Path, call):
    (finished / file).unlink()
    reply = call("fit", "--resume", finished)
    assert (reply.code, reply.out) == (5, "")
    assert f"is finished, but lacks {file}. To make it again: dsomgnn fit RECIPE --run OTHER" in reply.err
    assert f"--teachers {finished}" in reply.err


def test_resuming_a_finished_run_tells_a_truncated_recipe(finished: Path, call):
    (finished / "recipe.toml").write_text((finished / "recipe.toml").read_text()[:-9])
    for run in (finished, unsealed(finished)):
        reply = call("fit", "--resume", run)
        assert (reply.code, "To make it again: dsomgnn fit RECIPE --run OTHER" in reply.err) == (5, True)


def test_a_spoilt_checkpoint_is_named_and_its_run_can_still_be_read(workshop: Path, interrupt, call):
    interrupt("student", 2, save_every=0)
    checkpoint = Path("out/checkpoint.safetensors")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-9])
    reply = call("fit", "--resume", "out")
    assert reply.code == 5
    assert "checkpoint.safetensors: truncated" in reply.err
    checkpoint.unlink()
    assert call("fit", "--resume", "out").code == 0


def test_a_run_over_sampled_candidates_and_part_epochs_goes_on_to_exactly_the_same_end(workshop: Path, interrupt, call):
    text = Path("tiny.toml").read_text()
    Path("few.toml").write_text(text.replace("batch = 5", "batch = 5\ncandidates = 2\nsteps = 2"))
    for run in ("one", "other"):
        assert call("fit", "few.toml", "--run", run).code == 0
    assert_same(Path("one"), Path("other"))
    assert interrupt("student", 3, 0, ("few.toml", "--run", "out")).code == 130
    assert call("fit", "--resume", "out").code == 0
    assert_same(Path("out"), Path("one"))


def test_from_python_a_run_goes_on_as_from_the_command_line_and_a_finished_one_is_told(workshop: Path, trained: Path):
    train = dsomgnn.phase._epoch

    def stopping(phase, run, seed, standing, *more):
        if (phase.name, standing.epoch) == ("student", 2):
            raise KeyboardInterrupt
        return train(phase, run, seed, standing, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dsomgnn.phase, "_epoch", stopping)
        with pytest.raises(KeyboardInterrupt):
            dsomgnn.fit_recipe("tiny.toml", "out")
    assert dsomgnn.resume_run("out")["finished"]
    assert_same(Path("out"), trained)
    assert dsomgnn.resume_run("out")["phases"] == Run(Path("out")).record()["phases"]
    Path("out/student.safetensors").unlink()
    with pytest.raises(dsomgnn.CheckpointError, match=r"lacks student\.safetensors"):
        dsomgnn.resume_run("out")


def test_training_leaves_the_random_state_of_who_calls_it(workshop: Path):
    torch.manual_seed(11)
    wanted = torch.rand(2)
    torch.manual_seed(11)
    dsomgnn.fit_recipe("tiny.toml", "out", ["distill.policy=none", "student.epochs=1"])
    assert torch.equal(torch.rand(2), wanted)


def test_a_run_that_is_at_work_is_not_gone_on_with(finished: Path, call):
    """Two that train one run would write its log and checkpoints over each other's."""
    stopped = json.loads((finished / "record.json").read_text())
    stopped["finished"] = False
    del stopped["phases"]["student"]
    (finished / "record.json").write_text(json.dumps(stopped))
    with alone(finished, "fit"):
        reply = call("fit", "--resume", str(finished))
    assert (reply.code, reply.err.splitlines()[-1]) == (5, f"error: {finished}: another fit is at work here")
    assert call("fit", "--resume", str(finished)).code == 0
