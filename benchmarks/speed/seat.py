"""A process that contenders sit in: it builds one, then lets it have its turns, and says what each took."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from speed.contenders import CONTENDERS, Contender


class SeatError(Exception):
    """What went wrong inside a seat."""


class Seat:
    """The other end of the process: send it names of contenders, receive a reply to each.

    The first time a name is sent its contender is built; every further time is a turn. Raises SeatError.
    """

    def __init__(self, folder: Path, threads: int):
        paths = [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        places = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYSTOW_HOME": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "speed.seat", str(folder)],
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **counts, **places},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdin and self.process.stdout  # noqa: PT018
        self.words, self.replies = self.process.stdin, self.process.stdout

    def send(self, name: str) -> None:
        with suppress(BrokenPipeError):
            print(name, file=self.words, flush=True)

    def receive(self) -> dict[str, Any]:
        line = self.replies.readline()
        reply = json.loads(line) if line else {"error": "its process ended"}
        if "error" in reply:
            raise SeatError(reply["error"])
        return reply

    def ask(self, name: str) -> dict[str, Any]:
        self.send(name)
        return self.receive()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


class Sitting:
    """A contender that was built, inside its seat, and the memory that was in use then."""

    def __init__(self, contender: Contender, work: object):
        module, function = contender.make.split(":")
        self.turns: Iterator = getattr(import_module(f"speed.{module}"), function)(work, **contender.options)
        next(self.turns)
        self.base = _settled_memory()

    def turn(self) -> dict[str, Any]:
        wall, cpu = time.perf_counter(), time.process_time()
        done = next(self.turns)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        wall, cpu = done.seconds or wall, done.cpu or cpu
        memory = _memory("VmHWM") - self.base
        return {"rows": done.rows, "seconds": wall, "cores": cpu / wall, "extra_mb": memory, "mrr": done.mrr}


def _settled_memory() -> float:
    """MB in use, what was freed handed back; the peak is counted from here."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(what: str) -> float:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[what].split()[0]) / 1024


def serve(folder: Path) -> None:
    """Read names, write replies, until the other end is closed. What a library prints goes to stderr.

    Numbers below 1e-38 are 0 for everybody, as dsomgnn sets it: with them a step of PyKEEN, whose scores begin far
    apart, takes 40 times as long on an Intel processor, and nothing would be compared but that.
    """
    import torch

    from speed.work import Work

    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    work = Work.load(folder)
    torch.set_flush_denormal(True)
    torch.set_num_threads(work.sizes.threads)
    sitting: dict[str, Sitting] = {}
    for line in sys.stdin:
        name = line.strip()
        try:
            if name in sitting:
                reply = sitting[name].turn()
            else:
                sitting[name], reply = Sitting(CONTENDERS[name], work), {}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
