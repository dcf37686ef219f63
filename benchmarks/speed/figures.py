"""What the turns say: rates of each contender, and ratios of two, taken within a round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from speed import contenders as who
from speed.contenders import ASKED, CONTENDERS, FAST, MERGED, POSITIVE, SINGLE, Contender
from speed.rounds import Turn


@dataclass(frozen=True)
class Figure:
    """A median over rounds, with the least and the greatest."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True)
class Ratio:
    """How many times as fast `one` is as `other` in a bout: in rows, or in original triples."""

    name: str
    bout: str
    one: Contender
    other: Contender
    what: str
    triples: bool = False


RATIOS = [
    Ratio("train_share_fp32", "train", who.TRAIN["float32"], who.STEP["float32"], "training, float32"),
    Ratio("train_share_bf16", "train", who.TRAIN[FAST], who.STEP[FAST], f"training, {FAST}"),
    Ratio("distill_share", "distil", who.TAUGHT["float32"], who.LESSON["float32"], "taught, float32"),
    Ratio("distill_share_bf16", "distil", who.TAUGHT[FAST], who.LESSON[FAST], f"taught, {FAST}"),
    Ratio("rank_share", "rank", who.RANK, who.ANSWERS, "ranking"),
    Ratio("train_vs_plain", "train", who.TRAIN[FAST], who.PLAIN, "training", triples=True),
    Ratio("train_vs_pykeen", "train", who.TRAIN[FAST], who.PYKEEN, "training", triples=True),
    Ratio("rank_vs_plain", "rank", who.RANK, who.PLAIN_RANK, "ranking"),
    Ratio("rank_vs_pykeen", "rank", who.RANK, who.PYKEEN_RANK, "ranking"),
]
MEMORY = {"train_extra_mb": who.TAUGHT["float32"], "rank_extra_mb": who.RANK}


@dataclass(frozen=True)
class Score:
    """A contender in one bout on one data set; rates per second, memory in MB."""

    data: str
    bout: str
    contender: str
    rounds: int
    rows: Figure
    triples: Figure | None
    cores: float
    load: float
    extra_mb: float
    mrr: float | None


def worth(contender: Contender, triples_per_query: float) -> float | None:
    """Original triples per row."""
    return {MERGED: triples_per_query, SINGLE: 0.5, POSITIVE: 1.0, ASKED: None}[contender.counts]


def scores(data: str, bout: str, turns: Sequence[Turn], triples_per_query: float) -> list[Score]:
    return [_score(data, bout, own, triples_per_query) for own in _by_contender(turns).values()]


def _by_contender(turns: Sequence[Turn]) -> dict[str, list[Turn]]:
    return {name: [t for t in turns if t.contender == name] for name in dict.fromkeys(t.contender for t in turns)}


def _score(data: str, bout: str, own: list[Turn], triples_per_query: float) -> Score:
    rates = [turn.rate for turn in own]
    each = worth(CONTENDERS[own[0].contender], triples_per_query)
    return Score(
        data,
        bout,
        own[0].contender,
        len(own),
        Figure.of(rates),
        None if each is None else Figure.of([rate * each for rate in rates]),
        median(t.cores for t in own),
        median(t.load for t in own),
        max(t.extra_mb for t in own),
        own[-1].mrr,
    )


def ratio(which: Ratio, turns: Sequence[Turn], triples_per_query: float, of: str = "rate") -> Figure | None:
    """Of the turns' `rate` or `frugality`, over the rounds that both played; None where there is none."""
    rates = {(turn.contender, turn.round): getattr(turn, of) for turn in turns}
    one, other = (worth(c, triples_per_query) for c in (which.one, which.other))
    factor = one / other if which.triples and one and other else 1.0
    rounds = [n for name, n in rates if name == which.one.name and (which.other.name, n) in rates]
    found = [factor * rates[which.one.name, n] / rates[which.other.name, n] for n in rounds]
    return Figure.of(found) if found else None


def summary(bouts: Mapping[str, Sequence[Turn]], triples_per_query: float) -> dict[str, Any]:
    """All ratios and memories of one data set, None where a bout or a peer is missing.

    Beside them the ratios' `spread`, and the same ratios `per_core`: in seconds of processor time.
    """

    def ratios(of: str) -> dict[str, Figure | None]:
        return {r.name: ratio(r, bouts.get(r.bout, []), triples_per_query, of) for r in RATIOS}

    wall, turns = ratios("rate"), [turn for bout in bouts.values() for turn in bout]
    extra = {name: [t.extra_mb for t in turns if t.contender == c.name] for name, c in MEMORY.items()}
    return {
        **{name: figure and round(figure.value, 4) for name, figure in wall.items()},
        **{name: round(max(sizes), 1) if sizes else None for name, sizes in extra.items()},
        "spread": {name: [round(f.low, 4), round(f.high, 4)] for name, f in wall.items() if f},
        "per_core": {name: round(f.value, 4) for name, f in ratios("frugality").items() if f},
    }
