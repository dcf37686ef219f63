"""One self-contained HTML page in the style of the rank report: escaped text, tables, inline SVG; no network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files

from markupsafe import Markup


def page(eyebrow: str, title: str, *parts: Markup) -> str:
    """A whole document; `parts` are its escaped content."""
    style = (files("dsomgnn.report") / "templates" / "report.css").read_text(encoding="utf-8")
    head = Markup(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n"
        '<header>\n<p class="eyebrow">{}</p>\n<h1>{}</h1>\n</header>\n'
    ).format(title, Markup(style), eyebrow, title)
    return str(head + Markup("\n").join(parts) + Markup("\n</main>\n</body>\n</html>\n"))


def paragraph(text: str, kind: str = "") -> Markup:
    return Markup('<p class="{}">{}</p>').format(kind, text)


def section(title: str, *parts: Markup) -> Markup:
    return Markup("<section>\n<h2>{}</h2>\n{}\n</section>").format(title, Markup("\n").join(parts))


def details(title: str, content: Markup) -> Markup:
    return Markup("<details><summary>{}</summary>{}</details>").format(title, content)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], words: int = 1) -> Markup:
    """A table that scrolls in a box of its own; all columns but the first `words` hold numbers."""
    body = Markup("").join(_row("td", cells, words) for cells in rows)
    return Markup('<div class="scroll"><table><thead>{}</thead><tbody>\n{}</tbody></table></div>').format(
        _row("th", head, words), body
    )


def _row(tag: str, cells: Sequence[object], words: int) -> Markup:
    kinds = [Markup(' class="n"') if place >= words else Markup("") for place in range(len(cells))]
    inner = (
        Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), kind, cell) for kind, cell in zip(kinds, cells, strict=True)
    )
    return Markup("<tr>{}</tr>\n").format(Markup("").join(inner))
