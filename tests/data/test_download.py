"""Downloads: whole, gone on with, verified, and never half there. All from a server on the loopback."""

from __future__ import annotations

import gzip
import hashlib
import socket
from pathlib import Path

import pytest
from loopback import Web

from dsomgnn.data.cards import File
from dsomgnn.data.download import MissingError, download, fetch
from dsomgnn.errors import DataError

CONTENT = bytes(range(256)) * 1000
WANTED = File(len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture(autouse=True)
def content(web: Web) -> None:
    web.files["a.bin"] = CONTENT


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_nothing_else_is_left(web: Web, tmp_path: Path):
    told: list[tuple[int, int | None]] = []
    fetch(f"{web.url}/a.bin", tmp_path / "a", WANTED, lambda done, total: told.append((done, total)))
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert names(tmp_path) == ["a"]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_what_is_there_and_right_is_not_asked_for(web: Web, tmp_path: Path):
    (tmp_path / "a").write_bytes(CONTENT)
    fetch(f"{web.url}/a.bin", tmp_path / "a", WANTED)
    assert web.asked == []


def test_a_cut_download_goes_on_where_it_was_cut(web: Web, tmp_path: Path):
    web.cuts["a.bin"] = [1000, 500]
    fetch(f"{web.url}/a.bin", tmp_path / "a", WANTED)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert [asked for _, asked in web.asked] == [None, "bytes=1000-", "bytes=1500-"]


def test_a_part_is_kept_for_the_next_call(web: Web, tmp_path: Path):
    web.cuts["a.bin"] = [1000, 10, 10, 10]
    with pytest.raises(DataError, match=r"not received in 4 tries: .*cut after 1,030 of 256,000.*keeps 1,030 bytes"):
        fetch(f"{web.url}/a.bin", tmp_path / "a", WANTED)
    assert names(tmp_path) == ["a.part"]
    web.asked.clear()
    fetch(f"{web.url}/a.bin", tmp_path / "a", WANTED)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert web.asked == [("a.bin", "bytes=1030-")]


def test_a_server_without_ranges_sends_all_again(web: Web, tmp_path: Path):
    web.ranges = False
    web.cuts["a.bin"] = [1000]
    fetch(f"{web.url}/a.bin", tmp_path / "a", WANTED)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert len(web.asked) == 2


@pytest.mark.parametrize("part", [b"x" * 1000, b"x" * len(CONTENT), b"x" * 2 * len(CONTENT)], ids=len)
def test_the_part_of_another_file_is_thrown_away(web: Web, tmp_path: Path, part: bytes):
    (tmp_path / "a.part").write_bytes(part)
    fetch(f"{web.url}/a.bin", tmp_path / "a", WANTED)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert names(tmp_path) == ["a"]


def test_a_server_that_goes_on_elsewhere_is_asked_for_all(web: Web, tmp_path: Path):
    web.shift = 7
    web.cuts["a.bin"] = [1000]
    fetch(f"{web.url}/a.bin", tmp_path / "a", WANTED)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert [asked for _, asked in web.asked] == [None, "bytes=1000-", None]


@pytest.mark.parametrize("old", [False, True], ids=["new", "there before"])
def test_a_wrong_file_is_told_by_both_digests_and_not_kept(web: Web, tmp_path: Path, old: bool):
    web.files["a.bin"] = b"!" + CONTENT[1:]
    if old:
        (tmp_path / "a").write_bytes(b"older")
    with pytest.raises(DataError) as caught:
        fetch(f"{web.url}/a.bin", tmp_path / "a", WANTED)
    assert WANTED.sha256 in str(caught.value)
    assert hashlib.sha256(web.files["a.bin"]).hexdigest() in str(caught.value)
    assert names(tmp_path) == []


def test_a_missing_file_is_asked_for_once(web: Web, tmp_path: Path):
    with pytest.raises(MissingError, match=r"/b\.bin: no such file there"):
        fetch(f"{web.url}/b.bin", tmp_path / "b", WANTED)
    assert len(web.asked) == 1
    assert names(tmp_path) == []


def test_a_refusal_is_final_and_a_busy_server_is_asked_again(web: Web, tmp_path: Path):
    web.refusals["a.bin"] = [403]
    with pytest.raises(DataError, match="refused: 403 Forbidden"):
        fetch(f"{web.url}/a.bin", tmp_path / "a", WANTED)
    assert len(web.asked) == 1
    web.refusals["a.bin"] = [503, 429]
    fetch(f"{web.url}/a.bin", tmp_path / "a", WANTED)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_file_that_does_not_end_is_stopped(web: Web, tmp_path: Path):
    with pytest.raises(DataError, match="longer than expected; stopped after 1,000 bytes"):
        download(f"{web.url}/a.bin", tmp_path / "a", 1000)
    assert names(tmp_path) == []


def test_nobody_there_is_one_clear_error(web: Web, tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match=r"not received in 4 tries: .*refused"):
        fetch(f"http://127.0.0.1:{port}/a.bin", tmp_path / "a", WANTED)
    assert names(tmp_path) == []


def test_a_packed_file_is_verified_by_what_is_in_it(web: Web, tmp_path: Path):
    web.files["a.gz"] = gzip.compress(CONTENT, mtime=7)
    fetch(f"{web.url}/a.gz", tmp_path / "a.gz", WANTED)
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == CONTENT


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        (gzip.compress(CONTENT)[:-20], "not readable as gzip"),
        (CONTENT, "not readable as gzip"),
        (gzip.compress(CONTENT[:-1]), "of 255,999 bytes, expected"),
        (gzip.compress(bytes(50_000_000)), "longer than the 256,000 bytes expected"),
    ],
    ids=["truncated", "not packed", "short", "a bomb"],
)
def test_a_wrong_packed_file_is_not_kept(web: Web, tmp_path: Path, packed: bytes, why: str):
    web.files["a.gz"] = packed
    with pytest.raises(DataError, match=why):
        fetch(f"{web.url}/a.gz", tmp_path / "a.gz", WANTED)
    assert names(tmp_path) == []


def test_a_file_of_this_machine_is_copied_and_verified(tmp_path: Path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(CONTENT)
    fetch(str(source), target, WANTED)
    assert target.read_bytes() == CONTENT
    source.write_bytes(CONTENT[:-1])
    target.unlink()
    with pytest.raises(DataError, match="not the file expected"):
        fetch(str(source), target, WANTED)
    with pytest.raises(MissingError):
        fetch(str(tmp_path / "nope"), target, WANTED)
    assert names(tmp_path) == ["source"]
