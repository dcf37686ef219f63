"""`dsomgnn data ls` and `dsomgnn data get`: the known data sets, told and fetched."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from dsomgnn.counter import Counter
from dsomgnn.data.cards import Card, card_of, known_cards
from dsomgnn.errors import DataError, RecipeError, reason
from dsomgnn.output import new_table, show
from dsomgnn.places import at_hand

WIDTH = 79


def ls_command(name: str | None) -> None:
    """Every card in a row, or the whole card of one. Raises RecipeError for an unknown name."""
    if name is None:
        show(card_table(known_cards()))
        print("\nyours: features to bring; the card says where they lie")
        print("More: dsomgnn data ls NAME. Get one: dsomgnn data get NAME")
    else:
        print("\n".join(card_lines(card_of(name))))


def get_command(names: list[str], base: str | None, to: Path) -> None:
    """Get each data set into `to/NAME` and say what it holds.

    Raises RecipeError for an unknown name or base, before anything is fetched; DataError.
    """
    cards = [card_of(name) for name in dict.fromkeys(names)]
    _refuse_base(base)
    folders = [_get(card, base, to) for card in cards]
    print(f"\nNext: dsomgnn data audit {folders[0]}")


def card_table(cards: dict[str, Card]) -> Table:
    """One row per data set, its words below each other: no wider than 80 columns, but for long folders."""
    table = new_table()
    table.add_column("data set", no_wrap=True)
    for title in ("entities", "relations", "triples"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("modalities; licence; where it lies", overflow="fold")
    for name, card in cards.items():
        counts = (card.counts.entities, card.counts.relations, card.counts.triples)
        words = _modalities(card), card.licence, _place(name) or "not at hand"
        table.add_row(name, *(f"{n:,}" for n in counts), "\n".join(words))
    return table


def card_lines(card: Card) -> Iterator[str]:
    """The whole card, for a person."""
    counts = card.counts
    yield textwrap.fill(f"{card.title}: {card.about}", WIDTH)
    yield ""
    yield f"{counts.entities:,} entities, {counts.relations:,} relations"
    yield f"{counts.train:,} train, {counts.valid:,} valid, {counts.test:,} test triples"
    yield f"at hand: {_place(card.name) or f'no; dsomgnn data get {card.name}'}"
    for name, modality in card.modalities.items():
        yield from _section(f"{name}{_share(modality.coverage)}", [modality.about])
    yield from _section("known defects", card.defects)
    yield from _section("licence", [card.licence_notes])
    yield from _section("cite", card.citation)
    if card.origin is not None:
        yield from _section("public origin", [card.origin.about])
        for source in (*card.origin.triples.values(), *card.origin.naming.values()):
            yield f"  {source.url}"
    yield ""
    yield "files (bytes and sha256, unpacked)"
    for name, file in card.files.items():
        yield f"  {file.sha256}  {file.size:>12,}  {name}"


def _section(title: str, texts: list[str]) -> Iterator[str]:
    yield ""
    yield title
    for text in texts:
        yield textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _get(card: Card, base: str | None, to: Path) -> Path:
    from dsomgnn.getting import get_dataset

    try:
        got = get_dataset(card, to, base, lambda name: Counter(f"{card.name}/{name}", of_bytes=True))
    except OSError as error:
        raise DataError(f"{to / card.name}: cannot be written: {reason(error)}") from None
    counts = card.counts
    print(f"{got.folder}: {'got' if got.fresh else 'there already'}, verified")
    print(f"  {counts.entities:,} entities, {counts.relations:,} relations, {counts.triples:,} triples")
    if got.missing:
        print(f"  without {', '.join(got.missing)}: from a copy that has them, with --from and another --to")
    if got.other:
        print(f"  {', '.join(got.other)}: not as on the card (fewer names or texts, or your own)")
    if card.defects:
        print(f"  known defects: {len(card.defects)}; see dsomgnn data ls {card.name}")
    return got.folder


def _refuse_base(base: str | None) -> None:
    if base is None or base.startswith(("http://", "https://")):
        return
    if "://" in base:
        raise RecipeError(f"--from {base}: only http://, https:// and folders are read")
    if not Path(base).is_dir():
        raise RecipeError(f"--from {base}: no such folder")


def _modalities(card: Card) -> str:
    shares = {name: "" if m.coverage == 1 else _share(m.coverage) for name, m in card.modalities.items()}
    return ", ".join(f"{name}{share}" for name, share in shares.items())


def _share(coverage: float | None) -> str:
    return " (yours)" if coverage is None else f" {coverage:.0%}"


def _place(name: str) -> str:
    """Where the data set is at hand, from the current folder where it lies below it."""
    found = at_hand(name, Path.cwd())
    if found is None:
        return ""
    return str(found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found)
