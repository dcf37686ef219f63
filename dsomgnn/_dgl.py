"""The one place that imports dgl.

dgl 2.1 loads GraphBolt at import, and ships it for torch 2.0 to 2.2.1 only. With any other torch the import
fails although nothing here uses GraphBolt. So a stand-in takes its place where the fitting library is missing:
its attributes are classes that raise ImportError, with the reason, when they are called.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

Drawn = TypeVar("Drawn")

GRAPHBOLT_NEEDS = ("torchdata", "pydantic", "yaml", "pandas")


def graphbolt_fits(torch_version: str, package: Path) -> bool:
    """Whether the GraphBolt library for this torch, and what it imports, is there."""
    library = package / "graphbolt" / f"libgraphbolt_pytorch_{torch_version.split('+')[0]}.so"
    return library.is_file() and all(importlib.util.find_spec(name) for name in GRAPHBOLT_NEEDS)


def stand_in(reason: str) -> types.ModuleType:
    """A module that can be imported and whose names raise ImportError(reason) when called."""

    class Missing:
        def __init__(self, *args, **kwargs):
            raise ImportError(reason)

    module = types.ModuleType("dgl.graphbolt")
    module.__path__ = []

    def missing(name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Missing,), {})

    module.__getattr__ = missing  # type: ignore[method-assign]
    return module


os.environ.setdefault("DGLBACKEND", "pytorch")  # else the first import asks, on stdout


def load() -> types.ModuleType:
    """dgl, imported with GraphBolt where it fits this torch, else without."""
    spec = importlib.util.find_spec("dgl")
    if "dgl" in sys.modules or spec is None or spec.origin is None:
        return importlib.import_module("dgl")
    torch_version = importlib.metadata.version("torch")
    if graphbolt_fits(torch_version, Path(spec.origin).parent):
        return importlib.import_module("dgl")
    name = "dgl.graphbolt"
    sys.modules[name] = stand_in(f"dgl {importlib.metadata.version('dgl')} has no GraphBolt for torch {torch_version}")
    try:
        dgl = importlib.import_module("dgl")
    except BaseException:
        sys.modules.pop(name, None)
        raise
    dgl.graphbolt = sys.modules[name]  # type: ignore[attr-defined]
    return dgl


def drawn(draw: Callable[..., Drawn], *words: Any, **options: Any) -> Drawn:
    """What a sampling function of DGL draws, on the one thread that draws for all.

    DGL has a random engine per thread and numbers them as threads first draw, and OpenMP may replace a thread between
    two calls: on several threads, or in another thread of the process, the same seed gives other samples.
    """
    return _drawing[0].submit(draw, *words, **options).result()


def seed(number: int) -> None:
    """Seed what `drawn` draws."""
    drawn(dgl.seed, number)


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "dgl", lambda: dgl.utils.set_num_threads(1))


def _begin_anew() -> None:
    """In a process that was forked there is only the thread that forked it."""
    _drawing[0] = _one_thread()


dgl: Any = load()
_drawing = [_one_thread()]
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
seed(0)  # it draws first: its engine is number 0 in every process
DGLGraph: Any = dgl.DGLGraph
