"""Foreign layouts: what is written in one comes back as it was, and what does not fit is refused with file and line."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from layouts import WITH_ORDER, WITHOUT_ORDER, Facts, write

from dsomgnn.data.formats.source import Source, read_source
from dsomgnn.data.tables import find_file, read_rows
from dsomgnn.errors import DataError

SPLITS = ("train", "valid", "test")
LAYOUTS = WITH_ORDER | WITHOUT_ORDER
HEAD_TAIL_RELATION = ("openke", "openke_with_spaces", "dkrl")
EVERY_LAYOUT = pytest.mark.parametrize("layout", LAYOUTS)


def facts_of(folder: Path) -> Facts:
    """A data set in our own layout, read without the code under test."""
    ids = {
        kind: [row[0] for row in read_rows(find_file(folder, f"{kind}.tsv"), 1)] for kind in ("entities", "relations")
    }
    entity, relation = ({word: i for i, word in enumerate(ids[kind])} for kind in ("entities", "relations"))
    rows = {split: read_rows(find_file(folder, f"{split}.txt"), 3, 3) for split in SPLITS}
    splits = {split: [(entity[h], relation[r], entity[t]) for h, r, t in rows[split]] for split in SPLITS}
    return Facts(ids["entities"], ids["relations"], splits)


def assert_same(source: Source, facts: Facts, ordered: bool = True) -> None:
    """The same triples in the same order; the same ids too, or sorted ones where the layout has no order."""
    entities, relations = source.entities.ids, source.relations.ids
    if ordered:
        assert (list(entities), list(relations)) == (list(facts.entities), list(facts.relations))
    else:
        assert (list(entities), list(relations)) == (sorted(entities), sorted(relations))
    assert list(source.splits) == list(SPLITS)
    for split, triples in source.splits.items():
        assert [(entities[h], relations[r], entities[t]) for h, r, t in triples] == facts.named(split)


@EVERY_LAYOUT
def test_a_real_data_set_comes_back_from_every_layout(layout: str, worldfacts: Path, tmp_path: Path):
    facts = facts_of(worldfacts)
    LAYOUTS[layout](tmp_path, facts)
    assert_same(read_source(tmp_path), facts, ordered=layout in WITH_ORDER)


@pytest.mark.parametrize(("name", "layout"), [("db15k", "openke"), ("mkg-w", "with_full_stops")])
def test_benchmarks_come_back_in_their_published_order(name: str, layout: str, real_data, tmp_path: Path):
    facts = facts_of(real_data(name))
    LAYOUTS[layout](tmp_path, facts)
    assert_same(read_source(tmp_path), facts)


NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=4)


@st.composite
def small_facts(draw) -> Facts:
    """1 to 6 entities, some perhaps numbers; 1 to 3 relations, each in use."""
    entities = draw(st.lists(NAMES | st.sampled_from("012345"), min_size=1, max_size=6, unique=True))
    relations = [f"r {name}" for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))]
    entity, relation = st.integers(0, len(entities) - 1), st.integers(0, len(relations) - 1)
    triples = st.lists(st.tuples(entity, relation, entity), min_size=1, max_size=6)
    splits = {split: draw(triples) for split in SPLITS}
    splits["train"] += [(draw(entity), r, draw(entity)) for r in range(len(relations))]
    return Facts(entities, relations, splits)


@EVERY_LAYOUT
@settings(max_examples=25, deadline=None)
@given(facts=small_facts())
def test_nothing_is_guessed_wrong_and_the_options_settle_the_rest(layout: str, facts: Facts):
    if layout == "with_full_stops":  # it knows no spaces
        facts = facts._replace(relations=[name.replace(" ", "_") for name in facts.relations])
    columns = "htr" if layout in HEAD_TAIL_RELATION else "hrt"
    cells = "ids" if layout in ("openke", "openke_with_spaces", "kbc_ids", "libkge", "pykeen") else "names"
    with tempfile.TemporaryDirectory() as folder:
        LAYOUTS[layout](Path(folder), facts)
        assert_same(settled(Path(folder), columns, cells), facts, ordered=layout in WITH_ORDER)


def settled(folder: Path, columns: str, cells: str) -> Source:
    """What is read without options, or with those that the refusal asks for."""
    try:
        return read_source(folder)
    except DataError as error:
        if "both columns could be ids" in str(error):  # of an id map: only its owner knows
            reject()
        if "say --" not in str(error):
            raise
        return read_source(folder, columns, cells)


def numbered(folder: Path, triples: dict[str, list[tuple]], mark: str = "\t") -> Path:
    for split, rows in triples.items():
        write(folder / f"{split}.txt", rows, mark)
    return folder


@pytest.mark.parametrize("columns", ["hrt", "htr"])
def test_numbers_without_a_map_are_ids_and_their_columns_are_found(columns: str, tmp_path: Path):
    triples = [(i, i % 3, (i + 1) % 30) for i in range(30)]
    rows = triples if columns == "hrt" else [(h, t, r) for h, r, t in triples]
    source = read_source(numbered(tmp_path, {"train": rows[4:], "valid": rows[:2], "test": rows[2:4]}, " "))
    assert source.splits["train"].tolist() == [list(triple) for triple in triples[4:]]
    assert source.entities.ids == tuple(map(str, range(30)))


def test_ids_that_stand_in_no_triple_keep_their_place(tmp_path: Path):
    rows = [(i, 0, i + 1) for i in range(0, 40, 2) if i != 20]
    source = read_source(numbered(tmp_path, {"train": rows, "valid": rows[:1], "test": rows[1:2]}))
    assert source.entities.ids == tuple(map(str, range(40)))
    assert "2 entity ids below 39 stand in no triple" in " ".join(source.notes)


def test_numbers_far_apart_are_identifiers_sorted_by_size(tmp_path: Path):
    rows = [(i, 0, i + 1000) for i in range(5, 900, 30)]
    source = read_source(numbered(tmp_path, {"train": rows, "valid": rows[:1], "test": rows[1:2]}))
    assert source.entities.ids == tuple(map(str, sorted({n for h, _, t in rows for n in (h, t)})))


def test_names_as_head_tail_relation_are_told_by_heads_among_the_tails(tmp_path: Path):
    rows = [(f"e{i}", f"e{(i + 1) % 9}", f"r{i}") for i in range(9)]
    source = read_source(numbered(tmp_path, {"train": rows, "valid": rows[:1], "test": rows[1:2]}))
    assert source.relations.ids == tuple(f"r{i}" for i in range(9))


def test_a_map_of_names_goes_before_one_that_only_counts(tmp_path: Path):
    """MyGO: ids in the triples, entities.txt counts them, entity2id.txt names them."""
    numbered(tmp_path, {split: [(i, i % 2, 2) for i in range(3)] for split in SPLITS})
    write(tmp_path / "entities.txt", [[0], [1], [2]])
    write(tmp_path / "relations.txt", [[0], [1]])
    write(tmp_path / "entity2id.txt", [["New York", 1], ["Rome", 0], ["Bonn", 2]], " ")
    source = read_source(tmp_path)
    assert source.entities.ids == ("Rome", "New York", "Bonn")
    assert source.relations.ids == ("0", "1")


def test_split_files_of_openke_go_before_others_and_a_prefix_is_no_hindrance(tmp_path: Path):
    for split in SPLITS:
        write(tmp_path / f"wn18-{split}.txt", [["x", "r", "y"]])
    assert read_source(tmp_path).entities.ids == ("x", "y")
    for split in SPLITS:
        write(tmp_path / f"{split}2id.txt", [[1], [0, 1, 0]], " ")
    write(tmp_path / "entity2id.txt", [[2], ["a", 0], ["b", 1]])
    write(tmp_path / "relation2id.txt", [[1], ["is", 0]])
    source = read_source(tmp_path)
    assert source.entities.ids == ("a", "b")
    assert [path.name for path in source.unread] == ["wn18-test.txt", "wn18-train.txt", "wn18-valid.txt"]


def test_packed_and_plain_files_may_stand_side_by_side(tmp_path: Path):
    numbered(tmp_path, {"valid": [("a", "r", "b")], "test": [("a", "r", "b")]})
    (tmp_path / "train.txt.gz").write_bytes(gzip.compress("ä\tr\tb\r\n".encode()))
    assert read_source(tmp_path).entities.ids == ("a", "b", "ä")


def test_words_that_are_both_an_entity_and_a_relation_are_told(tmp_path: Path):
    numbered(tmp_path, {split: [("a", "likes", "b"), ("b", "likes", "likes")] for split in SPLITS})
    assert "1 words are both an entity and a relation, the first: likes" in read_source(tmp_path, "hrt").notes


OPENKE = {
    "train2id.txt": "2\n0 1 0\n2 0 1\n", "valid2id.txt": "1\n1 0 0\n", "test2id.txt": "1\n1 2 1\n",
    "entity2id.txt": "3\nNew York\t0\nRome\t1\nBonn\t2\n", "relation2id.txt": "2\nis\t0\nnear\t1\n",
}  # fmt: skip
WORDS = {
    "train.txt": "a\tlikes\tb\nb\tlikes\tc\n", "valid.txt": "a\tlikes\tc\n", "test.txt": "c\tlikes\ta\n",
    "entities.dict": "0\ta\n1\tb\n2\tc\n", "relations.dict": "0\tlikes\n",
}  # fmt: skip
PLAIN = {name: text for name, text in WORDS.items() if name.endswith(".txt")}
NUMBERS = {f"{split}.txt": "0 1 1\n1 0 0\n" for split in SPLITS}


def csvs(text: str) -> dict[str, str]:
    return {f"{split}.csv": text for split in SPLITS}


ONE = "a\tlikes\tb\n"
BAD = {
    "count line of triples": (OPENKE, {"train2id.txt": "3\n0 1 0\n2 0 1\n"}, r"train2id\.txt:1: .* 3 triples, but 2"),
    "count line of a map": (OPENKE, {"entity2id.txt": "4\na\t0\nb\t1\nc\t2\n"}, r"entity2id\.txt:1: .* 4 rows, but 3"),
    "id out of range": (
        OPENKE,
        {"train2id.txt": "2\n0 1 0\n2 3 1\n"},
        r"train2id\.txt:3: entity id 3 is out of range: entity2id\.txt has ids 0 to 2",
    ),
    "relation out of range": (
        OPENKE,
        {"test2id.txt": "1\n1 2 7\n"},
        r"test2id\.txt:2: relation id 7 is out of range: relation2id\.txt has ids 0 to 1",
    ),
    "name for an id": (OPENKE, {"test2id.txt": "1\n1 Rome 1\n"}, r'test2id\.txt:2: "Rome" is no entity id'),
    "two names for one id": (
        OPENKE,
        {"entity2id.txt": "3\na\t0\nb\t1\nc\t1\n"},
        r'entity2id\.txt:4: "id 1" stands a second time \(first in line 3\)',
    ),
    "two ids for one name": (OPENKE, {"entity2id.txt": "3\na\t0\nb\t1\na\t2\n"}, r'2id\.txt:4: "a" stands a second'),
    "gap in the ids": (OPENKE, {"entity2id.txt": "3\na\t0\nb\t1\nc\t3\n"}, r"2id\.txt:4: id 3 is out of range"),
    "no id": (OPENKE, {"entity2id.txt": "3\na\t0\nb\t1\nc\n"}, r"2id\.txt:4: expected an identifier and its id"),
    "both columns ids": (OPENKE, {"entity2id.txt": "3\n0\t1\n1\t2\n2\t0\n"}, r"entity2id\.txt: both columns could be"),
    "unknown name": (
        WORDS,
        {"valid.txt": "a\tlikes\taa\n"},
        r'valid\.txt:1: "aa" is no entity of entities\.dict.* Did you mean "a"\?',
    ),
    "relation as an entity": (
        WORDS,
        {"valid.txt": "a\tlikes\tc\na\tlikes\tlikes\n"},
        r'valid\.txt:2: "likes" is no entity of entities\.dict; it is a relation',
    ),
    "ragged": (PLAIN, {"train.txt": f"{ONE}b\tlikes\n"}, r'train\.txt:2: 2 columns, expected 3: "b\tlikes"'),
    "blank line": (PLAIN, {"train.txt": f"{ONE}\n{ONE}"}, r"train\.txt:2: 1 column, expected 3"),
    "spaces, not tabs": (PLAIN, {"train.txt": "New York is in America\n"}, r"train\.txt:1: 5 columns, expected 3"),
    "empty cell": (PLAIN, {"test.txt": f"{ONE}a\t\tb\n"}, r'test\.txt:2: the cell "" is empty'),
    "empty file": (PLAIN, {"valid.txt": "\n"}, r"valid\.txt: empty"),
    "header alone": (PLAIN, {"valid.txt": "head\trelation\ttail\n"}, r"valid\.txt: no triple below the header"),
    "header in one file": (PLAIN, {"valid.txt": f"h\tr\tt\n{ONE}"}, r"valid\.txt has a header .* has none"),
    "not text": (PLAIN, {"train.txt": b"a\tlikes\tb\nb\tlikes\t\xff\n"}, r"train\.txt: not UTF-8 text .* in line 2\)"),
    "columns fit both ways": (NUMBERS, {}, r"head, tail, relation\? .* --columns hrt or --columns htr"),
    "cells fit both ways": (
        NUMBERS,
        {"ent_id": "1\t0\n0\t1\nx\t2\n", "rel_id": "is\t0\nhas\t1\nis not\t2\n", "train.txt": "0 2 1\n1 0 0\n"},
        r"ent_id: .*--cells ids or --cells names",
    ),
    "two maps": (
        WORDS,
        {"entity2id.txt": "a\t0\nc\t1\nb\t2\n"},
        r"entities\.dict and entity2id\.txt give different ids",
    ),
    "two valid splits": (PLAIN, {"dev.txt": ONE}, r"both dev\.txt and valid\.txt could be valid"),
    "no valid split": (
        {"train.txt": ONE, "test.txt": ONE},
        {},
        r"no valid split beside test\.txt, train\.txt \(looked for valid, val, dev",
    ),
    "no split at all": ({"graph.tsv": ONE}, {}, r"no train, valid and test files among graph\.tsv.*--split 0\.8"),
    "pickles": (
        {"train.pickle": "", "to_skip.pickle": "", "ent_id": "a\t0\n"},
        {},
        r"train\.pickle: a pickle can run any code(.|\n)*pickle\.load\(open\(\"train\.pickle\"",
    ),
    "quoted cell over lines": (csvs('a,r,"b\nc"\n'), {}, r"\.csv:1: a quoted cell runs over"),
    "open quote": (csvs('a,r,b\na,r,"b\n'), {}, r"\.csv:2: unexpected end of data"),
    "JSON lines": (
        PLAIN,
        {"train.txt": '{"head": "a", "relation": "likes", "tail": "b"}\n'},
        r"train\.txt: JSON; triples",
    ),
    "JSON over lines": (PLAIN, {"train.txt": '\n[\n  ["a", "likes", "b"]\n]\n'}, r"train\.txt: JSON; triples are read"),
    "one name but for blanks": (
        WORDS,
        {"entities.dict": "0\ta\n1\ta \n2\tc\n"},
        r'entities\.dict:2: "a" stands a second',
    ),
    "tab in a cell": (csvs('a,r,b\na,r,"b\tc"\n'), {}, r'\.csv:2: the cell "b\tc" holds a tab'),
}


@pytest.mark.parametrize(("files", "changes", "message"), BAD.values(), ids=BAD)
def test_what_does_not_fit_is_refused_with_the_place(files: dict, changes: dict, message: str, tmp_path: Path):
    for name, content in (files | changes).items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message):
        read_source(tmp_path)


@pytest.mark.parametrize("files", [OPENKE, WORDS, PLAIN], ids=["openke", "words", "plain"])
def test_the_same_files_unspoilt_are_read(files: dict, tmp_path: Path):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert [len(rows) for rows in read_source(tmp_path).splits.values()] == [2, 1, 1]


@pytest.mark.parametrize("end", ["csv", "txt"])
def test_blanks_around_cells_make_no_other_identifier(end: str, tmp_path: Path):
    mark = "," if end == "csv" else "\t"
    for split in SPLITS:
        rows = [("a 0", ' "r"' if end == "csv" else " r", " b"), ("b ", " r ", " a 0")]
        write(tmp_path / f"{split}.{end}", rows, mark)
    source = read_source(tmp_path, "hrt")
    assert (source.entities.ids, source.relations.ids) == (("a 0", "b"), ("r",))
    assert source.splits["test"].tolist() == [[0, 0, 1], [1, 0, 0]]


def test_a_bracket_begins_no_json_where_tabs_part_the_cells(tmp_path: Path):
    write(tmp_path / "graph.tsv", [('["a"]', "r", "{"), ("{", "r", '["a"]')])
    assert read_source(tmp_path / "graph.tsv").entities.ids == ('["a"]', "{")


PARQUET = {
    "other columns": ({"head": ["a"], "link": ["r"], "tail": ["b"]}, "has columns head, link, tail; expected"),
    "null": ({"h": ["a", None], "r": ["r", "r"], "t": ["b", "b"]}, r':2: the cell "" is empty'),
    "numbers with a point": ({"h": [1.0], "r": ["r"], "t": ["b"]}, "column h holds double, expected text or whole"),
    "no row": ({"h": pa.array([], "string"), "r": pa.array([], "string"), "t": pa.array([], "string")}, "empty"),
}


@pytest.mark.parametrize(("table", "message"), PARQUET.values(), ids=PARQUET)
def test_a_parquet_file_that_holds_no_triples_is_refused(table: dict, message: str, tmp_path: Path):
    pq.write_table(pa.table(table), tmp_path / "graph.parquet")
    with pytest.raises(DataError, match=rf"graph\.parquet:? ?.*{message}"):
        read_source(tmp_path / "graph.parquet")


def test_a_broken_parquet_file_an_archive_and_a_missing_folder_are_told(tmp_path: Path):
    (tmp_path / "graph.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match=r"graph\.parquet: cannot be read as Parquet"):
        read_source(tmp_path / "graph.parquet")
    (tmp_path / "graph.tar.gz").touch()
    with pytest.raises(DataError, match="an archive; unpack it"):
        read_source(tmp_path / "graph.tar.gz")
    with pytest.raises(DataError, match=r'no such file or folder\. Did you mean "graph\.parquet"\?'):
        read_source(tmp_path / "graf.parquet")


def test_whole_numbers_in_parquet_are_read_as_ids(tmp_path: Path):
    for split in SPLITS:
        columns = {"source": np.arange(6), "target": np.arange(6)[::-1], "predicate": np.zeros(6, np.int8)}
        pq.write_table(pa.table(columns), tmp_path / f"{split}.parquet")
    source = read_source(tmp_path)
    assert source.splits["test"].tolist() == [[i, 0, 5 - i] for i in range(6)]
