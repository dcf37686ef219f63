"""The device of a run, and how torch is set up for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import torch
from torch.random import fork_rng

from dsomgnn.errors import RecipeError
from dsomgnn.processor import float32_precision, keep_memory, machine_memory


def pick_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise RecipeError(f'device = "{name}": no such device; use "auto", "cpu" or "cuda"') from None
    if device.type not in ("cpu", "cuda"):
        raise RecipeError(f'device = "{name}": only "auto", "cpu" and "cuda" are supported')
    if device.type == "cuda" and not torch.cuda.is_available():
        raise RecipeError(f'device = "{name}": this torch ({torch.__version__}) sees no CUDA device')
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise RecipeError(f'device = "{name}": there are {torch.cuda.device_count()} CUDA devices, counted from 0')
    return device


def device_at_hand(name: str) -> torch.device:
    """The device of that name, or the best there is: for what can be done on any."""
    try:
        return pick_device(name)
    except RecipeError:
        return pick_device("auto")


def memory_of(device: torch.device) -> int:
    """Bytes of the memory that tensors of a device lie in."""
    return torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else machine_memory()


@contextmanager
def left_as_found() -> Iterator[None]:
    """Around what is called from Python: torch's random numbers and process-wide settings are as before, after it.

    As these are of all threads, one thread waits for another. What `prepare_torch` has the memory keep is kept.
    """
    with _one_thread:
        yield from _left_as_found()


_one_thread = RLock()


def _left_as_found() -> Iterator[None]:
    gpus = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    current = torch.cuda.current_device() if gpus else None
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    deterministic, filled = torch.get_deterministic_debug_mode(), _filled().fill_uninitialized_memory
    flushed = not torch.full((), 1e-40).mul(1.0)
    try:
        with fork_rng(gpus):
            yield
    finally:
        if current is not None:
            torch.cuda.set_device(current)
        torch.set_deterministic_debug_mode(deterministic)
        _filled().fill_uninitialized_memory = filled
        torch.set_float32_matmul_precision(precision)
        torch.set_num_threads(threads)
        torch.set_flush_denormal(flushed)


def _filled() -> Any:
    """What holds `fill_uninitialized_memory`, a property of the module that torch does not type."""
    return torch.utils.deterministic


def prepare_torch(device: torch.device, threads: int, sampled: bool) -> None:
    """Process-wide settings of torch: threads, fast float32 products, and on the CPU sums in one order.

    Buffers over `sampled` candidates have another size in every step: kept, they would pile up. Numbers below 1e-38,
    which extreme scores leave in a softmax, become 0: Intel processors take 30 times as long for a step with them.
    """
    torch.set_flush_denormal(True)  # first: threads have the setting that was there when they were started
    if threads:
        torch.set_num_threads(threads)
    if not sampled:
        keep_memory()
    torch.set_float32_matmul_precision(float32_precision() if device.type == "cpu" else "high")  # "high": TF32
    if device.type == "cuda":
        torch.cuda.set_device(device)
    on_cpu = device.type == "cpu"  # there gradients of x[index] are else added up by threads in any order
    torch.set_deterministic_debug_mode("warn" if on_cpu else "default")  # not 2.5 s of imports for the public function
    if on_cpu:
        _filled().fill_uninitialized_memory = False
