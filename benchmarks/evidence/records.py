"""The recorded lines of a data set: one per run, one per paired test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RUN, TEST = "run", "paired test"


@dataclass
class Records:
    """results/<dataset>.jsonl; the last line of a key counts."""

    file: Path
    lines: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> Records:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return cls(file, [json.loads(line) for line in lines])

    def add(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    @property
    def current(self) -> list[dict[str, Any]]:
        """The runs of the recipe that the last run was made with: those of another are not to be compared with them."""
        runs = [line for line in self.lines if line["kind"] == RUN]
        return [run for run in runs if run["recipe_sha256"] == runs[-1]["recipe_sha256"]]

    def find(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """The last line that has all that `key` says."""
        found = [line for line in self.lines if all(line.get(name) == value for name, value in key.items())]
        return found[-1] if found else None

    def runs(self, variant: str, rank: int) -> list[dict[str, Any]]:
        """The current runs of a variant, one per seed, all with the settings of the last of them."""
        own = [r for r in self.current if (r["variant"], r["rank"]) == (variant, rank)]
        last = {r["seed"]: r for r in own if r["set"] == own[-1]["set"]}
        return [last[seed] for seed in sorted(last)]

    def test(self, one: tuple[str, int], other: tuple[str, int]) -> dict[str, Any] | None:
        """The paired test of `other` against `one`, where it is of the very runs that stand in the table."""
        runs = [folders(self.runs(*side)) for side in (one, other)]
        return self.find({"kind": TEST, "baseline": list(one), "other": list(other), "runs": runs})


def folders(runs: list[dict[str, Any]]) -> list[str]:
    """What tells runs from others in a paired test."""
    return [run["run"] for run in runs]
