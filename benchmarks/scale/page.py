"""SCALE.md: the figures of one run as tables."""

from __future__ import annotations

from typing import Any

HEAD = """\
# Scale

Made by `python benchmarks/scale.py` on {date}: {processor}, {cores} cores, Python {python}, torch {torch}. A made graph
of {entities:,} entities, 535 relations and {triples:,} train triples; two modalities of 64 columns, for 60 % and 30 %
of the entities. Each phase is a process of its own: its seconds, and the most memory it held.
"""

TRAINING = """\
Inside `dsomgnn fit`: ComplEx of rank 32, the second teacher with two modalities of rank 8 beside it, and messages of
ten sampled neighbours (CompGCN); 4,000 sampled candidates beyond each batch's own, batches of 1,000 queries for
teachers and of 500 for the student, which an agent teaches; models are selected on 200 valid triples, ranked among all
entities. So few steps show what a step takes, not what can be learnt: at full size they are about one per cent of an
epoch, and most rows of a table are met once or never. The teacher with modalities learns first, since all entities
share what it makes of them.
"""


def markdown(result: dict[str, Any]) -> str:
    machine = result["machine"]
    named = {**machine, "torch": machine["versions"]["torch"]}
    parts = [HEAD.format(**named, entities=result["entities"], triples=result["triples"]), _phases(result["phases"])]
    return "\n".join([*parts, TRAINING, _training(result["training"]), _ranks(result["rank"])])


def _phases(phases: dict[str, dict[str, float]]) -> str:
    lines = [f"| {name} | {p['seconds']:,.0f} | {p['peak_gib']:.1f} |" for name, p in phases.items()]
    return "\n".join(["| | seconds | peak GiB |", "|---|---|---|", *lines, ""])


def _training(training: dict[str, dict[str, float]]) -> str:
    lines = [
        f"| {name} | {t['seconds']:,.0f} | {t['rows_per_second']:,} | {t['first_loss']:.3f} | {t['last_loss']:.3f} |"
        for name, t in training.items()
    ]
    head = "| | seconds, with validation | queries/s | cross entropy, first epoch | last |\n|---|---|---|---|---|"
    return "\n".join([head, *lines, ""])


def _ranks(rank: dict[str, float]) -> str:
    return f"Student, {rank['n']:,} test queries among all entities: MRR {rank['mrr']:.4f}.\n"
