"""A file of queries is answered as each query alone would be, whole or not at all."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsomgnn
from dsomgnn.errors import DataError, RecipeError
from dsomgnn.predict import answers_file, file

QUERIES = [("a", "likes", None), (None, "likes", "a"), ("b", "knows", None), ("a", "likes", None), (None, "knows", "f")]
COLUMNS = ["line", "asked", "head", "relation", "tail", "rank", "score", "probability", "known"]


def text(queries: list[tuple], asked: str = "?") -> str:
    return "".join("\t".join(word or asked for word in query) + "\n" for query in queries)


def wanted(run: Path, k: int, new: bool = False, first: int = 1) -> list[tuple]:
    """The rows of all QUERIES by `predict`, one query at a time."""
    model, rows = dsomgnn.load(run), []
    for line, (head, relation, tail) in enumerate(QUERIES, first):
        for a in model.predict(head, relation, tail, k, new):
            fact = (head or a.entity, relation, tail or a.entity)
            rows.append((line, "head" if head is None else "tail", *fact, a.rank, a.score, a.probability, a.known))
    return rows


def read(path: Path) -> list[tuple]:
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        assert table.column_names == COLUMNS
        return [tuple(row.values()) for row in table.to_pylist()]
    header, *lines = path.read_text().splitlines()
    assert header.split("\t") == COLUMNS
    rows = [line.split("\t") for line in lines]
    return [(int(r[0]), *r[1:5], int(r[5]), float(r[6]), float(r[7]), r[8] or None) for r in rows]


def same(found: list[tuple], expected: list[tuple]) -> bool:
    numbers = [pytest.approx(row[6:8], rel=1e-4) for row in expected]
    plain = [(*row[:6], row[8]) for row in expected]
    return [(*row[:6], row[8]) for row in found] == plain and [row[6:8] for row in found] == numbers


@pytest.mark.parametrize("suffix", [".parquet", ".tsv"])
@pytest.mark.parametrize("block", [2, 1 << 16])
def test_each_query_is_answered_as_it_would_be_alone(trained: Path, tmp_path: Path, monkeypatch, suffix, block):
    monkeypatch.setattr(file, "BLOCK", block)
    (tmp_path / "q.tsv").write_text(text(QUERIES))
    out = tmp_path / f"a{suffix}"
    assert file.predict_file(dsomgnn.load(trained), tmp_path / "q.tsv", out, 3) == 5
    assert same(read(out), wanted(trained, 3))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["q.tsv", out.name])


@pytest.mark.parametrize("new", [False, True])
def test_more_answers_than_entities_are_all_that_are_left(trained: Path, tmp_path: Path, new: bool):
    (tmp_path / "q.tsv").write_text(text(QUERIES, ""))
    file.predict_file(dsomgnn.load(trained), tmp_path / "q.tsv", tmp_path / "a.parquet", 50, new)
    found = read(tmp_path / "a.parquet")
    assert same(found, wanted(trained, 50, new))
    assert (len(found) == 5 * 6) == (not new)


def test_a_header_a_byte_order_mark_windows_line_ends_blank_last_lines_and_gzip_are_read(trained: Path, tmp_path: Path):
    raw = b"\xef\xbb\xbf" + ("head\trelation\ttail\n" + text(QUERIES) + "\n\n").replace("\n", "\r\n").encode()
    (tmp_path / "q.tsv.gz").write_bytes(gzip.compress(raw))
    file.predict_file(dsomgnn.load(trained), tmp_path / "q.tsv.gz", tmp_path / "a.parquet", 2)
    assert same(read(tmp_path / "a.parquet"), wanted(trained, 2, first=2))


def test_names_are_understood_and_identifiers_written(named: Path, tmp_path: Path):
    (tmp_path / "q.tsv").write_text("kenya\tis fond of\t?\n")
    file.predict_file(dsomgnn.load(named), tmp_path / "q.tsv", tmp_path / "a.parquet", 6)
    assert {row[2:4] for row in read(tmp_path / "a.parquet")} == {("a", "likes")}


def test_an_empty_file_gives_an_empty_table(trained: Path, tmp_path: Path):
    (tmp_path / "q.tsv").write_text("")
    for name in ("a.parquet", "a.tsv"):
        assert file.predict_file(dsomgnn.load(trained), tmp_path / "q.tsv", tmp_path / name, 2) == 0
        assert read(tmp_path / name) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"a\tlikes", "2 columns, expected 3"),
        (b"a", "1 column, expected 3"),
        (b"", "1 column, expected 3"),
        (b"a\tlikes\tb\t?", "4 columns, expected 3"),
        (b"a\tlikes\tb", "leave the head or the tail, one of them, empty"),
        (b"?\tlikes\t", "leave the head or the tail, one of them, empty"),
        (b"head\trelation\ttail", "leave the head or the tail, one of them, empty"),
        (b"a\t?\tb", "leave the head or the tail, one of them, empty"),
        (b"a\t?\t?", "names no relation"),
        (b"z\tlikes\t?", 'no entity "z"'),
        (b"a\tlike\t?", 'no relation "like". Did you mean\n  likes'),
        (b"\xff\tlikes\t?", "not UTF-8 text"),
    ],
)
def test_a_bad_line_is_named_and_an_old_answer_stays(trained: Path, tmp_path: Path, monkeypatch, line, message):
    monkeypatch.setattr(file, "BLOCK", 1)
    (tmp_path / "q.tsv").write_bytes(b"a\tlikes\t?\n" + line + b"\na\tlikes\t?\n")
    (tmp_path / "a.tsv").write_text("old")
    with pytest.raises(DataError) as error:
        file.predict_file(dsomgnn.load(trained), tmp_path / "q.tsv", tmp_path / "a.tsv")
    assert str(error.value).startswith(f"{tmp_path / 'q.tsv'}:2: {message}")
    assert (tmp_path / "a.tsv").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tsv", "q.tsv"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.csv", b"a,likes,?\n"),
        ("q.jsonl.gz", gzip.compress(b'{"head": "a"}\n', mtime=0)),
        ("q.parquet", b"a\tlikes\xff\t?\n"),
    ],
)
def test_a_file_of_another_format_is_told_what_is_read(trained: Path, tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        DataError, match=rf"queries are read from tab-separated text alone, not from \.{name.split('.')[1]}"
    ):
        file.predict_file(dsomgnn.load(trained), tmp_path / name, tmp_path / "a.tsv")


def test_what_cannot_be_read_or_written_is_told(trained: Path, tmp_path: Path):
    model = dsomgnn.load(trained)
    with pytest.raises(DataError, match=r"nope\.tsv: cannot be read"):
        file.predict_file(model, tmp_path / "nope.tsv", tmp_path / "a.tsv")
    (tmp_path / "q.tsv.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"q\.tsv\.gz: cannot be read"):
        file.predict_file(model, tmp_path / "q.tsv.gz", tmp_path / "a.tsv")
    (tmp_path / "q.tsv").write_text("a\tlikes\t?\n")
    for name in ("nowhere/a.tsv", "nowhere/a.parquet"):
        with pytest.raises(RecipeError, match=r"--out .*nowhere/a.* cannot be written: No such file or directory"):
            file.predict_file(model, tmp_path / "q.tsv", tmp_path / name)
    with pytest.raises(RecipeError, match="is the file of queries itself"):
        file.predict_file(model, tmp_path / "q.tsv", tmp_path / "." / "q.tsv")
    assert (tmp_path / "q.tsv").read_text() == "a\tlikes\t?\n"


def test_another_kind_of_file_and_no_answers_are_refused(trained: Path, tmp_path: Path):
    model = dsomgnn.load(trained)
    (tmp_path / "q.tsv").write_text(text(QUERIES))
    with pytest.raises(RecipeError, match=r"--file needs --out FILE, one of \.parquet, \.tsv"):
        file.predict_file(model, tmp_path / "q.tsv", tmp_path / "a.csv")
    with pytest.raises(RecipeError, match="-k 0: expected a whole number, 1 at least"):
        file.predict_file(model, tmp_path / "q.tsv", tmp_path / "a.tsv", k=0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["q.tsv"]


def test_quotes_and_commas_in_identifiers_stay_as_they_are(tmp_path: Path):
    names = ['"Weird" Al', "a, b", "it's", ""]
    columns = [names if kind == pa.string() else range(4) for kind in answers_file.SCHEMA.types]
    with answers_file.answers_file(tmp_path / "a.tsv") as out:
        arrays = [pa.array(c, kind) for c, kind in zip(columns, answers_file.SCHEMA.types, strict=True)]
        out.write_table(pa.table(arrays, schema=answers_file.SCHEMA))
    assert [line.split("\t")[2] for line in (tmp_path / "a.tsv").read_text().splitlines()[1:]] == names
