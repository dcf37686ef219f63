"""Which modalities lie in a folder, and how many entities have each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from dsomgnn.data.audit import coverage as room
from dsomgnn.data.audit.coverage import Coverage, coverage, entity_texts
from dsomgnn.data.triples import load_dataset


def of(folder: Path) -> dict[str, Coverage]:
    """Coverage by source; entity g stands in test only."""
    with (folder / "test.txt").open("a") as file:
        file.write("g\tlikes\ta\n")
    found = coverage(load_dataset(folder))
    return {modality.source: modality for modality in found}


def picture(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (2, 2)).save(path)


def test_a_folder_of_triples_alone_has_no_modality(tiny):
    assert of(tiny) == {}
    assert entity_texts(load_dataset(tiny)) is None


def test_texts_are_counted_with_their_words_and_what_is_empty_or_repeated(tiny):
    (tiny / "text.tsv").write_text("a\tone two three\nb\t \nc\tsame\nd\tsame\ng\tsame \ne\tother one\n")
    facts = {"mean_words": 1.6, "empty": 1, "repeated_texts": 1, "entities_with_repeated_text": 3}
    assert of(tiny) == {"text.tsv": Coverage("text.tsv", "text", 5, 5 / 7, 1, facts)}
    assert entity_texts(load_dataset(tiny)) == ["one two three", "", "same", "same", "other one", "", "same"]


def test_numbers_and_pictures_are_counted_by_entity(tiny):
    (tiny / "numeric.tsv").write_text("a\tage\t3\na\tsize\t1\nb\tage\t4\n")
    (tiny / "images.tsv").write_text("a\timages/x.png\ng\timages/y.png\nb\timages/none.png\n")
    picture(tiny / "images" / "x.png")
    picture(tiny / "images" / "y.png")
    assert of(tiny) == {
        "numeric.tsv": Coverage("numeric.tsv", "numeric", 2, 2 / 7, 0, {"values": 3, "attributes": 2}),
        "images.tsv": Coverage("images.tsv", "pictures", 2, 2 / 7, 1, {"pictures": 2, "missing_files": 1}),
    }


def test_a_folder_of_pictures_named_after_entities_is_found_without_a_table(tiny):
    for name in ("a.png", "c.jpg", "c_1.jpg"):
        picture(tiny / "photos" / name)
    (tiny / "notes").mkdir()
    assert of(tiny) == {"photos": Coverage("photos", "pictures", 2, 2 / 7, 0, {"pictures": 3, "missing_files": 0})}


def test_feature_files_are_read_as_fit_reads_them(tiny):
    np.save(tiny / "rows.npy", np.eye(7, 3, dtype=np.float16))  # row i is entity i; rows 3 to 6 are zero
    torch.save(torch.ones(2, 4), tiny / "named.pth")
    (tiny / "named.txt").write_text("g\nb\n")
    save_file({"a": torch.ones(2), "b": torch.ones(2), "g": torch.zeros(2)}, tiny / "keys.safetensors")
    found = of(tiny)
    assert {source: modality.facts.pop("zero_rows") for source, modality in found.items()} == {
        "rows.npy": 4, "named.pth": 0, "keys.safetensors": 1,
    }  # fmt: skip
    assert found == {
        "rows.npy": Coverage("rows.npy", "array", 3, 3 / 7, 0, {"rows": 7, "columns": 3}),
        "named.pth": Coverage("named.pth", "array", 2, 2 / 7, 1, {"rows": 2, "columns": 4}),
        "keys.safetensors": Coverage("keys.safetensors", "array", 2, 2 / 7, 0, {"rows": 3, "columns": 2}),
    }


def test_a_file_that_fit_would_refuse_is_a_defect(tiny):
    (tiny / "text.tsv").write_text("a\tone\nnobody\ttwo\n")
    np.save(tiny / "short.npy", np.ones((3, 2)))
    found = of(tiny)
    assert 'text.tsv:2: unknown entity "nobody"' in found["text.tsv"].defect
    assert "short.npy: 3 rows, but there are 7 entities" in found["short.npy"].defect
    assert entity_texts(load_dataset(tiny)) is None


def test_a_huge_array_is_not_opened(tiny, monkeypatch):
    monkeypatch.setattr(room, "LARGEST_ARRAY", 3_000_000)
    (tiny / "huge.npy").write_bytes(b"\0" * 4_000_000)
    assert of(tiny) == {"huge.npy": Coverage("huge.npy", "array", None, None, None, {"megabytes": 4})}
