"""A comparison as one HTML page: what it comes to in words, the interval of every slice, all figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from dsomgnn.compare.measure import LEAST
from dsomgnn.compare.words import COLUMNS, METRICS, by_chance, figure, heading, row, told
from dsomgnn.page import details, page, paragraph, section, table

WIDTH, LINE, EDGE = 400, 38, 16  # of the plot, of a slice with its name above, of the axis below
COLOURS = {"better": "c2", "worse": "c1"}  # else grey


def comparison_page(result: Mapping[str, Any]) -> str:
    names = [group["name"] for group in result["groups"]]
    method = (
        f"Paired bootstrap over triples, {result['resamples']:,} resamples, seed {result['seed']}: a triple is drawn "
        "with both its queries, for both models at once. The sign test counts the triples on which each is better; "
        "what it says is added where it is the opposite of the mean. "
        "A difference is called noise where its 95 % interval holds 0, and noise over seeds where that of Student's t "
        f"over runs with several seeds does; fewer than {LEAST} triples ranked otherwise are too few, whatever the "
        f"interval says. {by_chance(result)}"
    )
    title = f"{', '.join(names[1:])} against {names[0]}"
    comparisons = [comparison_section(comparison) for comparison in result["comparisons"]]
    doubts = [paragraph(f"Take care: {doubt}.") for doubt in result["doubts"]]
    return page(
        f"dsomgnn compare · {heading(result)}", title, *doubts, *groups(result), *comparisons, paragraph(method, "foot")
    )


def groups(result: Mapping[str, Any]) -> list[Markup]:
    """The means of each group, and the figures of every run where a group has several."""
    head = ["run", "seeds", *METRICS.values()]
    means = [[group["name"], len(group["runs"]), *(figure(group, m) for m in METRICS)] for group in result["groups"]]
    runs = [
        [run["name"], "" if run["seed"] is None else run["seed"], *(f"{run[metric]:.4f}" for metric in METRICS)]
        for group in result["groups"]
        for run in group["runs"]
    ]
    every = [details("Every run", table(["run", "seed", *METRICS.values()], runs))] if len(runs) > len(means) else []
    return [table(head, means), *every]


def comparison_section(comparison: Mapping[str, Any]) -> Markup:
    slices = comparison["slices"]
    rows = [row(name, metric, found[metric]) for name, found in slices.items() for metric in METRICS]
    return section(
        f"{comparison['other']} against {comparison['baseline']}",
        paragraph(comparison["verdict"], "lede"),
        intervals({name: found["mrr"] for name, found in slices.items()}),
        details("All figures", table(COLUMNS, rows)),
    )


def intervals(slices: Mapping[str, Mapping[str, Any]]) -> Markup:
    """The difference in MRR of every slice with its interval, around 0, as SVG."""
    reach = max(abs(found[end]) for found in slices.values() for end in ("low", "high", "difference")) or 1.0
    floor = LINE * len(slices)

    def x(value: float) -> str:
        return f"{WIDTH / 2 * (1 + value / reach):.1f}"

    rows = [_interval(name, found, LINE * place, x) for place, (name, found) in enumerate(slices.items())]
    ends = [
        Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(x(value), floor + EDGE - 4, anchor, words)
        for value, anchor, words in (
            (-reach, "start", f"{-reach:+.3f}"), (0, "middle", "MRR, 95 % interval"), (reach, "end", f"{reach:+.3f}"),
        )
    ]  # fmt: skip
    drawn = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="difference in MRR by slice">{}{}</svg>').format(
        WIDTH, floor + EDGE, Markup("").join(rows), Markup("").join(ends)
    )
    return Markup("<figure><figcaption>Difference in MRR, by slice; grey may be chance</figcaption>{}</figure>").format(
        drawn
    )


def _interval(name: str, found: Mapping[str, Any], top: float, x: Callable[[float], str]) -> Markup:
    tip = f"[{found['low']:+.4f}, {found['high']:+.4f}], {told(found)}"
    return Markup(
        '<g class="{kind}"><title>{name}: {tip}</title><text class="label" x="0" y="{base}">{name}</text>'
        '<text class="value end" x="{width}" y="{base}">{value}</text>'
        '<line class="grid" x1="{zero}" x2="{zero}" y1="{top}" y2="{bottom}"/>'
        '<line class="whisker" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>'
        '<circle class="fill" cx="{at}" cy="{y}" r="4"/></g>'
    ).format(
        kind=COLOURS.get(found["verdict"], "c7"), name=name, tip=tip, base=top + 14, width=WIDTH, y=top + 25,
        value=f"{found['difference']:+.4f}", zero=x(0), top=top + 18, bottom=top + 32,
        low=x(found["low"]), high=x(found["high"]), at=x(found["difference"]),
    )  # fmt: skip
