"""Tables to paste into a paper: Markdown, and LaTeX with booktabs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dsomgnn.rank.tables import COLUMNS, TITLES

LATEX = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {c: f"\\{c}" for c in "&%$#_{}"}
)
MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>|"})


def markdown(result: dict[str, Any], data: str) -> str:
    """One row per model, over both sides; the best figure of each column in bold."""
    rows = _rows(result, lambda word: word.translate(MARKDOWN), "**{}**")
    lines = [("model", *TITLES), ("---", *["---:"] * len(TITLES)), *rows]
    head = f"{data.translate(MARKDOWN)}, {_caption(result)}"
    return "\n".join([head, "", *("| " + " | ".join(line) + " |" for line in lines)])


def latex(result: dict[str, Any], data: str) -> str:
    """A table environment for `\\usepackage{booktabs}`, one row per model; the best figure of each column in bold."""
    rows = _rows(result, lambda word: word.translate(LATEX), r"\textbf{{{}}}")
    body = [" & ".join(line) + r" \\" for line in [("Model", *TITLES), *rows]]
    caption = f"{data.translate(LATEX)}, {_caption(result).translate(LATEX)}."
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\begin{{tabular}}{{l{'r' * len(TITLES)}}}",
            r"\toprule",
            body[0],
            r"\midrule",
            *body[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _caption(result: dict[str, Any]) -> str:
    queries = next(iter(result["models"].values()))["both"]["n"]
    removed = "".join(f", {name} removed for {share:.0%}" for name, share in result["drop"].items())
    return f"{result['split']} split, {queries:,} queries, filtered, ties {result['ties']}{removed}"


def _rows(result: dict[str, Any], escaped: Callable[[str], str], bold: str) -> list[Sequence[str]]:
    figures = {name: model["both"] for name, model in result["models"].items()}
    best = {c: (min if c == "mr" else max)(f[c] for f in figures.values()) for c in COLUMNS}

    def cell(column: str, value: float) -> str:
        words = f"{value:.1f}" if column == "mr" else f"{value:.4f}"
        return bold.format(words) if len(figures) > 1 and value == best[column] else words

    return [[escaped(name), *(cell(c, f[c]) for c in COLUMNS)] for name, f in figures.items()]
