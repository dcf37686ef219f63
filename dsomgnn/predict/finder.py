"""Entities and relations by what people call them: the identifier, the name, or either in another case or spelling."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from unicodedata import normalize

from dsomgnn.data.triples import Vocabulary
from dsomgnn.errors import RecipeError

MOST = 10  # candidates shown
PLURALS = {"entity": "entities", "relation": "relations"}


class Finder:
    """Ids of words; `what` says in messages what they are, "entity" or "relation"."""

    def __init__(self, words: Vocabulary, what: str):
        self.words, self.what = words, what
        self.plural = PLURALS[what]

    def one(self, word: str) -> int:
        """The id of the one thing that the word means. Raises RecipeError where there is none, or several."""
        found = self.find(word)
        if len(found) == 1:
            return found[0]
        if found:
            head = f'{len(found)} {self.plural} are called "{word}"; give the identifier of one:'
            raise RecipeError("\n  ".join([head, *self._listed(found)]))
        raise RecipeError("\n  ".join([f'no {self.what} "{word}".{self._hint(word)}', *self._listed(self.near(word))]))

    def find(self, word: str) -> list[int]:
        """Ids that the word may mean: the identifier, else exact names, else either whatever the case."""
        if word in self.words.index:
            return [self.words.index[word]]
        return self._by_name.get(word) or self._by_folded.get(_folded(word), [])

    def near(self, word: str, most: int = 5) -> list[int]:
        """Ids of names that hold the word, the shortest first, else of those spelt most like it."""
        folded = _folded(word.strip())
        holding = [key for key in self._by_folded if folded and folded in key]
        keys = sorted(holding, key=len) or difflib.get_close_matches(folded, self._by_folded, most)
        return list(dict.fromkeys(i for key in keys for i in self._by_folded[key]))[:most]

    def describe(self, i: int) -> str:
        """Identifier, name and kind, as far as they differ and are known."""
        name = self.words.names[i]
        kind = f"  ({self.words.kinds[i]})" if self.words.kinds else ""
        return self.words.ids[i] + (f"  {name}" if name != self.words.ids[i] else "") + kind

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        return _grouped(enumerate(self.words.names))

    @cached_property
    def _by_folded(self) -> dict[str, list[int]]:
        pairs = [(i, _folded(word)) for i, pair in enumerate(zip(self.words.ids, self.words.names, strict=True))
                 for word in dict.fromkeys(pair)]  # fmt: skip
        return {key: list(dict.fromkeys(ids)) for key, ids in _grouped(pairs).items()}

    def _hint(self, word: str) -> str:
        return " Did you mean" if self.near(word) else f" The run's {self.plural}.tsv lists them all"

    def _listed(self, found: list[int]) -> list[str]:
        more = [f"and {len(found) - MOST} more"] if len(found) > MOST else []
        return [*(self.describe(i) for i in found[:MOST]), *more]


def _folded(word: str) -> str:
    """Whatever the case, and whether an accent is a character of its own, as on a Mac, or not."""
    return normalize("NFC", word).casefold()


def _grouped(pairs: Iterable[tuple[int, str]]) -> dict[str, list[int]]:
    groups = defaultdict(list)
    for i, word in pairs:
        groups[word].append(i)
    return dict(groups)
