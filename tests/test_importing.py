"""`dsomgnn data import`: the folder it writes, texts and names beside the triples, random splits, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, write_dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import Facts, openke, own, rotate, write

from dsomgnn.data.formats.random_split import random_split
from dsomgnn.data.triples import load_dataset
from dsomgnn.errors import DataError
from dsomgnn.importing import import_dataset

FACTS = Facts(
    ["Q2", "Q1", "Q3", "Q0"],
    ["near", "is in"],
    {"train": [(0, 0, 1), (1, 1, 2), (0, 0, 1), (2, 1, 3)], "valid": [(3, 0, 0)], "test": [(1, 0, 3)]},
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """FACTS in OpenKE's layout."""
    (tmp_path / "src").mkdir()
    openke(tmp_path / "src", FACTS)
    return tmp_path / "src"


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_the_folder_holds_the_triples_as_they_were_and_the_ids_in_their_order(source: Path, tmp_path: Path):
    import_dataset(source, tmp_path / "dst")
    assert lines(tmp_path / "dst/train.txt") == ["\t".join(triple) for triple in FACTS.named("train")]
    assert lines(tmp_path / "dst/entities.tsv") == [f"{name}\t{name}" for name in FACTS.entities]
    assert lines(tmp_path / "dst/relations.tsv") == ["near\tnear", "is in\tis in"]
    assert sorted(path.name for path in (tmp_path / "dst").iterdir()) == [
        "entities.tsv", "relations.tsv", "test.txt", "train.txt", "valid.txt"
    ]  # fmt: skip


def test_the_loader_reads_what_the_import_wrote(worldfacts: Path, tmp_path: Path):
    data = load_dataset(worldfacts)
    splits = {split: [tuple(row) for row in data.split(split).tolist()] for split in ("train", "valid", "test")}
    (tmp_path / "src").mkdir()
    rotate(tmp_path / "src", Facts(data.entities.ids, data.relations.ids, splits))
    import_dataset(tmp_path / "src", tmp_path / "dst")
    assert load_dataset(tmp_path / "dst").sha256 == data.sha256


def test_our_own_layout_comes_back_byte_for_byte(worldfacts: Path, tmp_path: Path):
    import_dataset(worldfacts, tmp_path / "dst")
    for name in ("train.txt", "valid.txt", "test.txt", "entities.tsv", "relations.tsv", "text.tsv", "numeric.tsv"):
        assert (tmp_path / "dst" / name).read_bytes() == (worldfacts / name).read_bytes(), name


def test_columns_behind_the_name_stay(tmp_path: Path):
    (tmp_path / "src").mkdir()
    own(tmp_path / "src", FACTS)
    import_dataset(tmp_path / "src", tmp_path / "dst")
    assert lines(tmp_path / "dst/entities.tsv")[0] == "Q2\tname of Q2\ta kind"


def test_texts_and_names_beside_the_triples_come_along(source: Path, tmp_path: Path):
    texts = [["Q1", "a long text\tin two cells"], ["Q9", "of another graph"], ["Q2", "short"], ["Q1", "once more"]]
    write(source / "entity2textlong.txt", texts)
    write(source / "Q2name.txt", [["Q1", "New York"], ["Q3", "Rome"]])
    write(source / "relation2text.txt", [["is in", "lies in"]])
    write(source / "descriptions.txt", [["elsewhere", "a text of nobody here, though it is the longest of them all"]])
    found = import_dataset(source, tmp_path / "dst")
    assert lines(tmp_path / "dst/text.tsv") == ["Q2\tshort", "Q1\ta long text in two cells"]
    assert lines(tmp_path / "dst/entities.tsv") == ["Q2\tQ2", "Q1\tNew York", "Q3\tRome", "Q0\tQ0"]
    assert lines(tmp_path / "dst/relations.tsv") == ["near\tnear", "is in\tlies in"]
    assert (found.beside.text.strangers, found.beside.text.repeats) == (1, 1)
    assert [path.name for path in found.beside.left_out] == ["descriptions.txt"]


