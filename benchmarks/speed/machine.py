"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from dsomgnn.processor import fast_dtype, format_name
from dsomgnn.record import git_commit

PACKAGES = ("dsomgnn", "torch", "numpy", "pykeen", "torchkge", "torch-geometric")


def machine() -> dict[str, object]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "instructions": ", ".join([torch.backends.cpu.get_cpu_capability(), *_bfloat16_units()]),
        "faster_products": format_name(fast_dtype()),
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "commit": git_commit(),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    return _told("model name") or platform.machine()


def _bfloat16_units() -> list[str]:
    """What multiplies bfloat16 here: shares of the limit differ by it."""
    return [unit for unit in ("avx512_bf16", "amx_bf16") if unit in _told("flags").split()]


def _told(what: str) -> str:
    """What the system tells of its first processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(what)), "")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
