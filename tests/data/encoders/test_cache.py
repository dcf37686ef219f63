"""The cache of encoded rows: found again, never damaged, in nobody's way."""

from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsomgnn.data.encoders.cache import Cache, cache_root, write_atomic


def key(word) -> bytes:
    return hashlib.sha256(str(word).encode()).digest()


def rows(*words, width=3) -> dict[bytes, np.ndarray]:
    return {key(w): np.full(width, len(str(w)) + i, dtype=np.float16) for i, w in enumerate(words)}


def same(found, wanted):
    return found.keys() == wanted.keys() and all(np.array_equal(found[k], wanted[k]) for k in wanted)


@given(
    st.dictionaries(
        st.binary(min_size=32, max_size=32),
        st.lists(st.floats(width=16, allow_nan=False), min_size=2, max_size=2),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_kept_is_found_again_bit_for_bit(tmp_path, table):
    kept = {k: np.array(row, dtype=np.float16) for k, row in table.items()}
    cache = Cache(tmp_path / hashlib.sha256(repr(table).encode()).hexdigest())
    cache.write(kept)
    found = Cache(cache.folder).read(set(kept))
    assert {k: row.tobytes() for k, row in found.items()} == {k: row.tobytes() for k, row in kept.items()}


def test_only_what_is_asked_for_is_read():
    Cache.of("x", "1").write(rows("a", "b", "c"))
    assert Cache.of("x", "1").read({key("b"), key("d")}).keys() == {key("b")}


def test_another_encoder_or_other_weights_share_nothing():
    Cache.of("x", "1").write(rows("a"))
    assert Cache.of("x", "2").read({key("a")}) == Cache.of("y", "1").read({key("a")}) == {}
    assert Cache.of("x", "1").read({key("a")})


def test_names_of_encoders_become_folders_inside_the_cache(own_cache):
    for name in ("../../up", "timm:a/b", "/abs", "x" * 300, "..", "é"):
        cache = Cache.of(name, "1")
        cache.write(rows("a"))
        assert cache.folder.resolve().parent == (own_cache / "features").resolve()
        assert cache.read({key("a")})


def test_the_cache_lies_where_the_variable_says_else_at_home(monkeypatch, tmp_path):
    assert cache_root() == tmp_path.with_name(f"{tmp_path.name}-cache")
    monkeypatch.delenv("DSOMGNN_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_root() == tmp_path / ".cache" / "dsomgnn"


@pytest.mark.parametrize("spoil", [lambda b: b[:-1], lambda b: b[:20], lambda b: b"", lambda b: b[:-1] + b"\xff"])
def test_a_damaged_file_is_noticed_and_goes(spoil):
    cache = Cache.of("x", "1")
    cache.write(rows("a", "b"))
    (broken,) = cache.folder.iterdir()
    cache.write(rows("c"))
    broken.write_bytes(spoil(broken.read_bytes()))
    with pytest.warns(UserWarning, match=f"{broken.name}: damaged; what it held is encoded again"):
        assert cache.read({key("a"), key("b"), key("c")}).keys() == {key("c")}
    cache.write(rows("a", "b"))
    assert same(cache.read({key("a"), key("b")}), rows("a", "b"))


def test_two_writers_of_the_same_rows_keep_one_file_and_overlaps_do_no_harm():
    first, second = Cache.of("x", "1"), Cache.of("x", "1")
    first.write(rows("a", "b"))
    second.write(rows("a", "b"))
    assert len(list(first.folder.iterdir())) == 1
    second.write(rows("a", "c"))
    assert same(first.read({key("a"), key("c")}), rows("a", "c"))


def test_a_folder_that_cannot_be_written_warns_once(own_cache):
    own_cache.write_text("a file stands where the folder should be")
    cache = Cache.of("x", "1")
    with pytest.warns(UserWarning, match="features are not kept"):
        cache.write(rows("a"))
    cache.write(rows("b"))  # a second warning would be an error here
    assert cache.read({key("a")}) == {}


def test_files_that_belong_together_are_written_together_or_not_at_all(tmp_path, monkeypatch):
    write_atomic({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    with pytest.raises(OSError, match="gone"):
        write_atomic({tmp_path / "a": b"new", tmp_path / "gone" / "b": b"new"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"1", "b": b"2"}
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        write_atomic({tmp_path / "a": b"new"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"1", "b": b"2"}