def test_the_command_says_what_it_found_and_what_comes_next(source: Path, tmp_path: Path, call):
    write(source / "entity2text.txt", [["Q1", "a town"], ["Q7", "elsewhere"]])
    (source / "img_features.pth").touch()
    (source / "type_constrain.txt").touch()
    reply = call("data", "import", source, tmp_path / "dst")
    assert reply.code == 0
    told = " ".join(reply.out.split())
    for words in (
        "entities: ids of entity2id.txt; relations: ids of relation2id.txt; columns: head, tail, relation",
        "train2id.txt, valid2id.txt, test2id.txt",
        "entity2text.txt: 1 of 4; left out: 1 rows of others",
        '[features.NAME] source = "img_features.pth"',
        "not read type_constrain.txt",
        "4 entities, 2 relations; train 4, valid 1, test 1",
        f"Next: dsomgnn data audit {tmp_path / 'dst'}",
    ):
        assert words in told


def test_numbers_beside_the_triples_come_along_as_far_as_their_entities_are_known(source: Path, tmp_path: Path, call):
    rows = [["entity", "attribute", "value"], ["Q1", "size", "3"], ["Q9", "size", "4"], ["Q1", "age", "1e3"]]
    write(source / "numeric.tsv", rows)
    reply = call("data", "import", source, tmp_path / "dst")
    assert lines(tmp_path / "dst/numeric.tsv") == ["Q1\tsize\t3", "Q1\tage\t1e3"]
    assert "numeric.tsv: 1 of 4; left out: 2 rows of others" in " ".join(reply.out.split())


@pytest.mark.parametrize(
    ("row", "message"),
    [("Q2\tsize", ":2: 2 columns, expected 3"), ("Q2\tsize\tbig", ':2: "big" is not a finite number')],
)
def test_a_bad_row_of_numbers_is_refused_with_its_line(row: str, message: str, source: Path, tmp_path: Path):
    (source / "numeric.tsv").write_text(f"Q1\tsize\t3\n{row}\n")
    with pytest.raises(DataError, match=f"numeric.tsv{message}"):
        import_dataset(source, tmp_path / "dst")
    assert not (tmp_path / "dst").exists()


def test_an_array_is_told_with_the_file_of_its_identifiers(source: Path, tmp_path: Path, call):
    for name in ("f.npy", "f.txt", "g.npy", "h.txt"):
        (source / name).touch()
    told = " ".join(call("data", "import", source, tmp_path / "dst").out.split())
    assert "f.npy: copy it and f.txt there, and" in told
    assert "g.npy: copy it there, and" in told
    assert "not read h.txt wrote" in told


def test_options_settle_what_the_content_leaves_open(tmp_path: Path, call):
    write_dataset(tmp_path / "src", {split: [("0", "1", "1"), ("1", "0", "0")] for split in ("train", "valid", "test")})
    reply = call("data", "import", tmp_path / "src", tmp_path / "dst")
    assert (reply.code, reply.err.count("error: ")) == (3, 1)
    assert "say --columns hrt or --columns htr" in reply.err
    assert call("data", "import", tmp_path / "src", tmp_path / "dst", "--columns", "htr").code == 0
    assert lines(tmp_path / "dst/train.txt") == ["0\t1\t1", "1\t0\t0"]


def test_a_file_without_splits_is_dealt_at_random_without_leaks(tmp_path: Path, call):
    generator = np.random.default_rng(0)
    triples = [f"e{h}\tr{r}\te{t}\n" for h, r, t in generator.integers(0, [30, 3, 30], (400, 3))]
    (tmp_path / "graph.tsv").write_text("subject\tpredicate\tobject\n" + "".join(triples) + triples[0])
    reply = call("data", "import", tmp_path / "graph.tsv", tmp_path / "dst", "--split", "0.8,0.1,0.1", "--seed", 3)
    assert reply.code == 0
    splits = {split: lines(tmp_path / f"dst/{split}.txt") for split in ("train", "valid", "test")}
    dealt = [line for rows in splits.values() for line in rows]
    distinct = list(dict.fromkeys(line.rstrip("\n") for line in triples))
    assert sorted(dealt) == sorted(distinct)
    assert f"{401 - len(distinct)} repeated triples are used once" in reply.out
    assert len(splits["valid"]) == len(splits["test"]) == round(0.1 * len(distinct))
    assert not load_dataset(tmp_path / "dst").unseen.any()


TRIPLES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(0, 9)), min_size=1, max_size=60)


