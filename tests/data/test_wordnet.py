"""WordNet's database files, from lines in their own format."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from dsomgnn.data.wordnet import Synset, read_wordnet
from dsomgnn.errors import DataError

HEAD = "  1 This software is provided by  \n  2 Princeton University.  \n  3   \n"
LINES = {
    "noun": "00001740 03 n 0a a 0 b 0 c 0 d 0 e 0 f 0 g 0 h 0 i 0 j_k 0 000 | ten words; \"an example | of it\"  \n",
    "verb": "00001740 29 v 01 breathe 0 001 * 00002 v 0000 | air  \n00002000 29 v 01 go 0 000 01 + 02 00 | move  \n",
    "adj": "00003000 00 s 03 alike(p) 0 similar(a) 1 galore(ip) 0 001 & 00004 a 0000 | (of things) alike  \n",
    "adv": "00004000 02 r 01 a_priori 0 000 | derived by logic  \n",
}  # fmt: skip


def archive(path: Path, lines: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for part, text in lines.items():
            content = (HEAD + text).encode()
            member = tarfile.TarInfo(f"dict/data.{part}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_lemmas_part_and_gloss_of_each_synset(tmp_path: Path):
    synsets, licence = read_wordnet(archive(tmp_path / "wn.tar.gz", LINES))
    assert synsets == {
        "00001740": Synset(
            "a, b, c, d, e, f, g, h, i, j k", "n", 'ten words; "an example | of it"'
        ),  # noun before verb
        "00002000": Synset("go", "v", "move"),
        "00003000": Synset("alike, similar, galore", "s", "(of things) alike"),
        "00004000": Synset("a priori", "r", "derived by logic"),
    }
    assert licence == "This software is provided by Princeton University."


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: path.write_bytes(b"no archive"),
        lambda path: archive(path, {part: LINES[part] for part in ("noun", "verb", "adj")}),
        lambda path: archive(path, LINES | {"adv": "00004000 02 r zz a 0 000 | gloss\n"}),
        lambda path: archive(path, LINES | {"adv": "00004000 02\n"}),
    ],
    ids=["truncated", "no archive", "a file is missing", "no number", "a short line"],
)
def test_what_is_no_wordnet_is_one_clear_error(tmp_path: Path, spoil):
    path = archive(tmp_path / "wn.tar.gz", LINES)
    spoil(path)
    with pytest.raises(DataError, match=r"wn\.tar\.gz: cannot be read as WordNet 3\.0"):
        read_wordnet(path)
