"""Shared: OMP set before torch, a tiny data set, and where real data lies."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

TINY = {
    "train": [
        ("a", "likes", "b"), ("a", "likes", "c"), ("b", "likes", "c"), ("c", "knows", "d"), ("d", "knows", "a"),
        ("e", "likes", "a"), ("e", "knows", "b"), ("f", "likes", "d"), ("f", "knows", "e"), ("b", "knows", "f"),
    ],
    "valid": [("a", "likes", "d"), ("b", "knows", "a")],
    "test": [("c", "likes", "a"), ("e", "likes", "d")],
}  # fmt: skip


def write_dataset(folder: Path, splits: dict[str, list[tuple[str, str, str]]] | None = None) -> Path:
    """A data set folder of triples, ids sorted from the splits."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, triples in (splits or TINY).items():
        (folder / f"{name}.txt").write_text("".join("\t".join(t) + "\n" for t in triples))
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Folder of the tiny data set: 6 entities a to f, relations knows (0) and likes (1)."""
    return write_dataset(tmp_path / "tiny")


@pytest.fixture(scope="session")
def worldfacts() -> Path:
    return ROOT / "datasets" / "worldfacts"


@pytest.fixture(scope="session")
def real_data():
    """`real_data("wn18")`: the folder of a benchmark under $DSOMGNN_DATASETS, or a skip that says why."""

    def find(name: str) -> Path:
        root = os.environ.get("DSOMGNN_DATASETS")
        if not root:
            pytest.skip("$DSOMGNN_DATASETS is not set: benchmarks are not at hand")
        folder = Path(root) / name
        if not folder.is_dir():
            pytest.skip(f"$DSOMGNN_DATASETS holds no {name}")
        return folder

    return find
