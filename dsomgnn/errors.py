"""What can go wrong for a user, and the exit code of each.

    DsomError            1  anything below
    ├── RecipeError      2  a recipe, an option or a name on the command line
    ├── DataError        3  a data set: files, columns, identifiers, features
    ├── PluginError      4  an encoder of the user's own
    └── CheckpointError  5  a run folder: missing, truncated, foreign, or not writable

A message says what is wrong, where (file:line), and the nearest right thing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from numbers import Integral


class DsomError(Exception):
    exit_code = 1


class RecipeError(DsomError):
    exit_code = 2


class DataError(DsomError):
    exit_code = 3


class PluginError(DsomError):
    exit_code = 4


class CheckpointError(DsomError):
    exit_code = 5


class DataWarning(UserWarning):
    """A data set or a cache is not all that it should be, and work goes on; the command line says it in one line."""


INTERRUPTED = 130


def nearest(word: str, known: Iterable[str]) -> str:
    """' Did you mean "x"?' for the known word nearest to this one, or the short list of known words, or ''."""
    known = list(dict.fromkeys(known))
    match = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6)
    if match:
        return f' Did you mean "{match[0]}"?'
    return f" Known: {', '.join(known)}." if 0 < len(known) <= 12 else ""


def reason(error: Exception) -> str:
    """What an error says, without the number and the file that a message names already."""
    return getattr(error, "strerror", None) or str(error)


def one_of(option: str, word: str, known: tuple[str, ...]) -> None:
    """Raises RecipeError where the word of an option is none of the known ones."""
    if word not in known:
        raise RecipeError(f"{option} {word}: no such choice.{nearest(str(word), known)}")


def at_least(option: str, number: int, least: int) -> None:
    """Raises RecipeError where the number of an option is no whole one, or too small."""
    if isinstance(number, bool) or not isinstance(number, Integral) or number < least:
        raise RecipeError(f"{option} {number}: expected a whole number, {least} at least")
