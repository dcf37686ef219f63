"""The device of a run, and how torch is set up for it."""

from __future__ import annotations

import torch

from dsomgnn.errors import RecipeError
from dsomgnn.processor import float32_precision, keep_memory


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


def prepare_torch(device: torch.device, threads: int, sampled: bool) -> None:
    """Process-wide settings of torch: threads, fast float32 products, and on the CPU sums in one order.

    Buffers over `sampled` candidates have another size in every step: kept, they would pile up. Numbers below 1e-38,
    which extreme scores leave in a softmax, become 0: Intel processors take 30 times as long for a step with them.
    """
    torch.set_flush_denormal(True)  # first: threads have the setting that was there when they were started
    _set_threads(threads)
    if not sampled:
        keep_memory()
    torch.set_float32_matmul_precision(float32_precision() if device.type == "cpu" else "high")  # "high": TF32
    if device.type == "cuda":
        torch.cuda.set_device(device)
    on_cpu = device.type == "cpu"  # there gradients of x[index] are else added up by threads in any order
    torch.set_deterministic_debug_mode("warn" if on_cpu else "default")  # not 2.5 s of imports for the public function
    if on_cpu:
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


_unasked: list[int] = []  # threads of the process before a recipe said how many


def _set_threads(threads: int) -> None:
    """So many, or, with 0, as many as there were before a recipe set others."""
    if threads and not _unasked:
        _unasked.append(torch.get_num_threads())
    if wanted := threads or (_unasked.pop() if _unasked else 0):
        torch.set_num_threads(wanted)
