"""Texts that give the answer away: the text of one side of a fact names the other side."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor

WORD = re.compile(r"[^\W_]+")
LEAST_LETTERS = 4  # shorter names stand in texts by chance


def named_in_text(triples: Tensor, names: Sequence[str], texts: Sequence[str]) -> dict[str, Tensor]:
    """Triples (n, 3) whose head's text names the tail (`text_names_tail`), and the reverse; (n,) bool each.

    `names` and `texts` (N,) of the entities, "" where there is none. A name is found as whole words in any case, and
    only where it has at least 4 letters. A self-loop has no other side to name.
    """
    used = set(triples[:, [0, 2]].reshape(-1).tolist())
    name = {i: plain_words(names[i]) for i in used}
    text = {i: plain_words(texts[i]) for i in used}
    telling = {i for i in used if sum(map(str.isalpha, name[i])) >= LEAST_LETTERS}
    head, _, tail = triples.t().tolist()

    def named(given: list[int], answer: list[int]) -> Tensor:
        found = [a in telling and a != g and name[a] in text[g] for g, a in zip(given, answer, strict=True)]
        return torch.tensor(found, dtype=torch.bool)

    return {"text_names_tail": named(head, tail), "text_names_head": named(tail, head)}


def plain_words(text: str) -> str:
    """Its words in lower case with a space on each side, so that whole words are found as a plain substring."""
    return f" {' '.join(WORD.findall(text.casefold()))} "
