"""Precomputed features: who has them, in which order, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from dsomgnn.data.features import Feature, array_feature, reduced
from dsomgnn.data.triples import Vocabulary
from dsomgnn.errors import DataError, DataWarning

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


def save_parquet(path, rows):
    pq.write_table(pa.table({"vector": list(rows)}), path)


def save_parquet_columns(path, rows):
    pq.write_table(pa.table({f"x{i}": column for i, column in enumerate(rows.T)}), path)


@pytest.mark.parametrize(
    ("source", "save"),
    [
        ("x.npy", save_npy),
        ("x.safetensors", save_safetensors),
        ("x.pt", save_pt),
        ("x.pth", save_pt_dict),
        ("x.parquet", save_parquet),
        ("x.parquet", save_parquet_columns),
    ],
)
def test_every_format_gives_the_same_centred_rows_of_length_one(tmp_path, source, save):
    save(tmp_path / source, ROWS)
    feature = load(tmp_path, source)
    torch.testing.assert_close(feature.values, centred_unit(ROWS))
    assert feature.present.all()


ORDER = [3, 0, 2]  # three of the four entities, d, a and c


def rows_of(ids, rows):
    return {word: torch.from_numpy(row) for word, row in zip(ids, rows, strict=True)}


def save_vectors_pt(path, ids, rows):
    torch.save(rows_of(ids, rows), path)


def save_vectors_safetensors(path, ids, rows):
    save_file(rows_of(map(str, ids), rows), path)


def save_vectors_parquet(path, ids, rows):
    pq.write_table(pa.table({"vector": list(rows), "Entity": ids}), path)


def save_fixed_parquet(path, ids, rows):
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
    pq.write_table(pa.table({"id": ids, "embedding": vectors}), path)


def save_columns_parquet(path, ids, rows):
    pq.write_table(pa.table({"x": rows[:, 0], "name": ids, "y": rows[:, 1].astype(np.float64)}), path)


CARRYING = {
    "dict in .pt": ("x.pt", save_vectors_pt),
    "keys in .safetensors": ("x.safetensors", save_vectors_safetensors),
    "lists in .parquet": ("x.parquet", save_vectors_parquet),
    "fixed lists in .parquet": ("x.parquet", save_fixed_parquet),
    "columns in .parquet": ("x.parquet", save_columns_parquet),
}
EVERY_CARRYING = pytest.mark.parametrize(("source", "save"), CARRYING.values(), ids=CARRYING)


@EVERY_CARRYING
@pytest.mark.parametrize("as_ids", [False, True], ids=["identifiers", "ids"])
def test_rows_belong_to_the_entities_that_the_file_itself_names(tmp_path, source, save, as_ids):
    save(tmp_path / source, ORDER if as_ids else [ENTITIES.ids[i] for i in ORDER], ROWS[ORDER])
    feature = load(tmp_path, source)
    assert feature.present.tolist() == [True, False, True, True]
    torch.testing.assert_close(feature.values[ORDER], centred_unit(ROWS[ORDER]))


@EVERY_CARRYING
def test_an_unknown_name_in_the_file_is_refused_and_so_is_a_second_source_of_names(tmp_path, source, save):
    save(tmp_path / source, ["a", "bb", "c"], ROWS[:3])
    with pytest.raises(DataError, match=r'x\..*: unknown entity "bb"'):
        load(tmp_path, source)
    save(tmp_path / source, ["a", "b", "c"], ROWS[:3])
    with pytest.raises(DataError, match=r'carries an identifier for each row; leave out ids = "who\.txt"'):
        load(tmp_path, source, ids="who.txt")


def test_identifiers_that_look_like_ids_are_identifiers(tmp_path):
    save_vectors_pt(tmp_path / "x.pt", ["2", "1", "0"], ROWS[:3])
    named = Vocabulary(("0", "2", "1"), ("0", "2", "1"))
    feature = array_feature("x", tmp_path, "x.pt", None, None, named, seed=0)
    torch.testing.assert_close(feature.values[[1, 2, 0]], centred_unit(ROWS[:3]))


def test_an_id_beyond_the_entities_and_a_name_that_comes_twice_are_refused(tmp_path):
    save_vectors_parquet(tmp_path / "x.parquet", [0, 1, 4], ROWS[:3])
    with pytest.raises(DataError, match='unknown entity "4"'):
        load(tmp_path, "x.parquet")
    save_vectors_parquet(tmp_path / "x.parquet", ["a", "b", "a"], ROWS[:3])
    with pytest.raises(DataError, match='"a" stands a second time'):
        load(tmp_path, "x.parquet")


@pytest.mark.parametrize("with_ids", [False, True], ids=["by row", "by id file"])
def test_zero_rows_are_absent_and_do_not_move_the_mean(tmp_path, with_ids):
    rows = ROWS.copy()
    rows[1] = 0
    np.save(tmp_path / "x.npy", rows)
    if with_ids:
        (tmp_path / "x.txt").write_text("a\nb\nc\nd\n")
    feature = load(tmp_path)
    assert feature.present.tolist() == [True, False, True, True]
    torch.testing.assert_close(feature.values[feature.present], centred_unit(ROWS[[0, 2, 3]]))


def test_a_missing_vector_in_parquet_is_absent(tmp_path):
    pq.write_table(pa.table({"vector": [[1.0, 0.0], None, [3.0, 4.0], [0.0, 5.0]]}), tmp_path / "x.parquet")
    assert load(tmp_path, "x.parquet").present.tolist() == [True, False, True, True]


def test_a_split_is_not_mistaken_for_the_id_file(tmp_path):
    np.save(tmp_path / "test.npy", ROWS)
    (tmp_path / "test.txt").write_text("a\tr\tb\n")
    torch.testing.assert_close(load(tmp_path, "test.npy").values, centred_unit(ROWS))


def test_published_features_are_used_when_they_are_dropped_in(workshop, call):
    """Row i = entity id i, float32, .pth: no id file, nothing else to say."""
    rows = torch.randn(6, 12, generator=torch.Generator().manual_seed(0))
    torch.save(rows, workshop / "tiny" / "img_features.pth")
    recipe = (workshop / "tiny.toml").read_text()
    (workshop / "tiny.toml").write_text(
        recipe.replace('source = "text.tsv"', 'source = "img_features.pth"').replace('encoder = "tfidf-svd"', "")
    )
    reply = call("check", "tiny.toml")
    assert (reply.code, reply.err) == (0, "")
    entities = Vocabulary(tuple("abcdef"), tuple("abcdef"))
    feature = array_feature("image", workshop / "tiny", "img_features.pth", None, None, entities, seed=0)
    torch.testing.assert_close(feature.values, centred_unit(rows.numpy()))


def test_one_vector_for_many_entities_is_told(tmp_path):
    rows = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    many = Vocabulary(tuple(map(str, range(200))), tuple(map(str, range(200))))
    for repeats, told in ((10, False), (11, True)):
        rows[:repeats] = rows[0]
        np.save(tmp_path / "x.npy", rows)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            feature = array_feature("x", tmp_path, "x.npy", None, None, many, seed=0)
        assert [f"{repeats} of 200 entities have one and the same vector" in str(w.message) for w in caught] == [
            True
        ] * told
        assert feature.present.all()


PADDED = np.concatenate([ROWS * 0, ROWS])[3:]
FOLDER = {
    "images.tsv": "a\tx.png\nb\ty.png\n",
    "numeric.tsv": "a\tsize\t1\na\tweight\t2\nb\tsize\t3\nc\tsize\t3\n",
    "train.txt": "a\tr\tb\nc\tr\ta\n",
}
SIZES = {
    "padding first": (
        PADDED,
        "5 rows, but there are 4 entities .*One row too many. The first row is zero: .* x\\[1:\\]",
    ),
    "padding last": (PADDED[[1, 2, 3, 4, 0]], "The last row is zero: padding\\? Save x\\[:-1\\]"),
    "one too many": (PADDED + 1, "One row too many. A header or a padding row\\?"),
    "as many as pictures": (ROWS[:2], 'images.tsv names 2 entities; .* say ids = "images.tsv"'),
    "as many as have numbers or stand in train": (
        ROWS[:3],
        "numeric.tsv names 3 entities. train.txt names 3 entities$",
    ),
    "as many as nothing": (np.ones((7, 2)), "x.npy: 7 rows, but there are 4 entities and no id file$"),
}


@pytest.mark.parametrize(("rows", "message"), SIZES.values(), ids=SIZES)
def test_another_number_of_rows_is_explained(tmp_path, rows, message):
    for name, text in FOLDER.items():
        (tmp_path / name).write_text(text)
    np.save(tmp_path / "x.npy", rows)
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_the_suggested_id_file_works(tmp_path):
    (tmp_path / "images.tsv").write_text(FOLDER["images.tsv"])
    np.save(tmp_path / "x.npy", ROWS[:2])
    assert load(tmp_path, ids="images.tsv").present.tolist() == [True, True, False, False]


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


def test_each_modality_loses_entities_of_its_own():
    text, picture = (Feature(name, torch.ones(1000, 1), torch.ones(1000).bool()) for name in ("text", "picture"))
    kept = text.kept(0.6, seed=0).present
    assert kept.sum() == 600
    assert torch.equal(kept, text.kept(0.6, seed=0).present)
    assert 300 < (kept & picture.kept(0.6, seed=0).present).sum() < 420  # 360 where they are drawn apart


@pytest.mark.parametrize(("share", "number"), [(0, 0), (0.01, 1), (0.24, 2), (0.16, 2), (0.99, 10), (1, 10)])
def test_a_share_is_the_nearest_number_of_those_who_have_the_modality_and_one_at_least(share, number):
    present = torch.arange(20) % 2 == 0
    kept = Feature("text", present[:, None].float(), present).kept(share, seed=0)
    assert kept.present.sum() == number
    assert present[kept.present].all()
    assert torch.equal(kept.values.any(1), kept.present)


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
        (ROWS[:, None], None, r"shape \(4, 1, 2\), 1 vectors a row; pool them first, for instance x\.mean\(1\)"),
        (ROWS.astype(str), None, r"expected numbers"),
        (ROWS.astype(complex), None, r"expected numbers"),
        (ROWS.astype(np.float64) * 1e200, None, r"row 0 holds NaN or infinity"),
        (ROWS.astype(object), None, r"a pickle can run any code(.|\n)*numpy\.load\(\"x\.npy\", allow_pickle=True\)"),
    ],
    ids=[
        "few",
        "ids",
        "unknown",
        "nan",
        "infinite",
        "nan-ids",
        "zeros",
        "one-dim",
        "three-dim",
        "words",
        "complex",
        "too-large",
        "pickle",
    ],
)
def test_a_bad_array_is_refused_with_the_reason(tmp_path, rows, ids, message):
    np.save(tmp_path / "x.npy", rows)
    if ids:
        (tmp_path / "x.txt").write_text(ids)
    with pytest.raises(DataError, match=message):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs", b"PK\x03\x04"], ids=["empty", "pointer", "zip"])
def test_what_is_only_named_npy_is_told(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.npy: not a \.npy file, though it is named so"):
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
    with pytest.raises(DataError, match="a pickle can run any code"):
        load(tmp_path, source)
    assert not bomb.path.exists()


@pytest.mark.parametrize("source", ["x.npy", "x.pt", "x.safetensors", "x.parquet"])
def test_a_truncated_array_is_refused(tmp_path, source):
    save = {"x.npy": save_npy, "x.pt": save_pt, "x.safetensors": save_safetensors, "x.parquet": save_parquet}[source]
    save(tmp_path / source, ROWS)
    (tmp_path / source).write_bytes((tmp_path / source).read_bytes()[:-8])
    with pytest.raises(DataError, match="cannot be read as a plain"):
        load(tmp_path, source)


def test_several_tensors_in_one_file_are_refused_by_name(tmp_path):
    save_file({"left": torch.ones(4, 2), "right": torch.ones(4, 2)}, tmp_path / "x.safetensors")
    with pytest.raises(DataError, match=r"2 tensors \(left \(4, 2\), right \(4, 2\)\), expected one"):
        load(tmp_path, "x.safetensors")


def test_a_named_id_file_must_exist_and_another_format_is_told(tmp_path):
    np.save(tmp_path / "x.npy", ROWS)
    with pytest.raises(DataError, match=r"who\.txt: no such file"):
        load(tmp_path, ids="who.txt")
    (tmp_path / "x.csv").write_text("1,2\n")
    with pytest.raises(DataError, match=r"features are read from \.npy, \.safetensors"):
        load(tmp_path, "x.csv")


PARQUET = {
    "words": ({"entity": list("abcd"), "text": list("wxyz")}, "has columns entity, text; expected an id column"),
    "ids alone": ({"entity": list("abcd")}, "has columns entity; expected an id column"),
    "two vectors": ({"a": [[1.0]] * 4, "b": [[1.0]] * 4}, "has columns a, b; expected"),
    "several widths": ({"v": [[1.0], [1.0, 2.0], [1.0], [1.0]]}, "vectors of 1 and 2 columns, expected one width"),
    "no vector": ({"v": pa.array([None] * 4, pa.list_(pa.float32()))}, "vectors of no columns"),
    "hole": ({"x": [1.0, None, 2.0, 3.0]}, r"row 1 holds NaN or infinity \(1 such rows\)"),
}


@pytest.mark.parametrize(("table", "message"), PARQUET.values(), ids=PARQUET)
def test_a_parquet_file_without_features_is_refused(tmp_path, table, message):
    pq.write_table(pa.table(table), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=rf"x\.parquet: {message}"):
        load(tmp_path, "x.parquet")


TENSORS = {
    "vectors of two lengths": ({"a": torch.ones(2), "b": torch.ones(3)}, 'the vector of "b" has 3 columns'),
    "several vectors each": ({"a": torch.ones(2, 5), "b": torch.ones(3, 5)}, "pool them first"),
    "a checkpoint": ({"epoch": 3, "rows": torch.ones(4, 2)}, '"epoch" is a int, expected tensors alone'),
    "nothing": ({}, "holds 0 tensors"),
}


@pytest.mark.parametrize(("tensors", "message"), TENSORS.values(), ids=TENSORS)
def test_a_dict_of_other_things_than_one_array_or_vectors_is_refused(tmp_path, tensors, message):
    torch.save(tensors, tmp_path / "x.pt")
    with pytest.raises(DataError, match=message):
        load(tmp_path, "x.pt")


def test_the_owner_of_a_pickle_is_told_how_to_convert_it(tmp_path):
    (tmp_path / "img.pkl").touch()
    with pytest.raises(DataError, match=r"a pickle can run any code(.|\n)*numpy\.save\(\"img\.npy\""):
        load(tmp_path, "img.pkl")


def test_an_entity_at_the_mean_has_its_feature_all_the_same(tmp_path):
    save_npy(tmp_path / "x.npy", np.array([[1.0, 2, 3], [3, 4, 5], [2, 3, 4], [0, 0, 0]], dtype=np.float32))
    assert load(tmp_path).present.tolist() == [True, True, True, False]


def test_a_single_column_is_told_to_lose_all_but_its_sign(tmp_path):
    save_npy(tmp_path / "x.npy", np.array([[1.0], [2], [6], [7]], dtype=np.float32))
    with pytest.warns(DataWarning, match="one column"):
        assert load(tmp_path).values[:, 0].tolist() == [-1, -1, 1, 1]
