"""Elements of inline SVG, escaped; and what plots share: scales, round ticks, axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup


def tag(name: str, attributes: Mapping[str, Any], inside: Sequence[str] = ()) -> Markup:
    """An element; attributes, and plain strings inside, are escaped."""
    words = [Markup('{}="{}"').format(key, _number(value)) for key, value in attributes.items()]
    return Markup("<{} {}>{}</{}>").format(Markup(name), Markup(" ").join(words), Markup("").join(inside), Markup(name))


def text(x: float, y: float, words: str, kind: str) -> Markup:
    return tag("text", {"x": x, "y": y, "class": kind}, [words])


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return tag("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": kind})


def drawing(title: str, width: float, height: float, marks: Sequence[Markup]) -> Markup:
    """A picture as wide as its place; `title` is what a screen reader says."""
    return tag("svg", {"viewBox": f"0 0 {width:g} {height:g}", "role": "img", "aria-label": title}, marks)


@dataclass(frozen=True)
class Scale:
    """Maps a range of values to a range of units."""

    values: tuple[float, float]
    units: tuple[float, float]

    def __call__(self, value: float) -> float:
        (low, high), (start, end) = self.values, self.units
        return start + (value - low) / ((high - low) or 1) * (end - start)


def extent(values: Sequence[float], pad: float = 0.0) -> tuple[float, float]:
    """Least and largest value, with a share of their distance added on both sides."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    more = (high - low or abs(high) or 1) * pad
    return low - more, high + more


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from low to high, about `most` of them at most."""
    if not high > low:
        return [low]
    raw = (high - low) / most
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]


def side_axis(up: Scale, left: float, right: float) -> Iterator[Markup]:
    """Lines across the plot, with their values to the left."""
    for value in ticks(*up.values):
        yield line(left, up(value), right, up(value), "grid")
        yield text(left - 6, up(value) + 4, short(value), "tick end")


def bottom_axis(across: Scale, y: float, label: str, whole: bool = False) -> Iterator[Markup]:
    """Values under the plot, and what they are; `whole`: of whole numbers."""
    for value in ticks(*across.values):
        if not whole or value == int(value):
            yield text(across(value), y + 14, short(value), "tick middle")
    yield text(across.units[1], y + 28, label, "tick end")


def short(value: float) -> str:
    return f"{value:.4g}".replace("-", "\u2212")


def _number(value: Any) -> Any:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
