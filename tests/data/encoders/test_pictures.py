"""Picture files: whose they are, and what is seen in them, in every mode that circulates."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dsomgnn.data.encoders.pictures import find_pictures, on_white, read_picture
from dsomgnn.data.triples import Vocabulary
from dsomgnn.errors import DataError, DataWarning

IDS = ("a", "b/x", "/m/027rn", "http://www.wikidata.org/entity/Q42", "<http://dbpedia.org/resource/Rome>", "z/x")
ENTITIES = Vocabulary(IDS, IDS)
RED, BLUE = (255, 0, 0), (0, 0, 255)


def content(image: Image.Image, kind="PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def found(folder, source="images"):
    entity, files = find_pictures(folder, source, ENTITIES)
    return {
        file.relative_to(folder / source if source == "images" else folder).as_posix(): IDS[i]
        for i, file in zip(entity, files, strict=True)
    }


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("a.png", "a"),
        ("a.JPEG", "a"),
        ("a.webp", "a"),
        ("a_0.jpg", "a"),
        ("a-12.gif", "a"),
        ("a/anything.png", "a"),
        ("b__x.png", "b/x"),
        ("m.027rn/0.jpg", "/m/027rn"),
        ("__m__027rn_3.png", "/m/027rn"),
        ("Q42.jpg", "http://www.wikidata.org/entity/Q42"),
        ("Q42/1.jpg", "http://www.wikidata.org/entity/Q42"),
        ("Rome_1.tiff", "<http://dbpedia.org/resource/Rome>"),
    ],
)
def test_a_picture_is_named_after_its_entity(tmp_path, name, identifier):
    write(tmp_path / "images", name, "a.txt", "notes/a.md")
    assert found(tmp_path) == {name: identifier}


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["nobody.png"], r"images: 1 picture is named after no entity, the first: nobody\.png$"),
        (["nobody/1.png", "nobody/2.png"], r"nobody: 2 pictures are named after no entity, the first: 1\.png$"),
    ],
)
def test_pictures_of_no_entity_are_counted(tmp_path, names, told):
    write(tmp_path / "images", "a.png", *names)
    with pytest.warns(DataWarning, match=told):
        assert found(tmp_path) == {"a.png": "a"}


def test_an_entity_may_have_several_pictures(tmp_path):
    names = ["a.png", "a_0.jpg", "a_1.jpg", "a/x.png", "a/y.png"]
    write(tmp_path / "images", *names)
    assert found(tmp_path) == dict.fromkeys(names, "a")


def test_an_exact_name_goes_before_a_numbered_one(tmp_path):
    write(tmp_path / "images", "a_1.png", "a_2.png")
    ids = ("a", "a_1")
    entity, _ = find_pictures(tmp_path, "images", Vocabulary(ids, ids))
    assert [ids[i] for i in entity] == ["a_1", "a"]


def test_a_short_name_that_two_entities_share_names_neither(tmp_path):
    write(tmp_path / "images", "x.png", "a.png")
    with pytest.warns(DataWarning, match="named after no entity, the first: x"):
        assert found(tmp_path) == {"a.png": "a"}


def test_a_table_names_files_and_an_entity_may_stand_several_times(tmp_path):
    (tmp_path / "images.tsv").write_text("a\tp/1.png\torigin\nb/x\tp/2.png\na\tp/3.png\n")
    assert found(tmp_path, "images.tsv") == {"p/1.png": "a", "p/2.png": "b/x", "p/3.png": "a"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["aa.png"], r'images: no picture \(.*\) is named after an entity; "aa\.png" is not\.'),
        (["Roma.png"], r'"Roma\.png" is not\. Did you mean "Rome"\?'),
        (["a.txt"], "named after an entity: it holds none"),
    ],
)
def test_a_folder_without_any_entity_is_refused(tmp_path, names, message):
    write(tmp_path / "images", *names)
    with pytest.raises(DataError, match=message):
        find_pictures(tmp_path, "images", ENTITIES)


@pytest.mark.parametrize(
    ("row", "message"),
    [("c\tx.png", r'images\.tsv:2: unknown entity "c"'), ("c", r"images\.tsv:2: 1 column, expected at least 2")],
)
def test_a_bad_row_is_refused_with_its_line(tmp_path, row, message):
    (tmp_path / "images.tsv").write_text(f"a\tx.png\n{row}\n")
    with pytest.raises(DataError, match=message):
        find_pictures(tmp_path, "images.tsv", ENTITIES)


def one_colour(mode: str, value) -> Image.Image:
    return Image.new(mode, (4, 4), value)


def palette(transparent: bool) -> bytes:
    image = one_colour("P", 1)
    image.putpalette([*BLUE, *RED])
    return content(image, transparency=1) if transparent else content(image)


def animated() -> bytes:
    return content(one_colour("RGB", RED), "GIF", save_all=True, append_images=[one_colour("RGB", BLUE)])


@pytest.mark.parametrize(
    ("picture", "pixel"),
    [
        pytest.param(content(one_colour("RGB", RED)), (*RED, 255), id="rgb"),
        pytest.param(content(one_colour("RGBA", (*RED, 77))), (*RED, 77), id="rgba"),
        pytest.param(palette(False), (*RED, 255), id="palette"),
        pytest.param(palette(True), (*RED, 0), id="palette with a transparent colour"),
        pytest.param(content(one_colour("L", 200)), (200, 200, 200, 255), id="grey"),
        pytest.param(content(one_colour("LA", (200, 9))), (200, 200, 200, 9), id="grey with opacity"),
        pytest.param(content(one_colour("1", 1)), (255, 255, 255, 255), id="black and white"),
        pytest.param(content(one_colour("I;16", 200 * 257)), (200, 200, 200, 255), id="16 bits of grey"),
        pytest.param(content(one_colour("I;16", 65535), "TIFF"), (255, 255, 255, 255), id="16 bits of grey, tiff"),
        pytest.param(content(one_colour("RGB", RED), "BMP"), (*RED, 255), id="bmp"),
        pytest.param(content(one_colour("RGB", RED), "WEBP", lossless=True), (*RED, 255), id="webp"),
        pytest.param(animated(), (*RED, 255), id="animated: its first frame"),
    ],
)
def test_every_mode_is_seen_as_it_looks(picture, pixel):
    image = read_picture(picture)
    assert (image.mode, image.size) == ("RGBA", (4, 4))
    assert image.getpixel((1, 2)) == pixel


def test_four_inks_are_seen_as_colours():
    cyan = read_picture(content(one_colour("CMYK", (255, 0, 0, 0)), "JPEG"))
    red, green, blue, opacity = cyan.getpixel((1, 1))
    assert red < 60 < 150 < min(green, blue)
    assert opacity == 255


def test_what_is_transparent_looks_white():
    image = Image.new("RGBA", (2, 1), (*RED, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    image = on_white(image)
    assert [image.mode, image.getpixel((0, 0)), image.getpixel((1, 0))] == ["RGB", RED, (255, 255, 255)]
    assert on_white(one_colour("RGBA", (0, 0, 0, 102))).getpixel((0, 0)) == (153, 153, 153)


def claims(size: int) -> bytes:
    """A PNG whose header claims size x size pixels."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)), (b"IDAT", b"")]
    chunks = (struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("size", [8_001, 11_000, 20_000, 2**31 - 1])
def test_a_picture_that_would_fill_the_memory_is_not_unpacked(size):
    with pytest.raises((ValueError, Image.DecompressionBombError), match="pixels"):
        read_picture(claims(size))


NOISE = content(Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)))


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", id="a program in PostScript"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="svg"),
        pytest.param(NOISE[:400], id="half"),
        pytest.param(NOISE[:30], id="a header"),
        pytest.param(content(one_colour("RGB", RED), "JPEG")[:200], id="half a jpeg"),
    ],
)
def test_what_is_no_picture_is_refused(broken):
    with pytest.raises((ValueError, OSError)):
        read_picture(broken)
