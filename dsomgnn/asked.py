"""What may be asked of a run, from the command line and from Python alike; without torch, to refuse at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dsomgnn.errors import RecipeError, at_least, one_of

ASKED = (None, "", "?")
OUT = (".parquet", ".tsv")


def check_ranks(split: str, ties: str | None) -> None:
    """Raises RecipeError where there are no such ranks."""
    one_of("--split", split, ("test", "valid"))
    if ties is not None:
        one_of("--ties", ties, ("realistic", "optimistic", "pessimistic"))


def check_comparison(
    words: Sequence[str], split: str, model: str | None, ties: str | None, resamples: int, seed: int
) -> None:
    """Raises RecipeError where nothing can be compared so."""
    if isinstance(words, str) or len(words) < 2:
        raise RecipeError(
            "give two runs at least, the baseline first; a glob stands in quotes. "
            "Example: dsomgnn compare 'runs/alone-*' 'runs/agent-*'"
        )
    check_ranks(split, ties)
    if model == "all":
        raise RecipeError("--model all: one model of each run is compared, such as student or teacher:NAME")
    at_least("--resamples", resamples, 100)
    at_least("--seed", seed, 0)


def check_answers(k: int) -> None:
    """Raises RecipeError for less than one answer."""
    at_least("-k", k, 1)


def check_answers_file(target: Path | None, needed: str = "--file needs --out FILE,") -> None:
    """Raises RecipeError where answers are written to no file, or to none of this kind."""
    if target is None or target.suffix not in OUT:
        raise RecipeError(f"{needed} one of {', '.join(OUT)}")


def one_end_asked(head: str | None, relation: str | None, tail: str | None) -> bool:
    """Whether a relation is named, and either the head or the tail; what is None, empty or "?" is asked for."""
    return relation not in ASKED and (head in ASKED) != (tail in ASKED)
