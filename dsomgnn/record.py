"""record.json: what a run was made of, so that its figures can be traced and made again."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import torch

from dsomgnn import __version__
from dsomgnn.build import Job
from dsomgnn.data.audit.audit import audit
from dsomgnn.data.audit.coverage import entity_texts
from dsomgnn.data.audit.verdict import warnings
from dsomgnn.errors import RecipeError
from dsomgnn.places import PACKAGE
from dsomgnn.registry import plugin_file
from dsomgnn.run import Run

# of a teacher that another run does not have as `teacher_key` asks for it
LACKING = (
    "missing there, unfinished or made with other settings, features, seed, place among the teachers, reserve, "
    "selection or data"
)


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


def teacher_key(job: Job, name: str) -> str:
    """One digest over all that a teacher depends on: its settings and features, what it sees and is selected on."""
    recipe, teacher = job.recipe, job.recipe.teachers[name]
    features = [job.mkg.features[modality].sha256 for modality in teacher.modalities]
    file = plugin_file(teacher.encoder, job.folder)
    code = hashlib.sha256(file.read_bytes()).hexdigest() if file else ""
    place = list(recipe.teachers).index(name)
    settings = teacher.model_copy(update={"encoder": teacher.encoder.rpartition("/")[2]}).model_dump_json()
    parts = [__version__, settings, *features, code, recipe.seed, place, recipe.reserve, job.dataset.sha256]
    parts += [recipe.rank.valid] if recipe.rank.valid else []
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def same_teachers(job: Job, others: Sequence[Run]) -> dict[str, Run]:
    """Of each teacher that would come out the same here the first run that has it. Raises RecipeError where none is."""
    records = [(run, run.record()) for run in others]
    found = {}
    for name in job.recipe.pool:
        key = teacher_key(job, name)
        having = [run for run, r in records if r["teachers"].get(name) == key and _holds(run, r, name)]
        if having:
            found[name] = having[0]
    if others and job.recipe.pool and not found:
        raise RecipeError(
            f"--teachers {', '.join(str(run.path) for run in others)}: every teacher of the recipe is {LACKING}"
        )
    return found


def _holds(run: Run, record: dict[str, Any], name: str) -> bool:
    return name in record["phases"] and (run.path / f"teachers/{name}.safetensors").exists()


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
        "device": str(job.device) if job.device.type == "cpu" else torch.cuda.get_device_name(job.device),
        "threads": torch.get_num_threads(),
        "float32_products": torch.get_float32_matmul_precision(),
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
