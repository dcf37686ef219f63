"""How far figures would move had other triples been drawn: bootstrap intervals over triples."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import TypeVar

import torch
from torch import Tensor

from dsomgnn.rank.metrics import HITS

RESAMPLES = 1000
LEVEL = 0.95
AT_ONCE = 1 << 22  # draws

Key = TypeVar("Key", bound=Hashable)


def triple_values(ranks: Tensor) -> dict[str, Tensor]:
    """Per triple (n,), the mean over both its queries of what each metric averages; `ranks` (2n,), tails first."""
    each = {"mrr": ranks.reciprocal(), **{f"hits@{k}": (ranks <= k).double() for k in HITS}}
    return {name: value.view(2, -1).mean(0) for name, value in each.items()}


def bootstrapped(values: Mapping[Key, Tensor], resamples: int = RESAMPLES, seed: int = 0) -> dict[Key, Tensor]:
    """Means (resamples,) of values (n,) over n triples drawn with replacement.

    The same triples are drawn for every key, and for the same n and seed: their differences are paired.
    """
    columns = torch.stack(list(values.values()), 1)
    means = torch.cat([counts @ columns / len(columns) for counts in _draws(len(columns), resamples, seed)])
    return dict(zip(values, means.unbind(1), strict=True))


def slice_intervals(ranks: Tensor, slices: Mapping[str, Tensor]) -> dict[str, tuple[float, float]]:
    """Interval of the MRR of each slice, masks (2n,) over the queries; over triples, both queries of one together."""
    masks = {name: mask.double().view(2, -1) for name, mask in slices.items()}
    reciprocal = ranks.reciprocal().view(2, -1)
    sums = {(name, "sum"): (mask * reciprocal).sum(0) for name, mask in masks.items()}
    counts = {(name, "count"): mask.sum(0) for name, mask in masks.items()}
    drawn = bootstrapped({**sums, **counts}) if slices else {}
    return {name: interval(drawn[name, "sum"] / drawn[name, "count"]) for name in slices}


def interval(means: Tensor) -> tuple[float, float]:
    """The percentiles of means (resamples,) between which LEVEL of them lie; NaN, where nothing was drawn, aside."""
    low, high = means.nanquantile(torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2], dtype=means.dtype)).tolist()
    return low, high


def _draws(n: int, resamples: int, seed: int) -> Iterator[Tensor]:
    """How often each triple is drawn, (some, n) float64, in pieces."""
    generator = torch.Generator().manual_seed(seed)
    for rows in torch.arange(resamples).split(max(1, AT_ONCE // n)):
        drawn = torch.randint(n, (len(rows), n), generator=generator)
        keys = (drawn + n * torch.arange(len(rows))[:, None]).view(-1)
        yield torch.bincount(keys, minlength=len(rows) * n).view(len(rows), n).double()
