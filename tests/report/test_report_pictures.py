"""Pictures that a page holds in itself."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from dsomgnn.data.triples import load_dataset
from dsomgnn.report import pictures
from dsomgnn.report.pictures import thumbnails
from dsomgnn.settings import Data, Distill, Recipe

RECIPE = Recipe(data=Data(name="tiny"), distill=Distill(policy="none"))


def draw(path: Path, colour: tuple[int, ...] = (200, 0, 0), size: tuple[int, int] = (400, 200)) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour).save(path)


def opened(address: str) -> Image.Image:
    head, _, content = address.partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


@pytest.mark.parametrize("source", ["folder", "table"])
def test_a_picture_is_small_and_on_white(source: str, tiny: Path):
    draw(tiny / "images" / "a.png", (0, 0, 0, 0))
    draw(tiny / "images" / "b.png")
    if source == "table":
        (tiny / "images.tsv").write_text("a\timages/a.png\nb\timages/b.png\n")
    found = thumbnails(load_dataset(tiny), RECIPE, ["b", "a", "c", "b", "nobody"])
    assert list(found) == ["b", "a"]
    assert opened(found["b"]).size == (96, 48)
    assert min(opened(found["a"]).getpixel((40, 20))) > 250
    assert opened(found["b"]).getpixel((40, 20))[0] > 150


def test_a_file_that_is_no_picture_or_not_there_is_left_out(tiny: Path):
    draw(tiny / "images" / "a.png")
    (tiny / "images" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n, not really")
    (tiny / "images.tsv").write_text("a\timages/a.png\nb\timages/b.png\nc\timages/c.png\n")
    assert list(thumbnails(load_dataset(tiny), RECIPE, ["a", "b", "c"])) == ["a"]


def test_no_picture_comes_from_outside_the_data_set(tiny: Path):
    draw(tiny.parent / "private.png")
    draw(tiny / "images" / "c.png")
    (tiny / "images.tsv").write_text(f"a\t../private.png\nb\t{tiny.parent / 'private.png'}\nc\timages/c.png\n")
    assert list(thumbnails(load_dataset(tiny), RECIPE, ["a", "b", "c"])) == ["c"]


def test_there_are_at_most_so_many(tiny: Path, monkeypatch):
    for name in "abc":
        draw(tiny / "images" / f"{name}.png")
    monkeypatch.setattr(pictures, "MOST", 2)
    assert list(thumbnails(load_dataset(tiny), RECIPE, ["c", "b", "a"])) == ["c", "b"]


def test_a_data_set_without_pictures_has_none(tiny: Path):
    (tiny / "notes").mkdir()
    assert thumbnails(load_dataset(tiny), RECIPE, ["a"]) == {}
