"""SPEED.md and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from speed.contenders import BOUTS
from speed.figures import MEMORY, RATIOS, Figure, Score

TITLES = {
    "train": "Training",
    "distil": "Distillation, three teachers",
    "rank": "Ranking",
    "negatives": "Beside training with negative samples",
}
SLOW = (
    " This processor is slower at bfloat16 than at float32: a recipe that asks for it multiplies float32 here, and "
    "so does the benchmark."
)
NOTES = """\
What the words mean:

- A **row** is a query (head, relation) against all entities; beside negative samples it is one positive triple. Those
  who merge queries (dsomgnn, PyKEEN LCWA) take a distinct query once with all its answers, plain autograd one row per
  directed triple. **Triples/s** are original training triples of an epoch over the seconds of that epoch at this rate.
- **Products alone** are the matrix products that the step cannot do without, at its shapes and in its number format,
  into buffers made beforehand, in the faster of torch's two settings: query times entities, and for training the
  gradient times entities and the transposed gradient times query. Distillation adds one product per teacher. A share
  of the limit is rows/s of whole steps (batch, loss, backward, N3, optimiser) over rows/s of the products alone.
  Ranking can pass 1: a query that several test triples ask is scored once.
- **Ranking** is filtered, both directions, of a model trained for a while, the filter made anew in each turn; MRR with
  ties against the model shows that the contenders did the same work. TorchKGE ranks a few triples with an untrained
  model of its own, PyG only tails and unfiltered: the time of either does not depend on the model.
- **Extra MB** is how far the process's memory grew beyond parameters, optimiser state, teacher tables and data.
- Numbers below 1e-38 are 0 for everybody, as `dsomgnn` sets it: Intel processors take tens of times as long for a
  product with them, which PyKEEN's first steps are full of.
- Every contender has a turn in each round, in the opposite order every other round; ratios are taken within a round.
  Figures are medians over rounds (least to greatest); *cores* is what the contender kept busy, *load* the machine's
  1-minute average, the benchmark itself included.
"""


def markdown(summary: dict[str, Any], scores: Sequence[Score], picture: str) -> str:
    parts = ["# Speed", _made_on(summary), f"![rates]({picture})", _ratios(summary)]
    for data in dict.fromkeys(score.data for score in scores):
        for bout in BOUTS:
            own = [score for score in scores if (score.data, score.bout) == (data, bout)]
            parts += [f"## {TITLES[bout]}: {data}", _table(own)] if own else []
    left = [f"Not installed, and left out: {', '.join(summary['left_out'])}."] if summary["left_out"] else []
    return "\n\n".join([*parts, *left, NOTES])


def _made_on(summary: dict[str, Any]) -> str:
    machine = summary["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    slow = "" if machine["faster_products"] == "bfloat16" else SLOW
    return (
        f"Made by `python benchmarks/speed.py` on {machine['date']}: {machine['processor']}, {summary['threads']} of "
        f"{machine['cores']} cores ({machine['instructions']}), Python {machine['python']}, {versions}. "
        f"ComplEx of rank {summary['rank']}, batches of {summary['batch']} rows.{slow}"
    )


def _ratios(summary: dict[str, Any]) -> str:
    rows = [(r.what, r.one.name, r.other.name, _ratio(summary, r.name)) for r in RATIOS if summary[r.name] is not None]
    memory = [(c.name, "", f"{summary[name]:,.0f} MB") for name, c in MEMORY.items() if summary[name] is not None]
    lines = list(dict.fromkeys(f"| {what}: {one} | {other} | {value} |" for what, one, other, value in rows))
    lines += [f"| extra memory: {one} | {other} | {value} |" for one, other, value in memory]
    return "\n".join([f"| {summary['data']} | over | |", "|---|---|---|", *lines])


def _ratio(summary: dict[str, Any], name: str) -> str:
    low, high = summary["spread"][name]
    return f"**{summary[name]:.2f}** ({low:.2f} to {high:.2f})"


def _table(scores: Sequence[Score]) -> str:
    head = "| | rows/s | triples/s | rounds | cores | load | extra MB | MRR |\n|---|---|---|---|---|---|---|---|"
    lines = [
        f"| {s.contender} | {_spread(s.rows)} | {_spread(s.triples)} | {s.rounds} | {s.cores:.1f} | {s.load:.1f} "
        f"| {s.extra_mb:,.0f} | {'' if s.mrr is None else f'{s.mrr:.3f}'} |"
        for s in scores
    ]
    return "\n".join([head, *lines])


def _spread(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure.value:,.0f} ({figure.low:,.0f} to {figure.high:,.0f})"


BAR, GAP, LABEL, WIDTH = 16, 6, 230, 760


def picture(scores: Sequence[Score]) -> str:
    """Bars of rates as SVG, one group per bout of the first data set; each group has a scale of its own."""
    parts, y = [], 10
    for bout in BOUTS:
        own = [s for s in scores if s.bout == bout and s.data == scores[0].data]
        if own:
            parts.append(f'<text x="10" y="{y + BAR}" font-weight="bold">{TITLES[bout]} ({_unit(own)})</text>')
            y += BAR + 2 * GAP
            most = max(_height(s).high for s in own)
            for score in own:
                parts.append(_bar(score, most, y))
                y += BAR + GAP
            y += 2 * GAP
    body = "\n".join(parts)
    size = f'width="{WIDTH}" height="{y}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">\n'
        f'<rect {size} fill="white"/>\n{body}\n</svg>\n'
    )


def _unit(scores: Sequence[Score]) -> str:
    return "triples per second" if scores[0].bout == "negatives" else "rows per second"


def _height(score: Score) -> Figure:
    return score.triples if score.bout == "negatives" and score.triples else score.rows


def _bar(score: Score, most: float, y: int) -> str:
    """A bar as long as the median, a line over the spread, and the number."""
    figure, room = _height(score), WIDTH - LABEL - 90
    value, low, high = (room * x / most for x in (figure.value, figure.low, figure.high))
    colour = "#2563eb" if score.contender.startswith("dsomgnn") else "#9ca3af"
    middle = y + BAR / 2
    return (
        f'<text x="10" y="{middle + 4}">{escape(score.contender)}</text>'
        f'<rect x="{LABEL}" y="{y}" width="{value:.1f}" height="{BAR}" fill="{colour}"/>'
        f'<path d="M{LABEL + low:.1f} {middle}H{LABEL + high:.1f}" stroke="#111827"/>'
        f'<text x="{LABEL + high + 6:.1f}" y="{middle + 4}">{figure.value:,.0f}</text>'
    )
