"""A folder that one process has for itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dsomgnn.errors import CheckpointError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def alone(folder: Path, other: str) -> Iterator[None]:
    """For a while, no one else gets the folder so. Raises CheckpointError where `another ...` has it.

    The system forgets the lock with the process that holds it; a file system without locks lets everyone in.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise CheckpointError(f"{folder}: another {other} is at work here") from None
    except OSError:
        pass
    try:
        yield
    finally:
        os.close(handle)
