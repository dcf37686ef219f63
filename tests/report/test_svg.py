"""Plots: round ticks, marks where the values are, nothing unescaped."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsomgnn.report.plots import NARROW, Value, bars, estimates, lines, reliability
from dsomgnn.report.svg import Scale, extent, tag, ticks

HOSTILE = '</text><script>alert("1")</script>&'


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_round_few_and_within(low: float, width: float):
    high = low + width
    found = ticks(low, high)
    assert len(found) <= 6
    assert found == sorted(set(found))
    slack = 1e-6 * max(1, abs(low), abs(high))
    assert all(low - slack <= value <= high + slack for value in found)
    steps = {f"{b - a:.1e}"[0] for a, b in pairwise(found) if abs(low) < 1e3 < width}
    assert steps <= {"1", "2", "5"}


def test_ticks_by_hand():
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks(0.413, 0.468) == [0.42, 0.44, 0.46]
    assert ticks(3, 3) == [3]


def test_a_scale_maps_its_ends_and_a_padded_extent_holds_the_values():
    scale = Scale((2, 4), (100, 0))
    assert (scale(2), scale(3), scale(4)) == (100, 50, 0)
    assert extent([1.0, 3.0], 0.5) == (0, 4)
    low, high = extent([0.0], 0.1)
    assert low < 0 < high


def test_elements_are_escaped():
    assert tag("a", {"b": '"<'}, ["<i>"]) == '<a b="&#34;&lt;">&lt;i&gt;</a>'


PLOTS = {
    "bars": bars([Value(HOSTILE, 0.5, 0.4, 0.6), Value("none", 0.0)], HOSTILE, 1.0),
    "estimates": estimates([Value(HOSTILE, -0.5, -0.6, -0.4, 3)], HOSTILE, 0.0, "+"),
    "lines": lines({HOSTILE: [(1, 0.5), (2, 0.7)], "one point": [(1, 0.1)]}, HOSTILE),
    "flat": lines({"x": [(1, 0.5), (2, 0.5)]}, HOSTILE),
    "reliability": reliability([{"low": 0.9, "high": 1.0, "n": 3, "confidence": 1.0, "accuracy": 0.5}], HOSTILE),
    "of nothing": bars([], HOSTILE, 0.0),
}


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_a_plot_is_whole_labelled_and_holds_no_code(plot: str):
    tree = ElementTree.fromstring(plot)
    assert tree.get("aria-label") == HOSTILE
    assert "script" not in {element.tag for element in tree.iter()}
    numbers = [value for e in tree.iter() for key, value in e.attrib.items() if key in ("x", "y", "cx", "cy", "width")]
    assert all(float(value) >= 0 for value in numbers)


def test_a_bar_is_as_long_as_its_value_and_its_interval_lies_there():
    tree = ElementTree.fromstring(PLOTS["bars"])
    widths = [float(e.get("width")) for e in tree.iter("rect") if e.get("class") == "fill c0"]
    assert widths == [NARROW / 2, 0]
    whisker = next(tree.iter("line"))
    assert (float(whisker.get("x1")), float(whisker.get("x2"))) == (0.4 * NARROW, 0.6 * NARROW)


def test_a_line_goes_through_its_points():
    tree = ElementTree.fromstring(PLOTS["lines"])
    first = next(tree.iter("polyline")).get("points").split()
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in first)
    assert x1 < x2
    assert y1 > y2  # upwards
