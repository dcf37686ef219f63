"""Shared: OMP set before torch, a tiny data set, and where real data lies."""

from __future__ import annotations

import json
import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import shutil
from pathlib import Path
from typing import NamedTuple

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


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory: pytest.TempPathFactory):
    """Where fixtures of a wider scope than a test keep encoded features: never at home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DSOMGNN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test keeps encoded features: beside its folder, and empty."""
    cache = tmp_path.with_name(f"{tmp_path.name}-cache")
    monkeypatch.setenv("DSOMGNN_CACHE", str(cache))
    return cache


@pytest.fixture(autouse=True)
def all_numbers() -> None:
    """What runs before this test set to 0 for speed, numbers below 1e-38, is there again."""
    import torch

    torch.set_flush_denormal(False)


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


@pytest.fixture(scope="session")
def dataset_of():
    """`dataset_of(N, R, train, valid, test)`: a data set of triples given as numbers, without files."""
    import torch

    from dsomgnn.data.triples import Dataset, Vocabulary

    def vocabulary(letter: str, size: int) -> Vocabulary:
        names = tuple(f"{letter}{i}" for i in range(size))
        return Vocabulary(names, names)

    def make(num_entities, num_relations, *splits):
        splits = [torch.as_tensor(triples, dtype=torch.long).view(-1, 3) for triples in (*splits, [], [])[:3]]
        return Dataset("made", Path("."), vocabulary("e", num_entities), vocabulary("r", num_relations), *splits)

    return make


@pytest.fixture(scope="session")
def mkg_of(dataset_of):
    """`mkg_of(triples, N, R)`: the graph of train triples given as numbers, without files."""
    from dsomgnn.data.mkg import MKG

    return lambda triples, num_entities, num_relations, features=None: MKG(
        dataset_of(num_entities, num_relations, triples), features
    )


@pytest.fixture(scope="session")
def random_mkg(mkg_of):
    """40 entities (the last has no triple), 3 relations (0 is symmetric), about 150 train triples, some self-loops."""
    import torch

    generator = torch.Generator().manual_seed(0)
    some = torch.stack([torch.randint(n, (130,), generator=generator) for n in (39, 3, 39)], 1)
    mirrored = some[some[:, 1] == 0][:, [2, 1, 0]]
    return mkg_of(torch.cat([some, mirrored]).unique(dim=0), 40, 3)


TEXTS = {"a": "red round apple", "b": "green round pear", "c": "red car wheel", "d": "green wheel", "e": "apple pear"}

RECIPE = """\
device = "cpu"

[data]
name = "tiny"

[features.text]
source = "text.tsv"
encoder = "tfidf-svd"
dim = 4

[teachers.s]
rank = 4
epochs = 3
batch = 5

[teachers.st]
modalities = ["text"]
encoder = "compgcn"
fanouts = [3]
rank = 4
modality_rank = 2
epochs = 4
batch = 5

[student]
rank = 4
epochs = 5
batch = 5
validate_every = 2

[distill]
policy = "reinforce"
walks = 4
warmup = 1

[agent]
reserve = 0.2
rows = 8
"""


def write_workshop(folder: Path) -> Path:
    """The tiny data set with texts (f has none), and tiny.toml: two teachers, an agent, a few epochs."""
    tiny = write_dataset(folder / "tiny")
    (tiny / "text.tsv").write_text("".join(f"{entity}\t{text}\n" for entity, text in TEXTS.items()))
    (folder / "tiny.toml").write_text(RECIPE)
    return folder


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the test: `tiny` and `tiny.toml`, and nothing else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DSOMGNN_DATASETS", raising=False)
    return write_workshop(tmp_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of tiny.toml, to be read only."""
    from dsomgnn import fit_recipe

    folder = write_workshop(tmp_path_factory.mktemp("trained"))
    fit_recipe(folder / "tiny.toml", folder / "runs" / "first")
    return folder / "runs" / "first"


@pytest.fixture
def finished(workshop: Path, trained: Path) -> Path:
    """`runs/first` in the workshop: a copy of the finished run, to be spoilt."""
    shutil.copytree(trained, workshop / "runs" / "first")
    return Path("runs") / "first"


def unsealed(run: Path) -> Path:
    """The run as one of an earlier version, whose record held no digests of files."""
    record = json.loads((run / "record.json").read_text())
    del record["files_sha256"]
    (run / "record.json").write_text(json.dumps(record))
    return run


NAMED = {
    "entities.tsv": "a\tKenya\tplace\nb\tEnglish\tlanguage\nc\tSwahili\tlanguage\n"
    "d\tTurkey\tplace\ne\tTurkey\tbird\nf\tKenya Airways\tbird\n",
    "relations.tsv": "knows\tis acquainted with\nlikes\tis fond of\n",
}

ALONE = """\
device = "cpu"
[data]
name = "words"
[student]
rank = 4
epochs = 20
batch = 5
score = "distmult"
[distill]
policy = "none"
"""


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a student alone, whose entities and relations have names and kinds, to be read only."""
    from dsomgnn import fit_recipe

    folder = tmp_path_factory.mktemp("named")
    data = write_dataset(folder / "words")
    for name, text in NAMED.items():
        (data / name).write_text(text)
    (folder / "words.toml").write_text(ALONE)
    fit_recipe(folder / "words.toml", folder / "runs" / "named")
    return folder / "runs" / "named"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch):
    """A web server on the loopback: no test speaks to any other. Downloads try again without a pause."""
    from loopback import Web

    from dsomgnn.data import download

    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setenv("NO_PROXY", "*")
    with Web() as server:
        yield server


class Reply(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]):
    """`call("fit", "tiny.toml")`: the command line in this process, as exit code, stdout and stderr."""

    def run(*words: object) -> Reply:
        from dsomgnn.cli import main

        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        return Reply(stop.value.code or 0, *capsys.readouterr())

    return run
