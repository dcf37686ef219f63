"""Cards: what ships is true of the data at hand, and a card that is wrong is told so by line."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from dsomgnn.data.audit.audit import audit_folder
from dsomgnn.data.cards import ORDERS, SPLITS, Card, File, card_of, known_cards, load_card, mismatch, order_digest
from dsomgnn.data.names import entity_name, relation_name
from dsomgnn.data.tables import find_file, read_rows
from dsomgnn.errors import DataError, RecipeError

CARDS = known_cards()
PINNED = re.compile(r"https://raw\.githubusercontent\.com/[\w-]+/[\w-]+/[0-9a-f]{40}/\S+")


@pytest.fixture(params=CARDS)
def card(request: pytest.FixtureRequest) -> Card:
    return CARDS[request.param]


@pytest.fixture
def folder(card: Card, real_data) -> Path:
    return ROOT / "datasets" / card.name if card.origin is None else real_data(card.name)


def test_every_file_of_a_card_is_as_it_says(card: Card, folder: Path):
    found = {name: find_file(folder, name) for name in card.files}
    assert {name: path and mismatch(path, card.files[name]) for name, path in found.items()} == dict.fromkeys(found)
    assert all(found.values())


def test_the_card_of_worldfacts_counts_reversed_pairs_as_the_audit_does(worldfacts: Path):
    counts = {each.relation: each.test["reversed_in_train"] for each in audit_folder(worldfacts).by_relation}
    [told] = [defect for defect in card_of("worldfacts").defects if "the other way round" in defect]
    assert [int(number) for number in re.findall(r"\d+", told)] == [sum(counts.values()), counts["borders"]]


def test_counts_and_order_are_those_of_the_files(card: Card, folder: Path):
    rows = {name: read_rows(find_file(folder, name), 1) for name in (*SPLITS, *ORDERS)}
    counts = card.counts
    assert [len(rows[name]) for name in SPLITS] == [counts.train, counts.valid, counts.test]
    assert [len(rows[name]) for name in ORDERS] == [counts.entities, counts.relations]
    assert {name: order_digest(row[0] for row in rows[name]) for name in ORDERS} == card.order


def test_coverage_of_texts_and_numbers_is_that_of_the_files(card: Card, folder: Path):
    for name in {"text", "numeric"} & set(card.modalities):
        entities = {row[0] for row in read_rows(find_file(folder, f"{name}.tsv"), 2)}
        assert len(entities) / card.counts.entities == pytest.approx(card.modalities[name].coverage, abs=5e-5)


def test_an_origin_is_pinned_and_complete(card: Card):
    if card.origin is None:
        assert (ROOT / "datasets" / card.name / "train.txt").is_file()
        return
    parts = ("entity", "relation", "train", "valid", "test")
    assert set(card.origin.triples) == {f"{part}2id.txt" for part in parts}
    sources = [*card.origin.triples.values(), *card.origin.naming.values()]
    assert all(PINNED.fullmatch(source.url) or "/3.0/WNdb-3.0" in source.url for source in sources)
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in [*sources, *card.files.values()])


def test_a_card_lists_splits_first_and_says_whom_to_cite(card: Card):
    assert list(card.files)[:5] == [*SPLITS, *ORDERS]  # a copy is told by the first of them
    assert card.citation
    assert card.licence
    assert card.modalities


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("entities = 744", "entites = 744", r"card\.toml:(\d+): counts\.entites: unexpected keyword argument"),
        ("entities = 744", "entities = 'many'", r"card\.toml:(\d+): counts\.entities: input should be a valid integer"),
        ('title = "worldfacts"', "", r"card\.toml: title: field required"),
        ('title = "worldfacts"', "title = ", r"card\.toml: not a readable card: .*line 3"),
    ],
)
def test_a_wrong_card_is_told_by_line(tmp_path: Path, old: str, new: str, message: str):
    text = (ROOT / "datasets" / "worldfacts.toml").read_text()
    assert old in text
    (tmp_path / "card.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(DataError) as caught:
        load_card(tmp_path / "card.toml")
    found = re.search(message, str(caught.value))
    assert found, str(caught.value)
    if found.groups():
        assert new in (tmp_path / "card.toml").read_text().splitlines()[int(found[1]) - 1]


def test_an_unknown_name_is_answered_with_the_nearest():
    assert card_of("mkg-w").title == "MKG-W"
    with pytest.raises(RecipeError, match=r'no data set "mkg_w" is known\. Did you mean "mkg-w"\?'):
        card_of("mkg_w")
    with pytest.raises(RecipeError, match="no data set"):
        card_of("worldfacts/../mkg-w")


@given(st.binary(max_size=300), st.data())
def test_a_file_matches_itself_packed_or_not_and_nothing_else(tmp_path_factory, content: bytes, data):
    folder = tmp_path_factory.mktemp("files")
    wanted = File(len(content), hashlib.sha256(content).hexdigest())
    other = data.draw(st.binary(max_size=300).filter(lambda x: x != content))
    for suffix, pack in (("", bytes), (".gz", gzip.compress)):
        path = folder / f"x{suffix}"
        path.write_bytes(pack(content))
        assert mismatch(path, wanted) is None
        path.write_bytes(pack(other))
        assert mismatch(path, wanted)


def test_an_archive_is_taken_as_it_is(tmp_path: Path):
    packed = gzip.compress(b"content")
    (tmp_path / "a.tar.gz").write_bytes(packed)
    assert mismatch(tmp_path / "a.tar.gz", File(len(packed), hashlib.sha256(packed).hexdigest())) is None


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("<http://dbpedia.org/resource/New_York>", "New York"),
        ("http://dbpedia.org/resource/AC/DC", "AC/DC"),
        ("http://dbpedia.org/resource/Nice_Girl%3F", "Nice Girl?"),
        ("FC_Jūrmala", "FC Jūrmala"),
        ("/m/01t94_1", "/m/01t94_1"),
        ("a b", "a b"),
    ],
)
def test_names_of_entities(identifier: str, name: str):
    assert entity_name(identifier) == name


@pytest.mark.parametrize(
    "identifier",
    ["<http://dbpedia.org/ontology/birthPlace>", "/people/person/birth_place", "_birth_place", "http://x/y#birthPlace"],
)
def test_names_of_relations(identifier: str):
    assert relation_name(identifier) == "birth place"
