"""What a step does without waiting for a GPU, so that the CPU samples the next while the GPU multiplies this one."""

from __future__ import annotations

import torch
from torch import Tensor


def moved(tensor: Tensor, device: torch.device | str) -> Tensor:
    """A tensor on a device. From the CPU to a GPU it is copied in the background, out of pages that stay in place: from
    others the driver may wait."""
    if tensor.device.type == "cpu" and torch.device(device).type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def counts(index: Tensor, size: int) -> Tensor:
    """How often each number below `size` stands in `index`, (size,): torch.bincount would ask for the largest."""
    return index.new_zeros(size).index_add_(0, index, torch.ones_like(index))
