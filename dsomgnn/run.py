"""A run folder: what a run was made of, how it went, and its models; every write is whole or not at all.

recipe.toml (resolved)  record.json  metrics.jsonl  entities.tsv  relations.tsv
student.safetensors  teachers/NAME.safetensors  policy.safetensors  checkpoint.safetensors (while it runs)
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import tomli_w
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from dsomgnn.data.triples import Dataset, Vocabulary
from dsomgnn.errors import CheckpointError, RecipeError, nearest, reason
from dsomgnn.recipe import load_recipe
from dsomgnn.sealed import anew, refuse_changed
from dsomgnn.settings import Recipe

CHECKPOINT = "checkpoint.safetensors"
FORMAT = "dsomgnn-1"


class Run:
    def __init__(self, path: Path):
        self.path = path
        self.listeners: list[Callable[[Mapping[str, Any]], None]] = []  # hear every event after it was logged

    @classmethod
    def create(cls, path: Path | None, recipe_path: Path) -> Run:
        """A folder to be: `path`, or runs/<recipe>-<date>-<n>. Raises CheckpointError where it holds a run already."""
        path = path or _free_path(f"{recipe_path.stem}-{date.today().isoformat()}")
        if path.is_dir() and any(path.iterdir()) and not (path / "record.json").exists():
            raise CheckpointError(f"{path}: holds other files; name a new or an empty folder")
        if (path / "record.json").exists():
            raise CheckpointError(
                f"{path}: holds a run already. Go on with it: dsomgnn fit --resume {path}; or name another folder."
            )
        return cls(path)

    def make(self) -> None:
        """Make the folder, once all that could be wrong before training has been looked at."""
        try:
            self.path.mkdir(parents=True, exist_ok=not any(self.path.glob("*")))
            (self.path / "teachers").mkdir()
        except OSError as error:
            raise CheckpointError(f"{self.path}: cannot be made: {error.strerror}") from None

    @classmethod
    def open(cls, path: Path) -> Run:
        """An existing folder. Raises CheckpointError where it is none."""
        if not (path / "record.json").is_file():
            beside = [str(p.parent) for p in path.parent.glob("*/record.json")] if path.parent.is_dir() else []
            raise CheckpointError(f"{path}: no run here (no record.json).{nearest(str(path), beside)}")
        return cls(path)

    def write_json(self, name: str, content: Any) -> None:
        self.write_text(name, json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def write_text(self, name: str, text: str) -> None:
        self._atomic(name, partial(_write_text, text))

    def read_json(self, name: str) -> Any:
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{self.path / name}: cannot be read: {reason(error)}") from None

    def record(self) -> dict[str, Any]:
        """record.json. Raises CheckpointError where it is not one of ours."""
        record = self.read_json("record.json")
        missing = [key for key in ("finished", "phases", "data", "teachers", "log") if key not in record]
        if missing or not (self.path / "recipe.toml").is_file():
            what = f"record.json lacks {', '.join(missing)}" if missing else "recipe.toml is missing"
            raise CheckpointError(f"{self.path}: not a run of this version of dsomgnn ({what})")
        return record

    def sealed(self, name: str) -> Path:
        """A file that the run was made with. Raises CheckpointError where it has been changed since."""
        refuse_changed(self.path, name, self.record().get("files_sha256", {}))
        return self.path / name

    def recipe(self) -> Recipe:
        """The resolved recipe. Raises CheckpointError where it was spoilt or changed."""
        try:
            return load_recipe(self.sealed("recipe.toml"))
        except RecipeError as error:
            raise CheckpointError(
                f"{error}\nWas it edited, or written by another version of dsomgnn? A run needs it as it was. "
                f"{anew(self.path)}"
            ) from None

    def write_recipe(
        self, recipe: Recipe, plugins: Mapping[str, Path], file: str = "recipe.toml", head: str = ""
    ) -> None:
        """The resolved recipe, and with it the files of the user's own encoders and tracker, by their spec.

        A file below the recipe keeps its place relative to it; any other gets one in "outside".
        """
        tree = recipe.model_dump(mode="json", exclude_none=True, exclude=None if recipe.sweep else {"sweep"})
        named = [(tree, "tracker"), *((teacher, "encoder") for teacher in tree["teachers"].values())]
        for section, key in named:
            if (own := plugins.get(section.get(key))) is not None:
                place, _, name = section[key].rpartition(":")
                place = Path(place).as_posix()  # "./own.py" is own.py
                if Path(place).is_absolute() or ".." in Path(place).parts:
                    place = f"outside/{hashlib.sha256(own.read_bytes()).hexdigest()[:8]}/{own.name}"
                section[key] = f"{place}:{name}"
                (self.path / place).parent.mkdir(parents=True, exist_ok=True)
                self._atomic(place, partial(shutil.copyfile, own))
        self.write_text(file, head + tomli_w.dumps(tree))

    def write_ids(self, dataset: Dataset) -> None:
        for name, vocabulary in (("entities.tsv", dataset.entities), ("relations.tsv", dataset.relations)):
            self.write_text(name, _id_table(vocabulary))

    def write_tensors(self, name: str, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
        """A safetensors file with `meta` as JSON in its header."""
        plain = {key: _whole(value) for key, value in tensors.items()}
        header = {"format": FORMAT, "meta": json.dumps(meta)}
        self._atomic(name, lambda p: save_file(plain, p, metadata=header))

    def read_tensors(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and `meta` of a file. Raises CheckpointError where it is missing, truncated or foreign."""
        path = self.path / name
        if not path.is_file():
            raise CheckpointError(f"{path}: no such file")
        try:
            with safe_open(path, "pt") as file:
                header = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError) as error:
            raise CheckpointError(f"{path}: truncated or not a safetensors file ({error})") from None
        if header.get("format") != FORMAT:
            raise CheckpointError(f"{path}: not written by dsomgnn (format {header.get('format')!r}, not {FORMAT!r})")
        return tensors, json.loads(header["meta"])

    def log(self, event: Mapping[str, Any]) -> None:
        try:
            with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(event) + "\n")
        except OSError as error:
            raise CheckpointError(f"{self.path / 'metrics.jsonl'}: cannot be written: {error.strerror}") from None
        for listener in self.listeners:
            listener(event)

    def logged(self) -> int:
        """The number of events in metrics.jsonl."""
        path = self.path / "metrics.jsonl"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def log_size(self) -> int:
        path = self.path / "metrics.jsonl"
        return path.stat().st_size if path.exists() else 0

    def cut_log(self, size: int) -> None:
        """Forget events after `size` bytes: what was logged after the checkpoint is about to happen again."""
        path = self.path / "metrics.jsonl"
        if path.exists() and path.stat().st_size > size:
            os.truncate(path, size)

    def copy(self, other: Run, name: str) -> None:
        """Copy a file of another run."""
        self._atomic(name, partial(shutil.copyfile, other.path / name))

    def drop(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def _atomic(self, name: str, write: Callable[[Path], Any]) -> None:
        path = self.path / name
        part = path.with_name(f".{path.name}.part")
        try:
            write(part)
            part.chmod(0o644)
            os.replace(part, path)
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CheckpointError(f"{path}: cannot be written: {reason}. The last whole file is kept.") from None
        finally:
            part.unlink(missing_ok=True)


def _free_path(stem: str) -> Path:
    return next(path for n in count(1) if not (path := Path("runs") / f"{stem}-{n}").exists())


def latest_run(folder: Path = Path("runs")) -> Path:
    """The run that was written to last under `folder`."""
    runs = sorted(folder.glob("*/record.json"), key=lambda p: p.stat().st_mtime)
    if not runs:
        raise CheckpointError(f"no run under {folder}/; make one: dsomgnn fit recipes/worldfacts.toml")
    return runs[-1].parent


def load_into(module: torch.nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Load a state dict; CheckpointError where names or shapes are not those of the module."""
    try:
        module.load_state_dict(dict(tensors))
    except RuntimeError as error:
        line = re.sub(r"\s+", " ", str(error))[:300]
        raise CheckpointError(f"{where}: does not fit the recipe's model: {line}") from None


def refuse_diverged(tensors: Mapping[str, Tensor], where: str) -> None:
    """Raises CheckpointError where a tensor of a trained model is not finite."""
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise CheckpointError(f"{where}: holds NaN or infinity: the model has diverged")


def _whole(tensor: Tensor) -> Tensor:
    """The tensor on the CPU, in memory of its own; only copied where it is a part of a larger one."""
    tensor = tensor.detach().cpu().contiguous()
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


def _id_table(vocabulary: Vocabulary) -> str:
    columns = [vocabulary.ids, vocabulary.names, *([vocabulary.kinds] if vocabulary.kinds else [])]
    return "".join("\t".join(row) + "\n" for row in zip(*columns, strict=True))
