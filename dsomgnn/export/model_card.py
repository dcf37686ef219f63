"""README.md of an exported model: what it is, how good, of what data, and how to load it without dsomgnn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dsomgnn.data.cards import Card, known_cards
from dsomgnn.export.exported import FORMULAS

QUERY = {
    "complex": [
        "    (a, b), (c, d) = {xp}.split(e, {half}), {xp}.split(r, {half})",
        "    return entity @ {xp}.{join}([a * c - b * d, a * d + b * c])",
    ],
    "distmult": ["    return entity @ (e * r)"],
}
CODE = """\
import json
from pathlib import Path
{imports}

folder = Path(".")
tables, config = load_file(folder / "model.safetensors"), json.loads((folder / "config.json").read_text("utf-8"))
entity, relation = tables["entity"], tables["relation"]
entities, relations = (
    [line.split(b"\\t")[0].decode() for line in (folder / name).read_bytes().split(b"\\n")[:-1]]
    for name in ("entities.tsv", "relations.tsv")
)

def scores(given, name, ask="tail"):  # of all entities, as the tail of the given head, or as the head of a tail
    e = entity[entities.index(given)]
    r = relation[relations.index(name) + (len(relations) if ask == "head" else 0)]
{query}

s = scores({given}, {name})
{softmax}
for i in (-s).argsort()[:5].tolist():
    print(entities[i], float(p[i]))"""
SOFTMAX = {
    "numpy": 'p = np.exp((s - s.max()) / config["temperature"])\np /= p.sum()',
    "torch": 'p = (s / config["temperature"]).softmax(0)',
}
NAMES = {"numpy": {"xp": "np", "join": "concatenate"}, "torch": {"xp": "torch", "join": "cat"}}


def code(config: dict[str, Any], library: str) -> str:
    """A program that loads the model with "numpy" or "torch", and prints the best answers of its first example."""
    example = config["examples"][0]
    half = 2 if library == "numpy" else config["width"] // 2  # parts, or the size of one
    imported = "numpy as np" if library == "numpy" else library
    return CODE.format(
        imports=f"import {imported}\nfrom safetensors.{library} import load_file",
        query="\n".join(QUERY[config["score"]]).format(half=half, **NAMES[library]),
        softmax=SOFTMAX[library],
        given=repr(example["head"]),
        name=repr(example["relation"]),
    )


def model_card(config: dict[str, Any], record: dict[str, Any], report: dict[str, Any] | None) -> str:
    """Markdown of what config.json, record.json and, where there is one, rank/report.json say."""
    parts = (_head(config), _figures(record, report), _data(record), _loading(config), _origin(config))
    return "\n".join(line for part in parts for line in part) + "\n"


def _head(config: dict[str, Any]) -> Iterator[str]:
    yield f"# {config['run']}: link prediction on {config['data']['name']}"
    yield ""
    yield (
        f"A student of dsomgnn: {config['entities']:,} entities, {config['relations']:,} relations, score function "
        f"{config['score']} of rank {config['rank']}. It reads facts alone; text, pictures and numbers reached it, if "
        "at all, through its teachers."
    )
    yield ""
    yield f"`{FORMULAS[config['score']]}`"
    yield ""
    yield (
        "To ask for the tail of (h, r), score every entity as t. To ask for the head of (r, t), score every entity as "
        f"the tail of (t, r + {config['relations']}): that row of the relation table is the reciprocal of r. "
        f"Probabilities are softmax(scores / {config['temperature']:.4f}) over all entities"
        + (", the temperature fitted on validation data." if config["temperature_fitted"] else "; none was fitted.")
    )


def _figures(record: dict[str, Any], report: dict[str, Any] | None) -> Iterator[str]:
    yield "\n## Figures\n"
    yield "Filtered ranks among all entities, both directions.\n"
    yield "| split | MRR | Hits@1 | Hits@3 | Hits@10 | queries |"
    yield "|---|---|---|---|---|---|"
    valid, queries = record["phases"]["student"]["valid_mrr"], 2 * record["data"]["valid"]
    yield f"| valid (selected on it) | {valid:.4f} | | | | {queries:,} |"
    if report is not None and "student" in report["models"]:
        found = report["models"]["student"]["both"]
        cells = " | ".join(f"{found[key]:.4f}" for key in ("mrr", "hits@1", "hits@3", "hits@10"))
        yield f"| {report['split']}, ties {report['ties']} | {cells} | {found['n']:,} |"
    else:
        yield "\nNot ranked on the test split before it was exported."


def _data(record: dict[str, Any]) -> Iterator[str]:
    data = record["data"]
    sizes = " / ".join(f"{data[split]:,}" for split in ("train", "valid", "test"))
    yield "\n## Data\n"
    yield f"`{data['name']}`: {sizes} train / valid / test triples, sha256 `{data['sha256']}`."
    if used := record["modalities"]:
        shares = ", ".join(f"{name} ({m['present']:,} of {m['entities']:,} entities)" for name, m in used.items())
        yield f"\nModalities that teachers read: {shares}."
    if card := _card_of(data):
        yield f"\nLicence: {card.licence}. {card.licence_notes}\n"
        yield from (f"- {line}" for line in card.citation)
    else:
        yield "\nIts licence is not known to dsomgnn; identifiers and names come from it.\n"
    yield from (f"- Caution: {warning}" for warning in data["warnings"])


def _card_of(data: dict[str, Any]) -> Card | None:
    """The card of that name, if it is about the same entities and relations."""
    card = known_cards().get(data["name"])
    same = card is not None and (card.counts.entities, card.counts.relations) == (data["entities"], data["relations"])
    return card if same else None


def _loading(config: dict[str, Any]) -> Iterator[str]:
    yield "\n## Load it\n"
    yield "Neither dsomgnn nor dgl is needed. With numpy and safetensors, in this folder:\n"
    yield f"```python\n{code(config, 'numpy')}\n```\n"
    yield "With torch and safetensors:\n"
    yield f"```python\n{code(config, 'torch')}\n```"


def _origin(config: dict[str, Any]) -> Iterator[str]:
    made = config["made_by"]
    commit = f", commit `{made['git_commit']}`" if made["git_commit"] else ""
    yield "\n## Made by\n"
    yield f"dsomgnn {made['dsomgnn']}{commit}, seed {made['seed']}, teachers chosen by policy `{made['policy']}`,"
    yield f"recipe sha256 `{made['recipe_sha256']}`."
