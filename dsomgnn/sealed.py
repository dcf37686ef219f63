"""What a finished run holds, and the files that no one writes again: the record of a run keeps their digests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from dsomgnn.errors import CheckpointError
from dsomgnn.registry import own_file
from dsomgnn.settings import Recipe

SEALED = ("recipe.toml", "entities.tsv", "relations.tsv")
STUDENT_FILE, POLICY_FILE = "student.safetensors", "policy.safetensors"


def teacher_file(name: str) -> str:
    return f"teachers/{name}.safetensors"


def digests(run: Path) -> dict[str, str]:
    """sha256 of each of the SEALED files, and of the user's own encoders and tracker, at the start of a run."""
    own = sorted(path.relative_to(run).as_posix() for path in run.rglob("*.py"))
    return {name: _digest(run / name) for name in (*SEALED, *own)}


def refuse_changed(run: Path, name: str, told: Mapping[str, str]) -> None:
    """Raises CheckpointError where the digest of a file is not the one that was `told`; earlier versions told none."""
    path = run / name
    if name in told and path.is_file() and _digest(path) != told[name]:
        raise CheckpointError(
            f"{path}: not the one that the run was made with (sha256 differs). Put it back as it was. {anew(run)}"
        )


def require_whole(run: Path, recipe: Recipe) -> None:
    """Raises CheckpointError where a finished run lacks one of its files."""
    agent = [POLICY_FILE] if recipe.distill.policy == "reinforce" else []
    own = {file: None for teacher in recipe.pool.values() if (file := own_file(teacher.encoder))}
    files = [STUDENT_FILE, *map(teacher_file, recipe.pool), *agent, *SEALED, *own]
    if missing := [name for name in files if not (run / name).is_file()]:
        raise CheckpointError(f"{run}: is finished, but lacks {', '.join(missing)}. {anew(run)}")


def anew(run: Path) -> str:
    """How to make a run again that cannot be mended."""
    kept = f" --teachers {run}" if any(run.glob("teachers/*.safetensors")) else ""
    return f"To make it again: dsomgnn fit RECIPE --run OTHER{kept}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
