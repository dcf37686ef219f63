"""Costs as a page and as a picture: one panel for each thing that is varied, both axes by factors of ten."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scale.costs import Cost, Setting

PANEL, ROOM, EDGE = 230, 60, 36
COLOURS = {"all entities": "#2563eb", "sampled": "#d97706"}

HEAD = """\
# What a step costs

Made by `python benchmarks/scale.py --costs`: median milliseconds of a student's step (batch, walks, loss, backward,
optimiser). One thing is varied at a time, the rest is {entities:,} entities, {teachers} teachers, rank {rank}, batches
of {batch} queries; `sampled`: {sampled:,} candidates beyond the batch's own. *Slope*: by which power the time grows
from the point before: 1 is in proportion, 0 is flat. Over all entities a step bends upwards where tables and
scores leave the caches; over a pool with the batch, which brings entities of its own.

![costs](costs.svg)
"""


def table(costs: Sequence[Cost], setting: Setting, sampled: int) -> str:
    head = HEAD.format(**vars(setting), sampled=sampled)
    return "\n".join([head, *(_table(swept, _of(costs, swept)) for swept in dict.fromkeys(c.swept for c in costs))])


def _of(costs: Sequence[Cost], swept: str) -> list[Cost]:
    return [cost for cost in costs if cost.swept == swept]


def _table(swept: str, costs: Sequence[Cost]) -> str:
    lines = [
        f"| {cost.kind} | {cost.value:,} | {1000 * cost.seconds:,.1f} | {slope(before, cost)} |"
        for before, cost in zip([None, *costs], costs, strict=False)
    ]
    return "\n".join(
        [f"## {swept.capitalize()}\n", f"| candidates | {swept} | ms | slope |", "|---|---|---|---|", *lines, ""]
    )


def slope(before: Cost | None, cost: Cost) -> str:
    """The power by which seconds grow with the value; nothing for the first point of a line."""
    if before is None or before.kind != cost.kind or not before.value:
        return ""
    return f"{math.log(cost.seconds / before.seconds) / math.log(cost.value / before.value):.2f}"


def short(value: int) -> str:
    """1,000 as 1k, 2,500,000 as 2.5M; what is not so round stays as it is."""
    for size, letter in ((10**6, "M"), (1000, "k")):
        if value >= size and value % (size // 10) == 0:
            return f"{value / size:g}{letter}"
    return f"{value}"


def picture(costs: Sequence[Cost]) -> str:
    """The panels side by side, as SVG."""
    names = list(dict.fromkeys(cost.swept for cost in costs))
    low, high = min(c.seconds for c in costs), max(c.seconds for c in costs)
    body = "\n".join(
        mark
        for place, name in enumerate(names)
        for mark in _panel(_of(costs, name), place * (PANEL + ROOM) + ROOM, low, high)
    )
    size = f'width="{len(names) * (PANEL + ROOM) + EDGE}" height="{PANEL + 3 * EDGE}"'
    keys = "".join(
        f'<text x="{ROOM + 120 * i}" y="{PANEL + 2.7 * EDGE}" fill="{colour}">{kind}</text>'
        for i, (kind, colour) in enumerate(COLOURS.items())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">\n'
        f'<rect {size} fill="white"/>\n{body}\n{keys}\n</svg>\n'
    )


def _panel(costs: Sequence[Cost], left: float, low: float, high: float) -> Iterator[str]:
    values = sorted({cost.value for cost in costs})
    across = [math.log(max(v, 0.5)) for v in values]
    place = {v: left + PANEL * (x - across[0]) / (across[-1] - across[0]) for v, x in zip(values, across, strict=True)}

    def up(seconds: float) -> float:
        return EDGE + PANEL * (1 - math.log(seconds / low) / math.log(high / low or 2))

    yield f'<text x="{left}" y="{EDGE - 14}" font-weight="bold">{escape(costs[0].swept)}</text>'
    yield f'<rect x="{left}" y="{EDGE}" width="{PANEL}" height="{PANEL}" fill="none" stroke="#9ca3af"/>'
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        if low <= 10**power <= high:
            y = up(10**power)
            yield f'<path d="M{left} {y:.1f}h{PANEL}" stroke="#e5e7eb"/>'
            yield f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{1000 * 10**power:g} ms</text>'
    for value in values[:: max(1, len(values) // 4)]:
        yield f'<text x="{place[value]:.1f}" y="{EDGE + PANEL + 16}" text-anchor="middle">{short(value)}</text>'
    for kind, colour in COLOURS.items():
        own = [(place[c.value], up(c.seconds)) for c in costs if c.kind == kind]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in own)
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in own)
