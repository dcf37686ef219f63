"""Precomputed features: who has them, in which order, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dsomgnn.data.features import array_feature, reduced
from dsomgnn.data.triples import Vocabulary
from dsomgnn.errors import DataError

ENTITIES = Vocabulary(tuple("abcd"), tuple("abcd"))
ROWS = np.array([[1, 0], [0, 1], [3, 4], [0, 5]], dtype=np.float32)


def load(folder, source="x.npy", ids=None, dim=None):
    return array_feature("x", folder, source, ids, dim, ENTITIES, seed=0)


def centred_unit(rows):
    rows = rows - rows.mean(0)
    return torch.from_numpy(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def save_npy(path, rows):
    np.save(path, rows)


def save_safetensors(path, rows):
    save_file({"x": torch.from_numpy(rows)}, path)


def save_pt(path, rows):
    torch.save(torch.from_numpy(rows), path)


def save_pt_dict(path, rows):
    torch.save({"features": torch.from_numpy(rows)}, path)


@pytest.mark.parametrize(
    ("source", "save"),
    [("x.npy", save_npy), ("x.safetensors", save_safetensors), ("x.pt", save_pt), ("x.pth", save_pt_dict)],
)
def test_every_format_gives_the_same_centred_rows_of_length_one(tmp_path, source, save):
    save(tmp_path / source, ROWS)
    feature = load(tmp_path, source)
    torch.testing.assert_close(feature.values, centred_unit(ROWS))
    assert feature.present.all()


def test_a_parameter_saved_by_torch_is_read(tmp_path):
    torch.save(torch.nn.Parameter(torch.from_numpy(ROWS)), tmp_path / "x.pt")
    torch.testing.assert_close(load(tmp_path, "x.pt").values, centred_unit(ROWS))


def test_half_precision_and_whole_numbers_are_read(tmp_path):
    for dtype in (np.float16, np.int64):
        np.save(tmp_path / "x.npy", ROWS.astype(dtype))
        torch.testing.assert_close(load(tmp_path).values, centred_unit(ROWS))


@pytest.mark.parametrize("ids", [None, "who.txt"], ids=["beside", "named"])
def test_rows_belong_to_the_entities_of_the_id_file(tmp_path, ids):
    np.save(tmp_path / "x.npy", ROWS[:3])
    (tmp_path / (ids or "x.txt")).write_text("d\nb\na\n")
    feature = load(tmp_path, ids=ids)
    assert feature.present.tolist() == [True, True, False, True]
    torch.testing.assert_close(feature.values[[3, 1, 0]], centred_unit(ROWS[:3]))
    assert not feature.values[2].any()


def test_a_row_of_zeros_without_id_file_is_absent_and_does_not_move_the_mean(tmp_path):
    rows = ROWS.copy()
    rows[1] = 0
    np.save(tmp_path / "x.npy", rows)
    feature = load(tmp_path)
    assert feature.present.tolist() == [True, False, True, True]
    torch.testing.assert_close(feature.values[feature.present], centred_unit(ROWS[[0, 2, 3]]))
    assert not feature.values[1].any()


def test_reduction_keeps_all_of_rows_that_lie_in_a_plane():
    generator = np.random.default_rng(0)
    rows = (generator.normal(size=(20, 2)) @ generator.normal(size=(2, 9))).astype(np.float32)
    small, whole = reduced(rows, 2, seed=0), reduced(rows, None, seed=0)
    assert small.shape == (20, 2)
    np.testing.assert_allclose(small @ small.T, whole @ whole.T, atol=1e-4)


@pytest.mark.parametrize(
    ("rows", "ids", "message"),
    [
        (ROWS[:3], None, r"x\.npy: 3 rows, but there are 4 entities and no id file"),
        (ROWS[:3], "a\nb\n", r"x\.npy: 3 rows, but .*x\.txt names 2 entities"),
        (ROWS[:2], "a\nbb\n", r'x\.txt:2: unknown entity "bb"'),
        (np.where(ROWS == 3, np.nan, ROWS), None, r"x\.npy: row 2 holds NaN or infinity \(1 such rows\)"),
        (np.where(ROWS == 1, np.inf, ROWS), None, r"x\.npy: row 0 holds NaN or infinity \(2 such rows\)"),
        (ROWS[:2] * np.nan, "a\nb\n", r"x\.npy: row 0 holds NaN"),
        (ROWS * 0, None, r"every row is zero"),
        (ROWS[0], None, r"shape \(2,\), expected numbers of shape \(rows, columns\)"),
        (ROWS.astype(str), None, r"expected numbers"),
        (ROWS.astype(object), None, r"cannot be read as a plain \.npy array"),
    ],
    ids=["few", "ids", "unknown", "nan", "infinite", "nan-ids", "zeros", "one-dim", "words", "pickle"],
)
def test_a_bad_array_is_refused_with_the_reason(tmp_path, rows, ids, message):
    np.save(tmp_path / "x.npy", rows)
    if ids:
        (tmp_path / "x.txt").write_text(ids)
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_an_entity_named_twice_by_the_id_file_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", ROWS[:3])
    (tmp_path / "x.txt").write_text("a\nb\na\n")
    with pytest.raises(DataError, match=r'x\.txt:3.*"a"'):
        load(tmp_path)


class Bomb:
    """Writes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("source", ["x.pt", "x.npy"])
def test_nothing_is_unpickled(tmp_path, source):
    bomb = Bomb(tmp_path / "exploded")
    if source == "x.pt":
        torch.save({"x": bomb}, tmp_path / source)
    else:
        np.save(tmp_path / source, np.array([[bomb]], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read as a plain"):
        load(tmp_path, source)
    assert not bomb.path.exists()


@pytest.mark.parametrize("source", ["x.npy", "x.pt", "x.safetensors"])
def test_a_truncated_array_is_refused(tmp_path, source):
    {"x.npy": save_npy, "x.pt": save_pt, "x.safetensors": save_safetensors}[source](tmp_path / source, ROWS)
    (tmp_path / source).write_bytes((tmp_path / source).read_bytes()[:-8])
    with pytest.raises(DataError, match="cannot be read as a plain"):
        load(tmp_path, source)


def test_several_tensors_in_one_file_are_refused_by_name(tmp_path):
    save_file({"left": torch.ones(4, 2), "right": torch.ones(4, 2)}, tmp_path / "x.safetensors")
    with pytest.raises(DataError, match=r"2 tensors \(left, right\)"):
        load(tmp_path, "x.safetensors")


def test_a_named_id_file_must_exist_and_another_format_is_told(tmp_path):
    np.save(tmp_path / "x.npy", ROWS)
    with pytest.raises(DataError, match=r"who\.txt: no such file"):
        load(tmp_path, ids="who.txt")
    (tmp_path / "x.csv").write_text("1,2\n")
    with pytest.raises(DataError, match=r"features are read from \.npy, \.safetensors"):
        load(tmp_path, "x.csv")
