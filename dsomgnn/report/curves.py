"""How the training of each model went, read from metrics.jsonl."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

Points = list[tuple[float, float]]
LOSSES = ("loss", "fit", "taught")
NO_TEACHER = "no teacher"


@dataclass(frozen=True)
class Curves:
    """Points (epoch, value) of one phase: losses by part, validation MRR, and the share of each teacher."""

    loss: dict[str, Points] = field(default_factory=lambda: defaultdict(list))
    valid_mrr: Points = field(default_factory=list)
    share: dict[str, Points] = field(default_factory=lambda: defaultdict(list))


def read_curves(run: Path) -> dict[str, Curves]:
    """By phase, in the order in which they were trained; a line that is none of ours is passed over."""
    path = run / "metrics.jsonl"
    phases: dict[str, Curves] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        try:
            event = json.loads(line)
            if event["event"] == "epoch":
                _add(phases.setdefault(event["phase"], Curves()), event)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return phases


def _add(curves: Curves, event: dict) -> None:
    epoch = float(event["epoch"])
    for part in LOSSES:
        if part in event:
            curves.loss[part].append((epoch, float(event[part])))
    if "valid_mrr" in event:
        curves.valid_mrr.append((epoch, float(event["valid_mrr"])))
    for name, value in event.get("share", {}).items():
        curves.share[name].append((epoch, float(value)))
    if "empty" in event:
        curves.share[NO_TEACHER].append((epoch, float(event["empty"])))