@settings(max_examples=80, deadline=None)
@given(triples=TRIPLES, seed=st.integers(0, 5))
def test_a_random_split_keeps_every_entity_and_relation_in_train_and_the_order_of_the_rows(triples, seed: int):
    rows = np.array(sorted(set(triples)))
    try:
        splits = random_split(rows, (0.7, 0.2, 0.1), seed)
    except DataError as error:
        assert "cannot be split so" in str(error)  # noqa: PT017
        return
    assert [len(splits[name]) for name in ("valid", "test")] == [round(0.2 * len(rows)), round(0.1 * len(rows))]
    assert sorted(map(tuple, np.concatenate(list(splits.values())))) == list(map(tuple, rows))
    assert all(list(map(tuple, part)) == sorted(map(tuple, part)) for part in splits.values())
    assert set(splits["train"][:, [0, 2]].ravel()) == set(rows[:, [0, 2]].ravel())
    assert set(splits["train"][:, 1]) == set(rows[:, 1])


def test_another_seed_deals_otherwise_and_the_same_the_same():
    rows = np.stack(np.divmod(np.arange(100), 10), 1)[:, [0, 0, 1]] * [1, 0, 1]
    first, again, other = (random_split(rows, (0.8, 0.1, 0.1), seed)["test"].tolist() for seed in (0, 0, 1))
    assert first == again != other


REFUSED = {
    "no such folder": (["nope", "dst"], 3, "nope: no such file or folder"),
    "taken": (["src", "src"], 2, "src: exists already; name a new or an empty folder"),
    "a file": (["src", "src/train2id.txt"], 2, "exists already"),
    "below a file": (["src", "src/train2id.txt/dst"], 3, "cannot be written: Not a directory"),
    "needless split": (["src", "dst", "--split", "0.8,0.1,0.1"], 2, "has splits of its own (train, valid, test)"),
    "two shares": (["src", "dst", "--split", "0.8,0.2"], 2, "expected three shares above 0 that add up to 1"),
    "no shares": (["src", "dst", "--split", "most"], 2, "expected three shares"),
    "split missing": (["one.tsv", "dst"], 2, "1 triple without splits"),
    "too few to split": (["one.tsv", "dst", "--split", "0.8,0.1,0.1"], 3, "one.tsv: 1 triple cannot be split so"),
    "no such columns": (["src", "dst", "--columns", "hr"], 2, "--columns hr: expected hrt or htr"),
    "no such cells": (["src", "dst", "--cells", "words"], 2, "--cells words: expected ids or names"),
    "no triples": (["empty", "dst"], 3, "no train, valid and test files among no file"),
}


@pytest.mark.parametrize(("words", "code", "message"), REFUSED.values(), ids=REFUSED)
def test_a_refused_import_tells_why_and_leaves_nothing(words, code, message, source: Path, call, monkeypatch):
    monkeypatch.chdir(source.parent)
    Path("one.tsv").write_text("a\tr\tb\n")
    Path("empty").mkdir()
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    reply = call("data", "import", *words)
    assert (reply.code, reply.err.count("error: ")) == (code, 1), reply.err
    assert message in reply.err
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before


def test_a_seed_below_zero_is_refused(tmp_path: Path, call):
    (tmp_path / "one.tsv").write_text("a\tr\tb\n")
    reply = call("data", "import", tmp_path / "one.tsv", tmp_path / "dst", "--split", "0.8,0.1,0.1", "--seed", -1)
    assert reply.code == 2
    assert "'--seed': Input should be greater than or equal to 0" in reply.err


def test_nothing_half_written_stays_where_writing_fails(source: Path, tmp_path: Path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dsomgnn.importing._write_rows", full)
    with pytest.raises(DataError, match="dst: cannot be written: No space left on device"):
        import_dataset(source, tmp_path / "dst")
    assert [path.name for path in tmp_path.iterdir()] == ["src"]


def test_an_empty_folder_is_filled(source: Path, tmp_path: Path):
    (tmp_path / "dst").mkdir()
    import_dataset(source, tmp_path / "dst")
    assert load_dataset(tmp_path / "dst").num_entities == 4


def test_a_tiny_set_without_maps_keeps_its_facts(tmp_path: Path):
    import_dataset(write_dataset(tmp_path / "src"), tmp_path / "dst")
    assert lines(tmp_path / "dst/train.txt") == ["\t".join(triple) for triple in TINY["train"]]
