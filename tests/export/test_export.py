"""An export is whole, says what it is, and scores as the student does, without dsomgnn."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import NAMED, unsealed
from safetensors import SafetensorError

import dsomgnn
from dsomgnn.errors import CheckpointError, RecipeError
from dsomgnn.export import folder as writing
from dsomgnn.export.exported import read_export

FILES = ["README.md", "config.json", "entities.tsv", "model.safetensors", "relations.tsv"]
ALONE = """
import sys
class Refused:
    def find_spec(self, name, *rest):
        if name.split(".")[0] in ("dgl", "dsomgnn"):
            raise ImportError(f"{name} is not to be imported")
sys.meta_path.insert(0, Refused())
"""


@pytest.fixture(params=["trained", "named"])
def run(request: pytest.FixtureRequest) -> Path:
    """A run with a ComplEx student and one with a DistMult student."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def exported(run: Path, tmp_path: Path) -> Path:
    assert dsomgnn.export_run(run, tmp_path / "out") == FILES
    return tmp_path / "out"


def card_answers(exported: Path, place: int) -> list[tuple[str, float]]:
    """What a program of the card prints where neither dsomgnn nor dgl can be imported."""
    code = re.findall(r"```python\n(.*?)```", (exported / "README.md").read_text(), re.DOTALL)[place]
    command = [sys.executable, "-c", ALONE + code]
    done = subprocess.run(command, cwd=exported, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [(entity, float(p)) for entity, _, p in (line.rpartition(" ") for line in done.stdout.splitlines())]


def by_predict(run: Path, exported: Path) -> list[tuple[str, float]]:
    example = json.loads((exported / "config.json").read_text())["examples"][0]
    answers = dsomgnn.load(run).predict(example["head"], example["relation"], k=5)
    return [(answer.entity, pytest.approx(answer.probability, rel=1e-4)) for answer in answers]


def test_the_numpy_code_of_the_card_answers_as_predict_does_without_dsomgnn_and_dgl(run: Path, exported: Path):
    assert card_answers(exported, 0) == by_predict(run, exported)


def test_the_torch_code_of_the_card_does_so_too(trained: Path, tmp_path: Path):
    dsomgnn.export_run(trained, tmp_path / "out")
    assert card_answers(tmp_path / "out", 1) == by_predict(trained, tmp_path / "out")


def test_the_code_of_the_card_asks_for_heads_too(run: Path, exported: Path, monkeypatch):
    code = re.findall(r"```python\n(.*?)```", (exported / "README.md").read_text(), re.DOTALL)[0]
    monkeypatch.chdir(exported)
    scope: dict = {}
    exec(code, scope)
    scores = dict(zip(scope["entities"], scope["scores"]("a", "likes", ask="head").tolist(), strict=True))
    for answer in dsomgnn.load(run).predict(relation="likes", tail="a", k=6):
        assert scores[answer.entity] == pytest.approx(answer.score, rel=1e-4)


def test_numpy_alone_scores_as_the_student_does(run: Path, exported: Path):
    found = read_export(exported)
    model = dsomgnn.load(run)
    scores = found.scores(np.array([[0, 1], [2, 3]]))
    for row, (head, tail) in enumerate([("a", None), (None, "c")]):
        for answer in model.predict(head, "likes", tail, k=6):
            assert scores[row, found.entities.index(answer.entity)] == pytest.approx(answer.score, rel=1e-4)


def test_reading_it_needs_no_torch(exported: Path):
    program = "import sys; from pathlib import Path; from dsomgnn.export.exported import read_export; "
    program += f"read_export(Path({str(exported)!r})); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr


def test_ids_names_kinds_and_temperature_go_along(named: Path, tmp_path: Path):
    dsomgnn.export_run(named, tmp_path / "out")
    assert {name: (tmp_path / "out" / name).read_text() for name in NAMED} == NAMED
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    record = json.loads((named / "record.json").read_text())
    assert config["temperature"] == record["phases"]["student"]["temperature"]
    assert (config["score"], config["rank"], config["width"], config["entities"], config["relations"]) == (
        "distmult",
        4,
        4,
        6,
        2,
    )
    assert config["made_by"]["recipe_sha256"] == record["recipe_sha256"]


def test_all_of_it_may_be_read_by_all_who_may_read_the_folder(exported: Path):
    assert {path.stat().st_mode & 0o444 for path in exported.iterdir()} == {0o444}


def test_it_is_checked_by_its_own_examples_and_against_the_run(run: Path, exported: Path, call):
    assert dsomgnn.check_export(exported)["largest_difference"] < 1e-6
    found = dsomgnn.check_export(exported, run)
    assert (found["queries"], found["scores"]) == (6 * 4, 6 * 4 * 6)  # of so few entities, all queries
    reply = call("export", "--check", exported, run)
    assert reply.code == 0
    assert f"144 scores of 24 queries agree with {run}" in reply.out


def test_another_run_is_told(trained: Path, named: Path, workshop: Path, call):
    dsomgnn.export_run(trained, "out")
    dsomgnn.fit_recipe("tiny.toml", "other", ["seed=5", 'distill.policy="none"'])
    with pytest.raises(CheckpointError, match="not exported from other: another temperature"):
        dsomgnn.check_export("out", "other")
    config = json.loads(Path("out/config.json").read_text())
    config["temperature"] = dsomgnn.load("other").scorer.temperature
    Path("out/config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="scores differ from those of the run"):
        dsomgnn.check_export("out", "other")
    with pytest.raises(CheckpointError, match="out: not exported from ids: other entities or relations"):
        dsomgnn.check_export("out", _with_other_ids(named))
    assert call("export", "--check", "out", "other").code == 5


def _with_other_ids(run: Path) -> Path:
    shutil.copytree(run, "ids")
    text = Path("ids/entities.tsv").read_text()
    Path("ids/entities.tsv").write_text(text.replace("a\t", "aa\t"))
    return unsealed(Path("ids"))


def test_what_was_changed_or_lost_is_told(exported: Path):
    config = (exported / "config.json").read_text()

    def fails(match: str):
        with pytest.raises(CheckpointError, match=match):
            dsomgnn.check_export(exported)

    table = (exported / "model.safetensors").read_bytes()
    (exported / "model.safetensors").write_bytes(table[:-1] + b"\1")
    fails(r"model\.safetensors: not the file that was exported")
    (exported / "model.safetensors").unlink()
    fails(r"model\.safetensors: cannot be read: No such file")
    (exported / "model.safetensors").write_bytes(table)
    (exported / "config.json").write_text(re.sub(r'("score": )-?\d[^\n,}]*', r"\g<1>123.0", config))
    fails("scores differ")
    (exported / "config.json").write_text(config.replace("dsomgnn-export-1", "other"))
    fails("not written by dsomgnn export")
    (exported / "config.json").write_text(config.replace('"temperature":', '"heat":'))
    fails("lacks temperature")
    (exported / "config.json").write_text(config.replace('"head": "', '"head": "no such '))
    fails("its examples do not fit the tables and id files: 'no such ")
    (exported / "config.json").write_text(re.sub(r'"examples": \[.*\]', '"examples": []', config, flags=re.DOTALL))
    fails("its examples do not fit")
    (exported / "config.json").write_text(config.replace('"entities.tsv":', '"../entities.tsv":'))
    fails("sha256 is not that of entities.tsv, model.safetensors, relations.tsv")
    (exported / "config.json").write_text("{")
    fails("not the config of an exported model")


def test_a_folder_that_holds_something_is_left_alone(trained: Path, tmp_path: Path, call):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("x")
    assert call("export", trained, tmp_path / "out").err.startswith(f"error: {tmp_path / 'out'}: exists already")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["precious"]
    (tmp_path / "out" / "precious").unlink()
    reply = call("export", trained, tmp_path / "out")
    assert (reply.code, sorted(p.name for p in (tmp_path / "out").iterdir())) == (0, FILES)
    assert reply.out.splitlines()[-1] == f"Next: dsomgnn export --check {tmp_path / 'out'} {trained}"


def test_a_failure_leaves_nothing_behind(trained: Path, tmp_path: Path, monkeypatch):
    for error, writer in (
        (OSError(28, "No space left"), "model_card"),
        (SafetensorError("No space left"), "save_file"),
    ):

        def full(*_, error=error, **__):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(writing, writer, full)
            with pytest.raises(RecipeError, match="out: cannot be written: No space left"):
                dsomgnn.export_run(trained, tmp_path / "out")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [[], ["run"], ["a", "b", "--check", "c"]])
def test_usage_is_told(call, words: list[str]):
    assert call("export", *words).code == 2
