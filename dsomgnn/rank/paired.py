"""Whether one model ranks better than another: paired bootstrap and sign test over triples, t-test over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

import torch
from scipy import stats
from torch import Tensor

from dsomgnn.rank.intervals import LEVEL, bootstrapped, interval
from dsomgnn.rank.metrics import HITS

METRICS = ("mrr", *(f"hits@{k}" for k in HITS))
SURE = 0.05  # a sign test below it speaks


@dataclass(frozen=True)
class Difference:
    """Of one metric on one slice: means of both, their difference with its interval, and how surely it is none.

    `p` is the bootstrap's, two-sided; `better`, `worse`, `equal` count triples, and `sign_p` is their sign test's.
    """

    baseline: float
    other: float
    difference: float
    low: float
    high: float
    p: float
    better: int
    worse: int
    equal: int
    sign_p: float
    queries: int

    @property
    def noise(self) -> bool:
        """Whether the interval holds 0."""
        return self.low <= 0 <= self.high

    @property
    def opposed(self) -> bool:
        """Whether the sign test speaks, and against the mean: many small changes one way, few large ones the other."""
        return self.sign_p < SURE and (self.better - self.worse) * self.difference < 0


@dataclass(frozen=True)
class Spread:
    """A difference over seeds: of each pair of runs, none where there are more of one kind, mean and interval."""

    pairs: tuple[float, ...]
    mean: float
    low: float
    high: float

    @property
    def noise(self) -> bool:
        return not (self.low > 0 or self.high < 0)


def metric_values(ranks: Tensor) -> Tensor:
    """What each of METRICS averages, (q, 4) float64: of ranks (q,), or their mean over the runs of ranks (runs, q)."""
    ranks = ranks.double().view(-1, ranks.shape[-1])
    values = [ranks.reciprocal(), *((ranks <= k).double() for k in HITS)]
    return torch.stack([value.mean(0) for value in values], 1)


def paired(
    baseline: Tensor, other: Tensor, unit: Tensor, slices: Mapping[str, Tensor], resamples: int, seed: int = 0
) -> dict[str, dict[str, Difference]]:
    """By slice and metric, how `other` differs from `baseline`: metric_values (q, 4) of the same q queries.

    `unit` (q,): the triple that each query asks about, from 0. Triples are drawn with replacement, with all their
    queries in the slice: masks (q,), each with some query.
    """
    triples = int(unit.max()) + 1
    sums = {name: _sums(unit, mask, other - baseline, triples) for name, mask in slices.items()}
    columns = {(name, place): column for name, own in sums.items() for place, column in enumerate(own.unbind(1))}
    drawn = bootstrapped(columns, resamples, seed)
    found: dict[str, dict[str, Difference]] = {}
    for name, mask in slices.items():
        means, count = (baseline[mask].mean(0).tolist(), other[mask].mean(0).tolist()), drawn[name, 0]
        found[name] = {}
        for place, metric in enumerate(METRICS):
            resampled = (drawn[name, 1 + place] / count)[count > 0]
            own = sums[name][:, [0, 1 + place]]
            found[name][metric] = _difference(means[0][place], means[1][place], resampled, own)
    return found


def over_seeds(baseline: Sequence[float], other: Sequence[float]) -> Spread | None:
    """A metric's difference between runs with several seeds each, in the order of their seeds; None for single runs.

    Student's t interval, paired where there are as many of both, and Welch's otherwise.
    """
    if min(len(baseline), len(other)) < 2:
        return None
    mean = fmean(other) - fmean(baseline)
    pairs = tuple(b - a for a, b in zip(baseline, other, strict=True)) if len(baseline) == len(other) else ()
    samples = [pairs] if pairs else [baseline, other]
    errors = [variance(sample) / len(sample) for sample in samples]  # squared, of each mean
    if not sum(errors):
        return Spread(pairs, mean, mean, mean)
    freedom = sum(errors) ** 2 / sum(e**2 / (len(s) - 1) for e, s in zip(errors, samples, strict=True))
    low, high = stats.t.interval(LEVEL, freedom, mean, sum(errors) ** 0.5)
    return Spread(pairs, mean, float(low), float(high))


def _sums(unit: Tensor, mask: Tensor, difference: Tensor, triples: int) -> Tensor:
    """Per triple the number of its queries in the slice, and the sums of their differences, (triples, 1 + 4)."""
    rows = torch.cat([torch.ones(len(unit), 1, dtype=torch.double), difference], 1)[mask]
    return torch.zeros(triples, rows.shape[1], dtype=torch.double).index_add_(0, unit[mask], rows)


def _difference(baseline: float, other: float, drawn: Tensor, sums: Tensor) -> Difference:
    low, high = interval(drawn)
    own = sums[sums[:, 0] > 0, 1]
    signs = own.sign() * (own.abs() > 1e-12)  # sums of the same values in another order are equal
    better, worse, equal = (int((signs == sign).sum()) for sign in (1, -1, 0))
    sign_p = float(stats.binomtest(better, better + worse).pvalue) if better + worse else 1.0
    least = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p = min(1.0, 2 * (1 + least) / (1 + len(drawn)))
    queries = int(sums[:, 0].sum())
    return Difference(baseline, other, other - baseline, low, high, p, better, worse, equal, sign_p, queries)
