"""Real data sets from their origins, made again from the canonical files: the digests of the cards are theirs."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from loopback import Web
from openke import openke

from dsomgnn.data.cards import ORDERS, SPLITS, Card, File, Source, card_of
from dsomgnn.data.tables import find_file, read_rows, read_text
from dsomgnn.data.triples import load_dataset
from dsomgnn.getting import get_dataset

NAMES = {"db15k": " ", "fb15k-237": "\t", "mkg-w": " ", "mkg-y": " "}


@pytest.mark.parametrize("name", ["mkg-y", "mkg-w"])
def test_real_data_from_its_origin_made_again(name: str, real_data, web: Web, tmp_path: Path):
    """The origin's files, put together again from the canonical ones, have the card's digests and give them back."""
    folder = real_data(name)
    card = card_of(name)
    origin = openke(*published(folder), NAMES[name])
    assert {file: digest(content) for file, content in origin.items()} == plain(card.origin.triples)
    web.files |= {f"{name}/{file}": content for file, content in origin.items()}
    naming = numbered(folder) if card.origin.names == "numbered" else {}
    assert {file: digest(content) for file, content in naming.items()} == plain(card.origin.naming)
    web.files |= {f"{name}/naming/{file}": content for file, content in naming.items()}
    got = get_dataset(served(card, f"{web.url}/{name}"), tmp_path / "to")
    assert (got.missing, got.other) == ((), ("text.tsv",))
    for file in (*SPLITS, *ORDERS):
        assert (got.folder / file).read_text() == read_text(find_file(folder, file))
    assert len(read_rows(got.folder / "text.tsv", 2, 2)) == card.counts.entities


@pytest.mark.parametrize("name", ["db15k", "fb15k-237"])
def test_real_origins_have_the_digests_of_their_cards(name: str, real_data):
    origin = openke(*published(real_data(name)), NAMES[name])
    assert {file: digest(content) for file, content in origin.items()} == plain(card_of(name).origin.triples)


def test_real_data_from_a_copy(real_data, web: Web, tmp_path: Path):
    got = get_dataset(card_of("mkg-y"), tmp_path / "to", str(real_data("mkg-y").parent))
    assert (got.fresh, got.missing, got.other) == (True, (), ())
    assert load_dataset(got.folder).sha256 == load_dataset(real_data("mkg-y")).sha256


def published(folder: Path) -> tuple[list[str], list[str], dict[str, list]]:
    ids = ([row[0] for row in read_rows(find_file(folder, name), 1)] for name in ORDERS)
    return *ids, {s.removesuffix(".txt"): read_rows(find_file(folder, s), 3, 3) for s in SPLITS}


def numbered(folder: Path) -> dict[str, bytes]:
    uris = [row[2] for row in read_rows(find_file(folder, "entities.tsv"), 3)]
    labels = [row[1].replace(" ", "_") for row in read_rows(find_file(folder, "relations.tsv"), 2)]
    tables = {"entity2id.txt": uris, "relation2id.txt": labels}
    return {file: "".join(f"{i} {w} {i}\n" for i, w in enumerate(words)).encode() for file, words in tables.items()}


def digest(content: bytes) -> File:
    return File(len(content), hashlib.sha256(content).hexdigest())


def plain(sources: dict[str, Source]) -> dict[str, File]:
    return {name: File(source.size, source.sha256) for name, source in sources.items()}


def served(card: Card, url: str) -> Card:
    """The card with its origin at `url`."""
    triples = {name: replace(source, url=f"{url}/{name}") for name, source in card.origin.triples.items()}
    naming = {name: replace(source, url=f"{url}/naming/{name}") for name, source in card.origin.naming.items()}
    return replace(card, origin=replace(card.origin, triples=triples, naming=naming))
