"""How the figures of a comparison are set, on a terminal and in HTML."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

METRICS = {"mrr": "MRR", "hits@1": "Hits@1", "hits@3": "Hits@3", "hits@10": "Hits@10"}
COLUMNS = (
    "slice", "queries", "metric", "baseline", "other", "difference", "95 % interval", "p", "better : worse",
    "sign test p", "",
)  # fmt: skip


def heading(result: Mapping[str, Any]) -> str:
    sides = "both sides" if len(result["sides"]) > 1 else f"{result['sides'][0]} asked for"
    return f"{result['split']}, filtered, ties {result['ties']}: {result['triples']:,} triples, {sides}"


def figure(group: Mapping[str, Any], metric: str) -> str:
    """The mean, with the standard deviation over seeds where there are some."""
    values = [run[metric] for run in group["runs"]]
    return f"{group[metric]:.4f}" + (f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else "")


def row(name: str, metric: str, found: Mapping[str, Any]) -> list[str]:
    """The cells of COLUMNS for one metric on one slice."""
    return [
        name,
        f"{found['queries']:,}",
        METRICS[metric],
        f"{found['baseline']:.4f}",
        f"{found['other']:.4f}",
        f"{found['difference']:+.4f}",
        f"[{found['low']:+.4f}, {found['high']:+.4f}]",
        probability(found["p"]),
        f"{found['better']:,} : {found['worse']:,}",
        probability(found["sign_p"]),
        told(found),
    ]


def told(found: Mapping[str, Any]) -> str:
    """The verdict, with what the sign test says where that is the opposite."""
    opposite = "better" if found["better"] > found["worse"] else "worse"
    return found["verdict"] + (f"; sign test: {opposite}" if found["opposed"] else "")


def probability(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def by_chance(result: Mapping[str, Any]) -> str:
    """How many of the slices would differ by chance alone; '' for too few to say."""
    slices = sum(len(comparison["slices"]) for comparison in result["comparisons"])
    return f"Of {slices} slices about {slices / 20:.0f} would differ by chance alone." if slices >= 20 else ""
