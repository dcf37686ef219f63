"""Tables: what is read, and errors that name file and line."""

from __future__ import annotations

import gzip

import pytest

from dsomgnn.data.tables import positions, read_columns, read_rows, read_text, require_file
from dsomgnn.errors import DataError


@pytest.mark.parametrize(
    ("text", "least", "most", "line", "reason"),
    [
        ("a\tr\tb\na\tb\n", 3, 3, 2, "2 columns, expected 3"),
        ("a\tr\tb\tc\n", 3, 3, 1, "4 columns, expected 3"),
        ("a\tx\n\nb\ty\n", 2, None, 2, "1 column, expected at least 2"),
        ("a\tb\tc\td\n", 2, 3, 1, "4 columns, expected 2 to 3"),
    ],
)
def test_a_row_with_another_number_of_columns_is_refused_with_its_line(tmp_path, text, least, most, line, reason):
    path = tmp_path / "train.txt"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read_rows(path, least, most)
    assert f"{path}:{line}: {reason}" in str(error.value)


@pytest.mark.parametrize("raw", [b"a\tr\tb\r\nc\tr\td\r\n", b"\xef\xbb\xbfa\tr\tb\nc\tr\td", b"a\tr\tb\nc\tr\td\n"])
def test_line_ends_and_a_byte_order_mark_change_nothing(tmp_path, raw):
    (tmp_path / "t.txt").write_bytes(raw)
    assert read_rows(tmp_path / "t.txt", 3, 3) == [["a", "r", "b"], ["c", "r", "d"]]


def test_columns_are_those_of_the_rows_and_refused_like_them(tmp_path):
    path = tmp_path / "t.txt"
    for raw in (b"a\tr\tb\r\n\t\t\r\nc\tr\t d\r\n", b'"a\tr\tb"\nx\\\ty\tNA\n', b"\xef\xbb\xbfa\tr\tb\nc\tnull\t1"):
        path.write_bytes(raw)
        wanted = [list(column) for column in zip(*read_rows(path, 3, 3), strict=True)]
        assert [column.to_pylist() for column in read_columns(path, 3)] == wanted
    path.write_text("")
    assert [len(column) for column in read_columns(path, 3)] == [0, 0, 0]
    path.write_text("a\tr\tb\n\nc\tr\td\n")
    with pytest.raises(DataError, match=r"t\.txt:2: 1 column, expected 3"):
        read_columns(path, 3)
    path.write_text("a\tr\tb\na\tr\n")
    with pytest.raises(DataError, match=r"t\.txt:2: 2 columns, expected 3"):
        read_columns(path, 3)


def test_a_packed_file_reads_as_the_plain_one(tmp_path):
    (tmp_path / "t.txt.gz").write_bytes(gzip.compress("ä\tr\tb\n".encode()))
    assert read_rows(require_file(tmp_path, "t.txt"), 3, 3) == [["ä", "r", "b"]]


@pytest.mark.parametrize("kept", [5, 30, -4], ids=["header", "body", "checksum"])
def test_a_truncated_packed_file_is_refused_by_name(tmp_path, kept):
    path = tmp_path / "t.txt.gz"
    path.write_bytes(gzip.compress(b"".join(b"%d\tr\tb\n" % i for i in range(100)))[:kept])
    with pytest.raises(DataError, match=r"t\.txt\.gz: cannot be read"):
        read_text(path)


def test_what_is_not_utf8_is_refused_with_its_byte(tmp_path):
    (tmp_path / "t.txt").write_bytes("ab\tr\tÜ\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"t\.txt: not UTF-8 text .* at byte 5"):
        read_text(tmp_path / "t.txt")


def test_a_missing_file_is_told_with_the_nearest_one(tmp_path):
    (tmp_path / "train.txt.gz").touch()
    with pytest.raises(DataError, match=r'trian\.txt: no such file .*Did you mean "train\.txt"\?'):
        require_file(tmp_path, "trian.txt")


def test_an_unknown_identifier_is_told_with_line_count_and_nearest(tmp_path):
    index = {"berlin": 0, "paris": 1}
    assert positions(["paris", "berlin"], index, tmp_path, "entity").tolist() == [1, 0]
    with pytest.raises(DataError) as error:
        positions(["paris", "berlim", "x"], index, tmp_path / "t.txt", "entity")
    assert f'{tmp_path / "t.txt"}:2: unknown entity "berlim" (2 such rows). Did you mean "berlin"?' in str(error.value)
