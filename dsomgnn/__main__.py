"""The program `dsomgnn`: the command line as the only thing in its process."""

from __future__ import annotations

import errno
import signal
import sys
import time
from types import FrameType

DEAF = 5.0  # seconds: whoever presses Ctrl-C twice shall not cut off what the first one saves
STOPS = (signal.SIGINT, signal.SIGTERM)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def program() -> None:
    """Run the command line. Ctrl-C, and TERM, as schedulers and containers send it, stop it after saving."""
    from dsomgnn.cli import main

    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    _stop_gently()
    try:
        try:
            main()
        finally:
            for name in STOPS:
                signal.signal(name, signal.SIG_IGN)  # else Python, as it ends, lets them end it
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in (*FULL, errno.EPIPE):
            raise
        from dsomgnn.output import give_up_stdout

        give_up_stdout()
        if error.errno in FULL:
            print(f"error: stdout cannot be written: {error.strerror}", file=sys.stderr)
        sys.exit(2)


def _stop_gently() -> None:
    heard = float("-inf")

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        if time.monotonic() - heard > DEAF:
            heard = time.monotonic()
            raise KeyboardInterrupt

    for name in STOPS:
        if signal.getsignal(name) != signal.SIG_IGN:  # as nohup and a shell's background have it
            signal.signal(name, stop)


if __name__ == "__main__":
    program()
