"""A hook of mkdocs: equations, as arithmatex finds them, become MathML, which browsers show without a script."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

EQUATION = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(content: str, **_) -> str:
    return EQUATION.sub(_mathml, content)


def _mathml(found: re.Match[str]) -> str:
    tag, bracket, latex = found.groups()
    shown = convert(html.unescape(latex), display="block" if bracket == "[" else "inline")
    return f'<{tag} class="arithmatex">{shown}</{tag}>'
