"""Items are encoded once, in shards; a stopped run goes on; what cannot be read is named."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dsomgnn.data.encoders import item_encoder
from dsomgnn.data.encoders.item_encoder import ItemEncoder, Network, encode_items
from dsomgnn.errors import DataError


class Letters:
    """An encoder of texts: length and a third of the first letter's number; it counts what it is given."""

    def __init__(self, factor=1.0, stop_at=None):
        self.seen, self.loads, self.factor, self.stop_at = [], 0, factor, stop_at
        self.encoder = ItemEncoder("letters", "texts", str(factor), self.load)

    def load(self) -> Network:
        self.loads += 1
        return Network(self.prepare, self.run)

    def prepare(self, content: bytes) -> str:
        if content == b"bad":
            raise ValueError("it is bad")
        return content.decode()

    def run(self, words: list[str]) -> np.ndarray:
        if self.stop_at is not None and len(self.seen) >= self.stop_at:
            raise KeyboardInterrupt
        self.seen += words
        return self.factor * np.array([[len(word), ord(word[0]) / 3] for word in words], dtype=np.float32)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(item_encoder, "SHARD", 2)


def test_rows_are_those_of_the_items_in_their_order():
    result = encode_items(Letters().encoder, ["dd", "a", "ccc"])
    assert result.kept.tolist() == [0, 1, 2]
    assert result.rows.dtype == np.float16
    np.testing.assert_array_equal(result.rows, np.array([[2, 100 / 3], [1, 97 / 3], [3, 33]], dtype=np.float16))


def test_the_second_time_nothing_is_loaded_and_every_bit_is_the_same():
    first, second = Letters(), Letters()
    once, again = (encode_items(letters.encoder, ["dd", "a", "ccc"]) for letters in (first, second))
    assert (first.loads, second.loads, once.fresh, again.fresh) == (1, 0, 3, 0)
    assert once.rows.tobytes() == again.rows.tobytes()


def test_an_item_that_stands_twice_is_encoded_once():
    letters = Letters()
    result = encode_items(letters.encoder, ["a", "b", "a", "a"])
    assert sorted(letters.seen) == ["a", "b"]
    assert np.array_equal(result.rows[[0, 0, 0]], result.rows[[0, 2, 3]])


def test_only_what_another_data_set_did_not_bring_is_encoded():
    encode_items(Letters().encoder, ["a", "b", "c"])
    letters = Letters()
    result = encode_items(letters.encoder, ["x", "b", "y", "a"])
    assert sorted(letters.seen) == ["x", "y"]
    assert result.rows[:, 1].tolist() == [np.float16(ord(w) / 3) for w in "xbya"]


def test_other_weights_are_encoded_anew():
    encode_items(Letters().encoder, ["a"])
    assert encode_items(Letters(factor=2).encoder, ["a"]).rows[0, 0] == 2


def test_a_stopped_run_goes_on_where_it_was():
    words = ["a", "b", "c", "d", "e"]
    with pytest.raises(KeyboardInterrupt):
        encode_items(Letters(stop_at=4).encoder, words)
    letters = Letters()
    result = encode_items(letters.encoder, words)
    assert letters.seen == ["e"]
    assert result.rows[:, 1].tolist() == [np.float16(ord(w) / 3) for w in words]


def test_what_cannot_be_read_is_left_out_and_named_each_time(tmp_path):
    (tmp_path / "bad").write_bytes(b"bad")
    (tmp_path / "good").write_bytes(b"good")
    files = [tmp_path / name for name in ("bad", "gone", "good")]
    for _ in range(2):
        result = encode_items(Letters().encoder, files)
        assert result.broken == ("bad (it is bad)", "gone (No such file or directory)")
        assert result.kept.tolist() == [2]


def test_where_nothing_can_be_read_there_are_no_rows():
    result = encode_items(Letters().encoder, ["bad"])
    assert (len(result.rows), len(result.kept), len(result.broken)) == (0, 0, 1)


@pytest.mark.parametrize("factor", [float("nan"), 1e9])
def test_numbers_that_cannot_be_kept_are_refused(factor):
    with pytest.raises(DataError, match="letters: gives NaN, or numbers beyond float16"):
        encode_items(Letters(factor).encoder, ["a"])


def test_the_run_is_reported_to_its_end():
    reports = []
    encode_items(Letters().encoder, ["a", "b", "c", "a"], lambda *numbers: reports.append(numbers))
    assert reports == [(2, 3), (3, 3)]


def test_rows_do_not_depend_on_the_precision_of_the_run():
    during = []
    network = Network(
        bytes.decode, lambda words: during.append(torch.get_float32_matmul_precision()) or np.ones((1, 1))
    )
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        encode_items(ItemEncoder("x", "texts", "1", lambda: network), ["a"])
        assert (during, torch.get_float32_matmul_precision()) == (["highest"], "medium")
    finally:
        torch.set_float32_matmul_precision(before)
