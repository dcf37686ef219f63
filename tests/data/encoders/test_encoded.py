"""From texts and pictures to features: means, masks, broken files, and the same as from a file."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from dsomgnn.data.encoders.encoded import encode, histogram_feature, item_encoder, model_feature
from dsomgnn.data.encoders.item_encoder import ItemEncoder, Network
from dsomgnn.data.features import array_feature
from dsomgnn.data.triples import Vocabulary
from dsomgnn.errors import DataError

IDS = ("a", "b/x", "c", "d")
ENTITIES = Vocabulary(IDS, IDS)
RED, BLUE = (255, 0, 0), (0, 0, 255)


def picture(path, colour):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (3, 2), colour).save(path)


def vowels(word: str) -> list[int]:
    return [word.count(letter) for letter in "aeiou"]


VOWELS = ItemEncoder(
    "vowels", "texts", "1", lambda: Network(bytes.decode, lambda words: np.array([*map(vowels, words)]))
)


def test_pictures_are_found_by_table_or_by_file_name(tmp_path):
    picture(tmp_path / "images" / "a.png", RED)
    picture(tmp_path / "images" / "b__x.png", BLUE)
    (tmp_path / "images.tsv").write_text("b/x\timages/b__x.png\na\timages/a.png\n")
    by_name, by_table = (histogram_feature("v", tmp_path, s, ENTITIES) for s in ("images", "images.tsv"))
    assert torch.equal(by_name.values, by_table.values)
    assert by_name.present.tolist() == by_table.present.tolist() == [True, True, False, False]
    assert by_name.values[0, 48] == by_name.values[1, 3] == 1


def test_several_pictures_of_an_entity_are_averaged(tmp_path):
    for name, colour in {"a_0": RED, "a_1": RED, "a_2": BLUE, "c": BLUE}.items():
        picture(tmp_path / "images" / f"{name}.png", colour)
    encoded = encode("v", tmp_path, "images", ENTITIES, item_encoder("histogram"))
    assert encoded.entity.tolist() == [0, 2]
    assert encoded.items == 4
    assert encoded.rows[:, [48, 3]].tolist() == [[np.float16(2 / 3), np.float16(1 / 3)], [0, 1]]


def test_the_mean_is_of_those_pictures_that_can_be_read(tmp_path):
    picture(tmp_path / "images" / "a_0.png", RED)
    (tmp_path / "images" / "a_1.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match=r"v: 1 pictures cannot be read, the first: a_1\.png \(not PNG, JPEG"):
        encoded = encode("v", tmp_path, "images", ENTITIES, item_encoder("histogram"))
    assert encoded.rows[:, 48].tolist() == [1]


def test_broken_pictures_are_skipped_with_one_warning(tmp_path):
    for name in ("a", "b__x"):
        picture(tmp_path / "images" / f"{name}.png", RED)
    for name in ("c", "d"):
        (tmp_path / "images" / f"{name}.png").write_bytes(b"no picture")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        feature = histogram_feature("v", tmp_path, "images", ENTITIES)
    assert ["v: 2 pictures cannot be read, the first: c.png" in str(w.message) for w in caught] == [True]
    assert feature.present.tolist() == [True, True, False, False]


def test_no_readable_picture_at_all_is_refused(tmp_path):
    (tmp_path / "v.tsv").write_text("a\tgone.png\n")
    with (
        pytest.warns(UserWarning, match=r"1 pictures cannot be read, the first: gone\.png \(No such file"),
        pytest.raises(DataError, match=r"v\.tsv: no picture can be read"),
    ):
        histogram_feature("v", tmp_path, "v.tsv", ENTITIES)


def test_texts_are_encoded_and_blank_ones_absent(tmp_path):
    (tmp_path / "text.tsv").write_text("c\tahoi\na\teerie\nd\t \n")
    encoded = encode("t", tmp_path, "text.tsv", ENTITIES, VOWELS)
    assert encoded.entity.tolist() == [0, 2]
    assert encoded.rows.tolist() == [[0, 3, 1, 0, 0], [1, 0, 1, 1, 0]]


def test_texts_are_not_looked_for_in_a_folder(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="images: a folder, but vowels reads a table"):
        encode("t", tmp_path, "images", ENTITIES, VOWELS)


def test_a_file_without_any_text_is_refused(tmp_path):
    (tmp_path / "text.tsv").write_text("a\t \n")
    with pytest.raises(DataError, match=r"text\.tsv: no text can be read"):
        encode("t", tmp_path, "text.tsv", ENTITIES, VOWELS)


@pytest.mark.parametrize("dim", [None, 2])
def test_encoding_at_once_or_beforehand_gives_the_same_feature(tmp_path, dim):
    (tmp_path / "text.tsv").write_text("c\tahoi\na\teerie\nd\tuuoo\n")
    encoded = encode("t", tmp_path, "text.tsv", ENTITIES, VOWELS)
    np.save(tmp_path / "t.npy", encoded.rows)
    (tmp_path / "t.txt").write_text("".join(f"{IDS[i]}\n" for i in encoded.entity))
    beforehand = array_feature("t", tmp_path, "t.npy", None, dim, ENTITIES, seed=0)
    at_once = model_feature("t", tmp_path, "text.tsv", dim, ENTITIES, 0, VOWELS)
    assert torch.equal(at_once.values, beforehand.values)
    assert at_once.present.tolist() == [True, False, True, True]
    assert at_once.dim == (dim or 5)
