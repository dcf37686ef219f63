"""The processor and its memory: what it is fast at, measured once, never assumed; how much there is, and that what is
freed is kept for reuse."""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ContextDecorator, contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Lock

import torch

ROWS, WIDTH, COLUMNS, ROUNDS = 128, 256, 4096, 10  # the least of so many: other work disturbs some
MARGIN = 1.25
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of cgroups, 2 and 1
FULL, ONEDNN = "highest", "medium"  # torch's names for how exact float32 products on the CPU have to be
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX, ARENA_MAX = -1, -2, -4, -8  # of glibc's mallopt


@cache
def fast_dtype() -> torch.dtype:
    """The number format of the faster products on the CPU: bfloat16 where it pays, else float32.

    It pays twice over or not at all; where the clock finds less than MARGIN, it might find the opposite next time.
    """
    pays = MARGIN * _seconds(torch.bfloat16) < _seconds(torch.float32)
    return torch.bfloat16 if pays else torch.float32


def number_format(asked: str, device: torch.device) -> torch.dtype:
    """Of products where `asked` is the coarsest that will do: bfloat16 where the device has fast instructions for it.

    Without an instruction for it (AVX2), torch multiplies a gradient in bfloat16 75 times slower than in float32.
    """
    if asked == "float32":
        return torch.float32
    if device.type == "cuda":
        ampere = (8, 0)
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= ampere else torch.float32
    return fast_dtype()


def format_name(dtype: torch.dtype) -> str:
    """As a recipe says it."""
    return str(dtype).removeprefix("torch.")


def _seconds(dtype: torch.dtype) -> float:
    query, candidates = torch.ones(ROWS, WIDTH, dtype=dtype), torch.ones(COLUMNS, WIDTH, dtype=dtype)
    out = torch.empty(ROWS, COLUMNS, dtype=dtype)
    rounds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        torch.mm(query, candidates.T, out=out)
        rounds.append(time.perf_counter() - started)
    return min(rounds)


@cache
def float32_precision() -> str:
    """How exact torch shall be asked to multiply float32 on the CPU, so that it is exact, and fast where it can be.

    "medium" has oneDNN multiply, which is faster on many processors; where these have tiles for bfloat16 (AMX), it
    multiplies in bfloat16 and says nothing. Told by the error alone: by the clock it might be another one each time.
    """
    source = torch.Generator().manual_seed(0)
    one, other = (torch.randn(n, WIDTH, generator=source) for n in (ROWS, ROWS))
    exact = one.double() @ other.double().T
    error = {}
    for name in (FULL, ONEDNN):
        with products(name):
            error[name] = float((one @ other.T - exact).abs().max())
    return ONEDNN if error[ONEDNN] <= 4 * error[FULL] else FULL


_one_at_a_time = Lock()
_asked: list[list[str]] = []  # how exact it was before, then what each asks for who is within `products` now


@contextmanager
def products(precision: str = FULL) -> Iterator[None]:
    """For a while, float32 products as exact as this: of all threads, and until the last that asked has gone."""
    own = [precision]
    with _one_at_a_time:
        if not _asked:
            _asked.append([torch.get_float32_matmul_precision()])
        _asked.append(own)
        torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        with _one_at_a_time:
            _asked[:] = [each for each in _asked if each is not own]
            torch.set_float32_matmul_precision(_asked[-1][0])
            if len(_asked) == 1:
                _asked.clear()


def exact_products(device: torch.device) -> ContextDecorator:
    """Around a function, float32 products as exact as they can be: a GPU trains in TF32."""
    return products(FULL if device.type == "cuda" else float32_precision())


@cache
def machine_memory() -> int:
    """Bytes of the machine's memory, or of what its container may have of it."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in LIMITS:
        with suppress(OSError, ValueError):  # not there, or "max"
            found.append(int(Path(limit).read_text()))
    return min(found)


@cache
def keep_memory() -> bool:
    """Have glibc keep what torch frees, for the process's whole life, in two places for all threads; whether it does.

    It would hand large buffers back to the system, and every step would wait for them to be mapped anew, page by page:
    a third of its time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    settings = ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, 2**26), (ARENA_MAX, 2))
    return all(mallopt(*setting) for setting in settings)


def own_pages(shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """Zeros that go back to the system when they are freed: large ones that come and go would leave holes elsewhere."""
    return torch.frombuffer(mmap.mmap(-1, math.prod(shape) * dtype.itemsize), dtype=dtype).view(*shape)
