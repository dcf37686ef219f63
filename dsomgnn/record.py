"""record.json: what a run was made of, so that its figures can be traced and made again."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from datetime import datetime, timezone
from typing import Any

import torch

from dsomgnn import __version__
from dsomgnn.build import Job
from dsomgnn.data.audit.audit import audit
from dsomgnn.data.audit.coverage import entity_texts
from dsomgnn.data.audit.verdict import warnings
from dsomgnn.places import PACKAGE
from dsomgnn.processor import format_name, number_format
from dsomgnn.taken import teacher_key


def versions() -> dict[str, str]:
    names = ("torch", "dgl", "numpy", "scipy", "scikit-learn", "safetensors")
    found = {name: importlib.metadata.version(name) for name in names}
    return {"dsomgnn": __version__, "python": platform.python_version(), **found}


def git_commit() -> str | None:
    """The commit of the checkout that this package runs from, "+" where it was changed since; None outside one."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(PACKAGE.parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        if not (PACKAGE.parent / ".git").exists():
            return None
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--", "dsomgnn") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def modalities_used(job: Job) -> dict[str, Any]:
    """Per feature that a teacher reads: where it came from and how many entities have it."""
    return {
        name: {
            "source": job.recipe.features[name].source,
            "encoder": job.recipe.features[name].encoder,
            "dim": feature.dim,
            "present": int(feature.present.sum()),
            "sha256": feature.sha256,
            "entities": job.dataset.num_entities,
        }
        for name, feature in job.mkg.features.items()
    }


def processed_on(job: Job) -> dict[str, Any]:
    """What multiplies here, and how: on another machine the same seed gives other figures, in their last digits."""
    return {
        "device": str(job.device) if job.device.type == "cpu" else torch.cuda.get_device_name(job.device),
        "float32_products": torch.get_float32_matmul_precision(),
        "products": products_used(job),
    }


def products_used(job: Job) -> dict[str, str]:
    """The number format of every model's products on this machine."""
    trained = job.recipe.trained.items()
    return {name: format_name(number_format(training.products, job.device)) for name, training in trained}


def _of(job: Job) -> str:
    some, every = len(job.selecting), len(job.dataset.valid)
    return f" of {some:,} of the {every:,} valid triples, drawn by the seed" if some < every else ""


def start_record(job: Job, phases: dict[str, Any]) -> dict[str, Any]:
    data = job.dataset
    audited = audit(data, entity_texts(data))
    return {
        "finished": False,
        "log": 0,
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "recipe_sha256": job.recipe.sha256(),
        "seed": job.recipe.seed,
        "policy": job.recipe.distill.policy,
        "git_commit": git_commit(),
        "versions": versions(),
        **processed_on(job),
        "threads": torch.get_num_threads(),
        "data": {
            "name": data.name,
            "folder": str(data.folder.resolve()),
            "sha256": data.sha256,
            "entities": data.num_entities,
            "relations": data.num_relations,
            "train": len(data.train),
            "valid": len(data.valid),
            "test": len(data.test),
            "warnings": [*data.warnings, *warnings(audited)],
            "audit": audited.counts(),
        },
        "modalities": modalities_used(job),
        "teachers": {name: teacher_key(job, name) for name in job.recipe.pool},
        "teacher_train_triples": len(job.teacher_mkg.train),
        "selection": f"validation MRR{_of(job)}, filtered with train, valid and test, ties realistic",
        "phases": dict(phases),
    }


def finished_record(record: dict[str, Any]) -> None:
    record["finished"] = True
    own = [phase for phase in record["phases"].values() if "taken_from" not in phase]
    record["seconds"] = round(sum(phase["seconds"] for phase in own), 3)
