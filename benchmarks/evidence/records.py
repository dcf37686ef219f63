"""The recorded lines of a data set: one per run, one per paired test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from evidence.plan import Suite, trial, variants

RUN, TEST = "run", "paired test"


@dataclass
class Records:
    """results/<dataset>.jsonl; the last line of a key counts."""

    suite: Suite
    file: Path
    lines: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, suite: Suite, folder: Path) -> Records:
        file = folder / "results" / f"{suite.dataset}.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return cls(suite, file, [json.loads(line) for line in lines])

    def add(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def find(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """The last line that has all that `key` says."""
        found = self._having(key)
        return found[-1] if found else None

    def _having(self, key: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [line for line in self.lines if all(line.get(name) == value for name, value in key.items())]

    @property
    def kinds(self) -> list[tuple[str, int]]:
        """Variants with their ranks that have a run with the recipe's present settings, as they were first run."""
        known = variants(self.suite)
        made = dict.fromkeys((r["variant"], r["rank"]) for r in self.lines if r["kind"] == RUN)
        return [kind for kind in made if kind[0] in known and self.runs(*kind)]

    def runs(self, variant: str, rank: int) -> list[dict[str, Any]]:
        """The runs of a variant with the recipe's present settings, one per seed: those of others are not to be
        compared with them."""
        key = {"kind": RUN, **trial(self.suite, variant, rank).key}
        del key["seed"]
        last = {run["seed"]: run for run in self._having(key)}
        return [last[seed] for seed in sorted(last)]

    def test(self, one: tuple[str, int], other: tuple[str, int]) -> dict[str, Any] | None:
        """The paired test of `other` against `one`, of runs of the settings and seeds that stand in the table."""
        runs = [folders(self.runs(*side)) for side in (one, other)]
        return self.find({"kind": TEST, "baseline": list(one), "other": list(other), "runs": runs})

    def of_the_table(self, test: Mapping[str, Any]) -> bool:
        """Whether a test is of the very runs that stand in the table: the same made on another processor differ."""
        found = test["slices"]["all"]
        means = [fmean(run["mrr"] for run in self.runs(*test[side])) for side in ("baseline", "other")]
        return all(abs(mean - found[side]) < 1e-6 for mean, side in zip(means, ("baseline", "other"), strict=True))


def folders(runs: list[dict[str, Any]]) -> list[str]:
    """What tells runs from others in a paired test."""
    return [run["run"] for run in runs]
