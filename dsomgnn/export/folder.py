"""A student as plain files that other programs load: safetensors, ids, config, model card."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from dsomgnn.errors import CheckpointError, RecipeError, reason
from dsomgnn.export.exported import CARD, CONFIG, FORMAT, FORMULAS, IDS, MODEL, Exported, digest, read_export
from dsomgnn.export.model_card import model_card
from dsomgnn.predict.best import all_scores, scores_of, top
from dsomgnn.predict.loaded import Loaded, load
from dsomgnn.predict.student import Student

EXAMPLES = 5
SAMPLE = 256  # queries
NEAR = 1e-4  # of the largest score


def export_run(run: str | Path, folder: str | Path) -> list[str]:
    """Write the student of a run into a new or empty folder, all of it or nothing; the names of the files.

    Raises CheckpointError for the run, RecipeError where the folder holds something or cannot be written.
    """
    model, folder = load(run), Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RecipeError(f"{folder}: exists already; name a new or an empty folder")
    part = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        part.chmod(0o755)
        _write(model, part)
        os.replace(part, folder)
    except (OSError, SafetensorError) as error:
        raise RecipeError(f"{folder}: cannot be written: {reason(error)}") from None
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
    return sorted(path.name for path in folder.iterdir())


def check_export(folder: str | Path, run: str | Path | None = None) -> dict[str, Any]:
    """Load an export by numpy alone and compare its scores with its own examples and, with a run, with its student.

    {"queries", "scores", "largest_difference"}, the difference as a share of the largest score. Raises
    CheckpointError where files are damaged or scores differ.
    """
    folder = Path(folder)
    found = read_export(folder)
    gap, examples = _examples_gap(found, folder), len(found.config["examples"])
    counts = {"queries": examples, "scores": examples}
    if run is not None:
        model = load(run)
        if (found.entities, found.relations) != (list(model.entity.words.ids), list(model.relation.words.ids)):
            raise CheckpointError(f"{folder}: not exported from {run}: other entities or relations")
        if found.config["temperature"] != model.scorer.temperature:
            raise CheckpointError(f"{folder}: not exported from {run}: another temperature")
        queries = _sample(model)
        theirs = all_scores(model.scorer, queries).cpu().numpy()
        gap = max(gap, _gap(found.scores(queries.numpy()), theirs))
        counts = {"queries": len(queries), "scores": theirs.size}
    if not gap <= NEAR:
        raise CheckpointError(f"{folder}: scores differ from those of the run, by {gap:.2g} of the largest")
    return {**counts, "largest_difference": gap}


def _examples_gap(found: Exported, folder: Path) -> float:
    """How far the scores of config.json's examples are from those that stand there."""
    entities, relations = ({word: i for i, word in enumerate(words)} for words in (found.entities, found.relations))
    try:
        examples = found.config["examples"]
        rows = [(entities[e["head"]], relations[e["relation"]], entities[e["tail"]]) for e in examples]
        scores = found.scores(np.array([row[:2] for row in rows]))[np.arange(len(rows)), [row[2] for row in rows]]
        return _gap(scores, np.array([float(e["score"]) for e in examples]))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CheckpointError(f"{folder / CONFIG}: its examples do not fit the tables and id files: {error}") from None


def _write(model: Loaded, folder: Path) -> None:
    assert isinstance(model.scorer, Student)
    tables = {"entity": model.scorer.entities, "relation": model.scorer.relations}
    plain = {name: table.cpu().contiguous() for name, table in tables.items()}
    save_file(plain, folder / MODEL, metadata={"format": FORMAT, "score": model.recipe.student.score})
    (folder / MODEL).chmod(0o644)  # safetensors lets the owner alone read it
    for name in IDS.values():
        shutil.copyfile(model.run.path / name, folder / name)
    config = _config(model) | {"sha256": {name: digest(folder / name) for name in (MODEL, *IDS.values())}}
    _write_text(folder / CONFIG, json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    ranked = (model.run.path / "rank" / "report.json").is_file()
    report = model.run.read_json("rank/report.json") if ranked else None
    _write_text(folder / CARD, model_card(config, model.record, report))


def _config(model: Loaded) -> dict[str, Any]:
    record, recipe, student = model.record, model.recipe, model.scorer
    assert isinstance(student, Student)
    return {
        "format": FORMAT,
        "run": model.run.path.resolve().name,
        "score": recipe.student.score,
        "formula": FORMULAS[recipe.student.score],
        "rank": recipe.student.rank,
        "width": student.entities.shape[1],
        "entities": len(model.entity.words),
        "relations": model.num_relations,
        "temperature": student.temperature,
        "temperature_fitted": student.fitted is not None,
        "data": {key: record["data"][key] for key in ("name", "sha256", "train", "valid", "test")},
        "made_by": {
            "dsomgnn": record["versions"]["dsomgnn"],
            **{key: record[key] for key in ("git_commit", "seed", "policy", "recipe_sha256")},
        },
        "examples": _examples(model),
    }


def _examples(model: Loaded) -> list[dict[str, Any]]:
    """The surest answers of a sample of queries for tails, to check a copy by."""
    queries = _sample(model)
    queries = queries[queries[:, 1] < model.num_relations]
    best = top(model.scorer, queries, 1)
    surest = best.probability[:, 0].argsort(descending=True)[:EXAMPLES]
    scores = scores_of(model.scorer, queries[surest], best.entity[surest, 0])
    entities, relations = model.entity.words.ids, model.relation.words.ids
    rows = zip(queries[surest].tolist(), best.entity[surest, 0].tolist(), scores.tolist(), strict=True)
    keys = ("head", "relation", "tail", "score")
    return [dict(zip(keys, (entities[h], relations[r], entities[t], s), strict=True)) for (h, r), t, s in rows]


def _sample(model: Loaded) -> torch.Tensor:
    """At most SAMPLE queries (n, 2), the same for the same counts."""
    draw = torch.Generator().manual_seed(0)
    ends = (len(model.entity.words), 2 * model.num_relations)
    return torch.stack([torch.randint(end, (SAMPLE,), generator=draw) for end in ends], 1).unique(dim=0)


def _gap(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-30))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
