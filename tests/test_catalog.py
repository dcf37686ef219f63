"""`dsomgnn data get` and `ls`: from a server on the loopback and from folders; whole and verified, or not at all."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
from pathlib import Path

import pytest
from conftest import TINY, write_dataset
from loopback import Web
from openke import openke

from dsomgnn.data import cards
from dsomgnn.data.cards import ORDERS, SPLITS, card_of, order_digest
from dsomgnn.data.tables import read_text
from dsomgnn.data.triples import load_dataset

ENTITIES = ("b", "a", "f", "e", "d", "c")  # an order of their own, as published ids have
RELATIONS = ("likes", "knows")


def wanted(content: bytes) -> str:
    return f'size = {len(content)}, sha256 = "{hashlib.sha256(content).hexdigest()}"'


def write_card(path: Path, folder: Path, url: str, origin: dict[str, bytes]) -> None:
    """A card whose files are those of `folder`, and whose origin is at `url`."""
    files = sorted(folder.iterdir(), key=lambda p: [*SPLITS, *ORDERS, "text.tsv"].index(p.name))
    path.write_text(
        "\n".join(
            [
                'title = "Tiny"\nabout = "Small."\nlicence = "CC0"\nlicence_notes = "CC0 1.0"\ncitation = ["Nobody"]',
                'defects = ["too small"]\n[modalities.text]\nabout = "text.tsv"\ncoverage = 0.5',
                "[counts]\nentities = 6\nrelations = 2\ntrain = 10\nvalid = 2\ntest = 2\n[files]",
                *(f'"{file.name}" = {{ {wanted(file.read_bytes())} }}' for file in files),
                f'[order]\n"entities.tsv" = "{order_digest(ENTITIES)}"\n"relations.tsv" = "{order_digest(RELATIONS)}"',
                '[origin]\nabout = "a server"\nnames = "identifiers"\n[origin.triples]',
                *(f'"{name}" = {{ url = "{url}/raw/{name}", {wanted(raw)} }}' for name, raw in origin.items()),
            ]
        )
    )


@pytest.fixture
def catalog(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Web:
    """The current folder is empty, `copies/tiny` beside it holds the canonical files, and the catalog knows `tiny`.

    The server has the origin below raw/, and the canonical files below copies/tiny/, packed.
    """
    folder = write_dataset(tmp_path / "copies" / "tiny", TINY)
    (folder / "entities.tsv").write_text("".join(f"{e}\t{e}\n" for e in ENTITIES))
    (folder / "relations.tsv").write_text("".join(f"{r}\t{r}\n" for r in RELATIONS))
    (folder / "text.tsv").write_text("a\tred apple\n")
    origin = openke(ENTITIES, RELATIONS, TINY)
    web.files |= {f"raw/{name}": content for name, content in origin.items()}
    web.files |= {f"copies/tiny/{p.name}.gz": gzip.compress(p.read_bytes()) for p in folder.iterdir()}
    (tmp_path / "package").mkdir()
    (tmp_path / "here").mkdir()
    write_card(tmp_path / "package" / "tiny.toml", folder, web.url, origin)
    monkeypatch.setattr(cards, "shipped", lambda what: tmp_path / "package")
    monkeypatch.chdir(tmp_path / "here")
    return web


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def texts(folder: Path) -> dict[str, str]:
    """Files by name, unpacked."""
    return {p.name.removesuffix(".gz"): read_text(p) for p in folder.iterdir()}


COPY, HERE = Path("../copies/tiny"), Path("datasets/tiny")


def test_from_the_public_origin(catalog: Web, call):
    reply = call("data", "get", "tiny")
    assert reply.code == 0
    assert "datasets/tiny: got, verified\n  6 entities, 2 relations, 14 triples\n" in reply.out
    assert "without text.tsv" in reply.out
    assert reply.out.endswith("Next: dsomgnn data audit datasets/tiny\n")
    assert reply.err == ""
    assert texts(HERE) == {name: text for name, text in texts(COPY).items() if name != "text.tsv"}
    assert [p.name for p in Path("datasets").iterdir()] == ["tiny"]
    assert load_dataset(HERE).entities.ids == ENTITIES


@pytest.mark.parametrize("base", ["{url}/copies", "{url}/copies/", "{url}/copies/tiny", "../copies", "../copies/tiny"])
def test_from_a_copy_packed_or_not(catalog: Web, call, base: str):
    reply = call("data", "get", "tiny", "--from", base.format(url=catalog.url), "--to", "elsewhere")
    assert reply.code == 0
    assert "elsewhere/tiny: got, verified" in reply.out
    assert "without" not in reply.out
    assert texts(Path("elsewhere/tiny")) == texts(COPY)
    assert [p.name for p in Path("elsewhere").iterdir()] == ["tiny"]
    assert catalog.asked == [] or base.startswith("{url}")


def test_what_is_there_is_verified_and_left_alone(catalog: Web, call):
    shutil.copytree(COPY, HERE)
    (HERE / "text.tsv").write_text("a\tof my own\n")
    (HERE / "image.npy").write_bytes(b"of my own")
    before = tree(HERE)
    reply = call("data", "get", "tiny")
    assert reply.code == 0
    assert "datasets/tiny: there already, verified" in reply.out
    assert "text.tsv: not as on the card" in reply.out
    assert tree(HERE) == before
    assert catalog.asked == []


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda: (HERE / "test.txt").write_text("a\tlikes\tb\n"), "test.txt: sha256 .* of 10 bytes, expected .* of"),
        (lambda: (HERE / "valid.txt").unlink(), "valid.txt is missing"),
        (lambda: (HERE / "entities.tsv").write_text("\n".join(sorted(ENTITIES))), "entities.tsv: other identifiers"),
        (lambda: (HERE / "train.txt").rename(HERE / "train.txt.gz"), "train.txt: not readable as gzip"),
    ],
    ids=["other triples", "no valid", "another order", "not packed"],
)
def test_another_data_set_of_that_name_is_never_overwritten(catalog: Web, call, spoil, why: str):
    shutil.copytree(COPY, HERE)
    spoil()
    before = tree(Path())
    reply = call("data", "get", "tiny", "--from", catalog.url)
    assert reply.code == 3
    assert reply.out == ""
    assert reply.err.startswith("error: datasets/tiny: there already, but not Tiny as published: ")
    assert re.search(why, reply.err)
    assert tree(Path()) == before


def test_a_cut_download_leaves_no_data_set_and_is_gone_on_with(catalog: Web, call):
    catalog.cuts["raw/train2id.txt"] = [20, 1, 1, 1]
    reply = call("data", "get", "tiny")
    assert reply.code == 3
    assert "raw/train2id.txt: not received in 4 tries" in reply.err
    assert not HERE.exists()
    catalog.asked.clear()
    assert call("data", "get", "tiny").code == 0
    assert catalog.asked[0] == ("raw/train2id.txt", "bytes=23-")
    assert [name for name, _ in catalog.asked] == [f"raw/{split}2id.txt" for split in ("train", "valid", "test")]
    assert texts(HERE)["train.txt"] == texts(COPY)["train.txt"]


@pytest.mark.parametrize(
    ("options", "spoilt"),
    [([], "raw/entity2id.txt"), (["--from", "{url}/copies"], "copies/tiny/text.tsv.gz")],
    ids=["origin", "copy"],
)
def test_a_wrong_file_is_told_and_leaves_no_data_set(catalog: Web, call, options: list[str], spoilt: str):
    catalog.files[spoilt] = gzip.compress(b"a\tspoilt\n")
    reply = call("data", "get", "tiny", *(option.format(url=catalog.url) for option in options))
    assert reply.code == 3
    assert f"{spoilt}: not the file expected: " in reply.err
    assert not HERE.exists()


def test_a_conversion_that_gives_other_triples_leaves_no_data_set(catalog: Web, call):
    card = Path("../package/tiny.toml")
    digest = hashlib.sha256((COPY / "valid.txt").read_bytes()).hexdigest()
    card.write_text(card.read_text().replace(digest, "0" * 64))
    reply = call("data", "get", "tiny")
    assert reply.code == 3
    assert f"Tiny from its public origin: not as published: valid.txt: sha256 {digest}" in reply.err
    assert not HERE.exists()


def test_an_optional_file_may_be_missing_from_a_copy_a_split_may_not(catalog: Web, call):
    del catalog.files["copies/tiny/text.tsv.gz"]
    reply = call("data", "get", "tiny", "--from", f"{catalog.url}/copies")
    assert reply.code == 0
    assert "without text.tsv" in reply.out
    shutil.rmtree(HERE)
    del catalog.files["copies/tiny/entities.tsv.gz"]
    reply = call("data", "get", "tiny", "--from", f"{catalog.url}/copies")
    assert reply.code == 3
    assert f"{catalog.url}/copies: holds no tiny/entities.tsv, nor entities.tsv itself" in reply.err
    assert not HERE.exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["tinny"], 2, 'no data set "tinny" is known. Did you mean "tiny"?'),
        (["tiny", "nope"], 2, 'no data set "nope" is known'),
        (["tiny", "--from", "ftp://x/y"], 2, "--from ftp://x/y: only http://, https:// and folders are read"),
        (["tiny", "--from", "nowhere"], 2, "--from nowhere: no such folder"),
        (["tiny", "--to", "../package/tiny.toml"], 3, "tiny.toml/tiny: cannot be written: "),
        ([], 2, "Missing argument"),
    ],
)
def test_bad_words_are_one_clear_error_and_nothing_is_fetched(catalog: Web, call, words, code: int, message: str):
    reply = call("data", "get", *words)
    assert reply.code == code
    assert message in reply.err
    assert catalog.asked == []
    assert list(Path().iterdir()) == []


def test_a_data_set_that_ships_is_where_it_ships(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worldfacts):
    monkeypatch.chdir(tmp_path)
    reply = call("data", "get", "worldfacts")
    assert reply.code == 0
    assert f"{worldfacts}: there already, verified" in reply.out
    assert list(tmp_path.iterdir()) == []


def test_ls_tells_every_card_and_where_it_is_at_hand(catalog: Web, call):
    before = call("data", "ls").out
    assert "tiny" in before
    assert "datasets/tiny" not in before
    call("data", "get", "tiny")
    lines = call("data", "ls").out.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("tiny"))
    assert [line.split() for line in lines[place : place + 3]] == [
        *(["tiny", "6", "2", "14", "text", "50%"], ["CC0"], ["datasets/tiny"])
    ]


def test_ls_of_one_tells_the_whole_card(catalog: Web, call):
    out = call("data", "ls", "tiny").out
    card = card_of("tiny")
    for told in ("Tiny: Small.", "10 train, 2 valid, 2 test triples", "too small", "Nobody", "CC0 1.0", "a server"):
        assert told in out
    assert all(source.url in out for source in card.origin.triples.values())
    assert all(f"{file.sha256}  {file.size:>12,}  {name}" in out for name, file in card.files.items())
    assert "at hand: no; dsomgnn data get tiny" in out
    reply = call("data", "ls", "tinny")
    assert (reply.code, reply.out) == (2, "")
    assert 'Did you mean "tiny"?' in reply.err


def test_the_shipped_catalog_lists_all_six_in_80_columns(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DSOMGNN_DATASETS", raising=False)
    _, _, *lines = call("data", "ls").out.partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == sorted(cards.known_cards())
    assert all(len(line.rstrip()) <= 80 for line in lines if "/datasets/" not in line)
