"""Which files of a folder are train, valid and test, whatever a toolkit calls them."""

from __future__ import annotations

import re
from pathlib import Path

from dsomgnn.data.formats import rdf
from dsomgnn.data.pickles import is_pickle, triples_advice
from dsomgnn.data.tables import bare_name
from dsomgnn.errors import DataError

WORDS = {
    "train": ("train", "training"),
    "valid": ("valid", "val", "dev", "validation"),
    "test": ("test", "testing"),
}
SPLIT_OF = {word: split for split, words in WORDS.items() for word in words}
SPLIT_FILE = re.compile(
    rf"(?P<before>.*[-_.])?(?P<word>{'|'.join(SPLIT_OF)})(?P<after>2id|_triples)?(?P<end>\.[a-z][a-z0-9]*)?",
    re.IGNORECASE,
)
ENDINGS = ("", ".txt", ".tsv", ".csv", ".del", ".parquet", *rdf.ENDINGS)
ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz")


def one_file(src: Path) -> Path:
    """The file itself, where it can be read as triples. Raises DataError for pickles and archives."""
    if is_pickle(src) or src.suffix in (".pt", ".pth"):
        raise DataError(triples_advice(src))
    if Path(bare_name(src)).suffix in ARCHIVES:
        raise DataError(f"{src}: an archive; unpack it and name the folder")
    return src


def split_files(src: Path) -> tuple[dict[str, Path], list[Path]]:
    """Files of train, valid and test in a folder (or in a folder for each), and the other files there.

    Raises DataError where a split is missing or ambiguous, or all there is are pickles.
    """
    files = sorted(path for path in src.iterdir() if path.is_file() and not path.name.startswith("."))
    groups = _groups(files)
    whole = [group for key, group in sorted(groups.items()) if len(group) == len(WORDS)]
    if whole:
        return _in_order(whole[0]), [path for path in files if path not in whole[0].values()]
    return _in_folders(src) or _refuse(src, files, groups)


Group = dict[str, Path]


def _groups(files: list[Path]) -> dict[tuple, Group]:
    """Split files that are named alike, OpenKE's (…2id) first, RDF last."""
    groups: dict[tuple, Group] = {}
    for path in files:
        match = SPLIT_FILE.fullmatch(bare_name(path))
        if match is None or (match["end"] or "").lower() not in ENDINGS:
            continue
        end = (match["end"] or "").lower()
        group = groups.setdefault((match["after"] != "2id", match["before"] or "", end in rdf.ENDINGS, end), {})
        split = SPLIT_OF[match["word"].lower()]
        other = group.setdefault(split, path)
        if bare_name(other) != bare_name(path):
            raise DataError(f"{path.parent}: both {other.name} and {path.name} could be {split}; leave only one")
    return groups


def _in_folders(src: Path) -> tuple[Group, list[Path]] | None:
    """PyKEEN's layout: folders training, validation and testing, each with its triples and the same id maps."""
    folders = {SPLIT_OF[p.name.lower()]: p for p in sorted(src.iterdir()) if p.is_dir() and p.name.lower() in SPLIT_OF}
    files = [path for folder in folders.values() for path in sorted(folder.iterdir()) if path.is_file()]
    triples = [path for path in files if Path(bare_name(path)).stem.endswith("triples")]
    if len(folders) < len(WORDS) or [path.parent for path in triples] != list(folders.values()):
        return None
    group = dict(zip(folders, triples, strict=True))
    return _in_order(group), [path for path in files if path not in triples]


def _in_order(group: Group) -> Group:
    return {split: group[split] for split in WORDS}


def _refuse(src: Path, files: list[Path], groups: dict[tuple, Group]) -> tuple[Group, list[Path]]:
    pickles = [path for path in files if is_pickle(path)]
    if pickles:
        raise DataError(triples_advice(next((p for p in pickles if p.stem.lower() in SPLIT_OF), pickles[0])))
    most = max(groups.values(), key=len, default={})
    if most:
        missing = next(split for split in WORDS if split not in most)
        beside = ", ".join(path.name for path in most.values())
        raise DataError(f"{src}: no {missing} split beside {beside} (looked for {', '.join(WORDS[missing])})")
    here = ", ".join(path.name for path in files[:8]) or "no file"
    raise DataError(
        f"{src}: no train, valid and test files among {here}. A single file of triples is split by: "
        "dsomgnn data import FILE DST --split 0.8,0.1,0.1"
    )
