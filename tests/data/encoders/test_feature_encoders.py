"""Features from raw modalities without a network: words of texts, numeric attributes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from dsomgnn.data.encoders import feature_encoders
from dsomgnn.data.encoders.feature_encoders import numeric_feature, text_feature
from dsomgnn.data.features import array_feature
from dsomgnn.data.triples import Vocabulary
from dsomgnn.errors import DataError, DataWarning

ENTITIES = Vocabulary(("a", "b/x", "c", "d"), ("a", "b", "c", "d"))
TEXT = "a\tred wine from France\nc\twhite wine from Spain\nb/x\tgreen tea\nd\t \n"


def texts(folder, content=TEXT, dim=2):
    (folder / "text.tsv").write_text(content)
    return text_feature("text", folder, "text.tsv", dim, ENTITIES, seed=0)


def numbers(folder, content):
    (folder / "n.tsv").write_text(content)
    return numeric_feature("n", folder, "n.tsv", ENTITIES)


def test_text_rows_have_length_one_and_who_has_no_text_is_absent(tmp_path):
    feature = texts(tmp_path)
    assert feature.present.tolist() == [True, True, True, False]
    assert feature.values.shape == (4, 2)
    torch.testing.assert_close(feature.values.norm(dim=1), torch.tensor([1.0, 1, 1, 0]))


def test_texts_that_share_words_are_nearer(tmp_path):
    values = texts(tmp_path).values
    assert values[0] @ values[2] > 0.5 > abs(values[0] @ values[1])


def test_a_text_without_a_known_word_is_absent(tmp_path):
    with pytest.warns(DataWarning, match=r"text\.tsv: tfidf-svd finds nothing in 1 of 4 texts"):
        feature = texts(tmp_path, TEXT.replace("d\t ", "d\t? !"))
    assert feature.present.tolist() == feature.values.any(1).tolist()


def test_texts_that_are_all_the_same_are_read_without_a_warning(tmp_path):
    values = texts(tmp_path, "".join(f"{entity}\tred wine from France\n" for entity in ENTITIES.ids)).values
    torch.testing.assert_close(values, values[:1].expand(4, -1))


def test_the_same_texts_come_from_the_cache_bit_for_bit_and_others_do_not(tmp_path, monkeypatch):
    made = []
    real = feature_encoders._word_vectors
    monkeypatch.setattr(feature_encoders, "_word_vectors", lambda *a: made.append(a) or real(*a))
    first, again = texts(tmp_path), texts(tmp_path)
    assert torch.equal(first.values, again.values)
    assert len(made) == 1
    texts(tmp_path, TEXT.replace("tea", "coffee"))
    texts(tmp_path, dim=1)
    assert len(made) == 3


def test_texts_without_a_word_that_another_has_are_told_and_count_as_missing(tmp_path):
    """Once there are fifty texts, a word is kept where two have it."""
    ids = tuple(map(str, range(60)))
    rows = [f"{n}\tred wine\n" for n in ids[:-1]]
    (tmp_path / "text.tsv").write_text("".join(rows) + "59\tquartz\n")
    with pytest.warns(
        DataWarning, match=r"text\.tsv: tfidf-svd finds nothing in 1 of 60 texts \(no word that another text has too"
    ):
        feature = text_feature("text", tmp_path, "text.tsv", 2, Vocabulary(ids, ids), 0)
    assert torch.nonzero(~feature.present).tolist() == [[59]]


def test_texts_without_any_word_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"text\.tsv: no words to tell entities apart"):
        texts(tmp_path, "a\t?\nc\t!\n")


READERS = {
    "words": lambda folder: text_feature("x", folder, "pics", 2, ENTITIES, 0),
    "numbers": lambda folder: numeric_feature("x", folder, "pics", ENTITIES),
    "array": lambda folder: array_feature("x", folder, "pics", None, None, ENTITIES, 0),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_folder_of_pictures_is_told_with_the_encoders_that_read_one(tmp_path, read):
    (tmp_path / "pics").mkdir()
    with pytest.raises(DataError, match=r"pics: a folder, expected a file; .* by histogram, efficientnet-lite0, timm"):
        read(tmp_path)


def test_a_text_of_an_unknown_entity_is_refused_with_its_line(tmp_path):
    with pytest.raises(DataError, match=r'text\.tsv:2: unknown entity "b/y"\. Did you mean "b/x"\?'):
        texts(tmp_path, "a\tone\nb/y\ttwo\n")


def test_numbers_are_standardised_and_their_presence_stands_beside(tmp_path):
    """Columns: size, weight, has size, has weight; rows scaled to length 1."""
    feature = numbers(tmp_path, "a\tsize\t1\nc\tsize\t3\na\tweight\t10\nb/x\tweight\t20\nc\tweight\t30\n")
    z = math.sqrt(1.5)  # of 10, 20, 30
    wanted = torch.tensor([[-1, -z, 1, 1], [0, 0, 0, 1], [1, z, 1, 1], [0, 0, 0, 0]])
    wanted[[0, 2]] /= math.sqrt(4.5)
    torch.testing.assert_close(feature.values, wanted)
    assert feature.present.tolist() == [True, True, True, False]


def test_an_attribute_given_twice_is_averaged(tmp_path):
    twice = numbers(tmp_path, "a\tsize\t1\na\tsize\t3\nb/x\tsize\t4\nc\tsize\t9\n")
    once = numbers(tmp_path, "a\tsize\t2\nb/x\tsize\t4\nc\tsize\t9\n")
    assert torch.equal(twice.values, once.values)


def test_an_attribute_that_spans_magnitudes_is_read_on_a_log_scale(tmp_path):
    """log1p of 0, 1, e^2 - 1 and e^8 - 1: 0, log 2, 2, 8, whose signs are kept."""
    sizes = [0.0, -1.0, math.e**2 - 1, math.e**8 - 1]
    feature = numbers(tmp_path, "".join(f"{i}\tsize\t{s}\n" for i, s in zip(ENTITIES.ids, sizes, strict=True)))
    logs = np.array([0, -math.log(2), 2, 8])
    ratio = feature.values[:, 0] / feature.values[:, 1]  # the row's length cancels against its presence
    np.testing.assert_allclose(ratio, (logs - logs.mean()) / logs.std(), rtol=1e-5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e307, 2.0**-900])
def test_the_size_of_a_unit_does_not_count(tmp_path, scale: float):
    sizes = (1.0, 3.0, 9.0)
    plain, large = (
        numbers(tmp_path, "".join(f"{i}\tsize\t{s * unit!r}\n" for i, s in zip("ac", sizes, strict=False)))
        for unit in (1.0, scale)
    )
    torch.testing.assert_close(large.values, plain.values)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a\tsize\tbig", r'n\.tsv:2: "big" is not a number'),
        ("a\tsize\tnan", r'n\.tsv:2: "nan" is not a finite number'),
        ("e\tsize\t1", r'n\.tsv:2: unknown entity "e"'),
        ("a\tsize", r"n\.tsv:2: 2 columns, expected 3"),
    ],
)
def test_a_bad_number_is_refused_with_its_line(tmp_path, row, message):
    with pytest.raises(DataError, match=message):
        numbers(tmp_path, f"c\tsize\t1\n{row}\n")
