"""Plots as inline SVG: bars, estimates with intervals, lines, a reliability diagram. Their colours are the page's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from dsomgnn.report.svg import Scale, bottom_axis, drawing, extent, line, short, side_axis, tag, text

WIDTH, NARROW = 400, 300  # units; the page gives a plot about as many pixels
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 8, 30
ROW = 34  # of a value with its label above
FIGURE = 64  # to the right of an interval
COLOURS = 8

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Value:
    """A value with its label, and its interval where there is one; `colour` 0 to 7."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    colour: int = 0

    @property
    def ends(self) -> tuple[float, float]:
        return (self.value, self.value) if self.low is None or self.high is None else (self.low, self.high)


def bars(rows: Sequence[Value], title: str, top: float) -> Markup:
    """Horizontal bars from 0 to at most `top`, label and value above each."""
    across = Scale((0, top or 1), (0, NARROW))
    marks = [mark for place, row in enumerate(rows) for mark in _bar(row, 24 + place * ROW, across)]
    return drawing(title, NARROW, ROW * len(rows) + 4, marks)


def estimates(rows: Sequence[Value], title: str, reference: float | None = None, sign: str = "") -> Markup:
    """Points with their intervals on a scale that shows these apart, and a line at `reference`."""
    ends = [end for row in rows for end in row.ends] + ([] if reference is None else [reference])
    across, bottom = Scale(extent(ends, 0.04), (4, WIDTH - FIGURE)), ROW * len(rows) + 6
    marks = [*bottom_axis(across, bottom, "")]
    if reference is not None:
        marks.append(line(across(reference), 2, across(reference), bottom, "diagonal"))
    for place, row in enumerate(rows):
        marks += _estimate(row, 24 + place * ROW, across, sign)
    return drawing(title, WIDTH, bottom + 18, marks)


def lines(
    series: Mapping[str, Points], title: str, colours: Mapping[str, int] | None = None, x: str = "epoch"
) -> Markup:
    """Lines through points (x, y), the last point of each marked."""
    height = 220
    points = [point for part in series.values() for point in part]
    across = Scale(extent([p[0] for p in points]), (LEFT, WIDTH - RIGHT))
    up = Scale(extent([p[1] for p in points], 0.06), (height - BOTTOM, TOP))
    marks = [*side_axis(up, LEFT, WIDTH - RIGHT), *bottom_axis(across, height - BOTTOM, x, whole=x == "epoch")]
    for place, (name, part) in enumerate(series.items()):
        marks += _line(name, part, across, up, (colours or {}).get(name, place) % COLOURS)
    return drawing(title, WIDTH, height, marks)


def reliability(bins: Sequence[Mapping[str, Any]], title: str) -> Markup:
    """Share of right answers by probability, a bar per bin with its number of queries on top.

    On the diagonal a probability means what it says.
    """
    height = 300
    across, up = Scale((0, 1), (LEFT, WIDTH - RIGHT)), Scale((0, 1), (height - BOTTOM, TOP + 12))
    marks = [*side_axis(up, LEFT, WIDTH - RIGHT), *bottom_axis(across, height - BOTTOM, "probability")]
    marks += [mark for row in bins for mark in _bin(row, across, up)]
    return drawing(title, WIDTH, height, [*marks, line(across(0), up(0), across(1), up(1), "diagonal")])


def _bar(row: Value, y: float, across: Scale) -> Iterator[Markup]:
    yield text(0, y - 8, row.label, "label")
    yield text(NARROW, y - 8, f"{row.value:.3f}", "value end")
    for kind, width in (("track", across.units[1]), (f"fill c{row.colour}", across(row.value))):
        yield tag("rect", {"x": 0, "y": y - 4, "width": width, "height": 8, "class": kind})
    yield _whisker(row, y, across)


def _estimate(row: Value, y: float, across: Scale, sign: str) -> Iterator[Markup]:
    yield text(0, y - 9, row.label, "label")
    yield text(WIDTH, y + 4, f"{row.value:{sign}.4f}".replace("-", "\u2212"), "value end")
    yield _whisker(row, y, across)
    yield tag("circle", {"cx": across(row.value), "cy": y, "r": 4.5, "class": f"fill c{row.colour}"})


def _whisker(row: Value, y: float, across: Scale) -> Markup:
    return line(across(row.ends[0]), y, min(across(row.ends[1]), across.units[1]), y, "whisker")


def _line(name: str, part: Points, across: Scale, up: Scale, colour: int) -> Iterator[Markup]:
    x, y = part[-1]
    tip = tag("title", {}, [f"{name}: {short(y)} at {short(x)}"])
    path = " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in part)
    yield tag("polyline", {"points": path, "class": f"line c{colour}"}, [tip])
    yield tag("circle", {"cx": across(x), "cy": up(y), "r": 2.5, "class": f"fill c{colour}"}, [tip])


def _bin(row: Mapping[str, Any], across: Scale, up: Scale) -> Iterator[Markup]:
    left, right, top = across(row["low"]), across(row["high"]), up(row["accuracy"])
    box = {"x": left + 1, "y": top, "width": right - left - 2, "height": up(0) - top, "class": "bin"}
    tip = f"{row['n']:,} queries: probability {row['confidence']:.2f}, right {row['accuracy']:.2f}"
    yield tag("rect", box, [tag("title", {}, [tip])])
    yield text((left + right) / 2, TOP + 2, f"{row['n']:,}", "count middle")
    yield tag("circle", {"cx": across(row["confidence"]), "cy": top, "r": 3, "class": "fill c1"})
