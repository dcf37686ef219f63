"""All that a comparison says, in one tree of plain values: `dsomgnn compare --json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from dsomgnn.compare.groups import Group, doubts, same_queries, slice_masks, unlike_seeds
from dsomgnn.compare.words import probability
from dsomgnn.rank.paired import METRICS, Difference, Spread, metric_values, over_seeds, paired


def measure(groups: Sequence[Group], split: str, ties: str | None, resamples: int, seed: int) -> dict[str, Any]:
    """{"split", "ties", ..., "groups": [...], "comparisons": [...]}: every group against the first. Raises DataError,
    RecipeError where they cannot be compared."""
    ties = same_queries(groups, ties)
    frame = groups[0].members[0].frame
    unit = torch.tensor(frame.groupby(["head", "relation", "tail", "nth"], sort=False).ngroup().to_numpy())
    slices = {name: torch.tensor(mask) for name, mask in slice_masks(groups).items()}
    values = [[metric_values(torch.tensor(m.frame[ties].to_numpy())) for m in group.members] for group in groups]
    baseline, *others = [torch.stack(runs) for runs in values]
    found = [_compared(baseline, other, unit, slices, resamples, seed) for other in others]
    names = [group.name for group in groups]
    pairs_of = ["runs" if unlike_seeds(groups[0], group) else "seeds" for group in groups[1:]]
    words = [
        verdict(name, names[0], each["all"]["mrr"], of)
        for name, each, of in zip(names[1:], found, pairs_of, strict=True)
    ]
    comparisons = [
        {"baseline": names[0], "other": name, "verdict": said, "slices": each}
        for name, each, said in zip(names[1:], found, words, strict=True)
    ]
    figures = [_figures(group, runs) for group, runs in zip(groups, values, strict=True)]
    counts = {"triples": int(unit.max()) + 1, "queries": len(frame), "resamples": resamples, "seed": seed}
    sides = sorted(frame.index.unique("side"))
    told = {"groups": figures, "comparisons": comparisons, "doubts": doubts(groups)}
    return {"split": split, "ties": ties, "sides": sides, **counts, **told}


def _figures(group: Group, runs: Sequence[Tensor]) -> dict[str, Any]:
    """A group's metrics, and those of each of its runs."""
    named = [
        {"name": member.name, "seed": member.seed, **_metrics(own)}
        for member, own in zip(group.members, runs, strict=True)
    ]
    return {"name": group.name, **_metrics(torch.stack(list(runs)).mean(0)), "runs": named}


def _metrics(values: Tensor) -> dict[str, float]:
    return dict(zip(METRICS, values.mean(0).tolist(), strict=True))


def _compared(
    baseline: Tensor, other: Tensor, unit: Tensor, slices: Mapping[str, Tensor], resamples: int, seed: int
) -> dict[str, dict[str, dict[str, Any]]]:
    """By slice and metric, `paired` of the means over runs of values (runs, q, 4), with `over_seeds` of the runs."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, metrics in paired(baseline.mean(0), other.mean(0), unit, slices, resamples, seed).items():
        runs = [side[:, slices[name]].mean(1) for side in (baseline, other)]
        found[name] = {}
        for place, (metric, difference) in enumerate(metrics.items()):
            seeds = over_seeds(*(side[:, place].tolist() for side in runs))
            told = {"seeds": seeds and asdict(seeds), "verdict": word(difference, seeds), "opposed": difference.opposed}
            found[name][metric] = {**asdict(difference), **told}
    return found


SAME, NOISE, OVER_SEEDS, FEW = "the same", "noise", "noise over seeds", "too few"
LEAST = 6  # triples ranked otherwise: fewer, even if all agree, are no surprise to a sign test (2 * 0.5**5 > 0.05)


def word(difference: Difference, seeds: Spread | None) -> str:
    told_apart = difference.better + difference.worse
    if not told_apart:
        return SAME
    if difference.noise:
        return NOISE
    if seeds is not None and seeds.noise:
        return OVER_SEEDS
    if told_apart < LEAST:
        return FEW
    return "better" if difference.difference > 0 else "worse"


def verdict(other: str, baseline: str, found: Mapping[str, Any], pairs_of: str = "seeds") -> str:
    """In words, whether the difference in MRR is more than noise, and whether the sign test says the opposite."""
    return _of_the_mean(other, baseline, found, pairs_of) + _of_the_signs(found)


def _of_the_signs(found: Mapping[str, Any]) -> str:
    if not found["opposed"]:
        return ""
    counts = f"{found['better']:,} triples are ranked better and {found['worse']:,} worse"
    return f" The sign test says the opposite: {counts} (p {probability(found['sign_p'])})."


def _of_the_mean(other: str, baseline: str, found: Mapping[str, Any], pairs_of: str) -> str:
    """Over triples, and over seeds where there are some."""
    told, seeds = f"{other} against {baseline}: {found['difference']:+.4f} MRR", found["seeds"]
    over_triples = f"interval over triples {_span(found)}"
    pairs = len(seeds["pairs"]) if seeds else 0
    of_seeds = f"over {pairs} pairs of {pairs_of}" if pairs else "over seeds"
    if found["verdict"] == SAME:
        return f"{told}: not one triple is ranked otherwise."
    if found["verdict"] == NOISE:
        return f"{told} is noise: the 95 % {over_triples} holds 0."
    if found["verdict"] == OVER_SEEDS:
        return f"{told} is noise {of_seeds}: 95 % interval {_span(seeds)}, though the {over_triples} does not hold 0."
    if found["verdict"] == FEW:
        return (
            f"{told}: too few triples are ranked otherwise ({found['better'] + found['worse']}) to tell it from chance."
        )
    if seeds is None:
        return f"{told}, {found['verdict']}: 95 % {over_triples}. Another seed may move it: give several runs of each."
    return f"{told}, {found['verdict']}: 95 % {over_triples}, {of_seeds} {_span(seeds)}."


def _span(found: Mapping[str, Any]) -> str:
    return f"[{found['low']:+.4f}, {found['high']:+.4f}]"
