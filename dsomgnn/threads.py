"""Work on independent parts, each in one thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

Part = TypeVar("Part")
CACHED = 2**19  # numbers of a block


def apart(work: Callable[[Part], object], parts: Iterable[Part], threads: int) -> None:
    """Work on every part, so many at a time, with torch on one thread in each; on one thread simply in turn.

    A row of small operations keeps all threads busy so, which it does not where each of them is split.
    """
    if threads == 1:
        for part in parts:
            work(part)
        return
    before, grad = torch.get_num_threads(), torch.is_grad_enabled()

    def alone() -> None:
        torch.set_num_threads(1)
        torch.set_grad_enabled(grad)

    pool = ThreadPoolExecutor(threads, initializer=alone)
    try:
        for done in [pool.submit(work, part) for part in parts]:
            done.result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)


def by_blocks(work: Callable[..., object], *tensors: Tensor) -> None:
    """Work on the tensors' rows, in step: on a GPU on all at once, on a CPU on block by block, one thread to each."""
    on_cpu, rows = tensors[0].device.type == "cpu", max(1, CACHED // tensors[0].shape[1])
    parts = list(zip(*(tensor.split(rows if on_cpu else len(tensor)) for tensor in tensors), strict=True))
    apart(lambda part: work(*part), parts, min(len(parts), torch.get_num_threads()))
