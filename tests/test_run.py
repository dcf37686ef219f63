"""The run folder: writes are whole or not at all, and what is read back is what was written."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from conftest import RECIPE
from safetensors.torch import save_file

from dsomgnn.errors import CheckpointError
from dsomgnn.recipe import load_recipe
from dsomgnn.run import Run, latest_run, load_into

TENSORS = {"table": torch.randn(3, 2), "mask": torch.tensor([True, False]), "step": torch.tensor(3)}


def made(path: Path | None) -> Run:
    run = Run.create(path, Path("some/tiny.toml"))
    run.make()
    return run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return made(tmp_path / "run")


def test_tensors_come_back_bit_by_bit_with_their_meta(run: Run):
    meta = {"temperature": 0.1 + 0.2, "phase": "é"}
    run.write_tensors("x.safetensors", TENSORS, meta)
    tensors, read = run.read_tensors("x.safetensors")
    assert read == meta
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_views_of_one_tensor_are_written_as_tensors_of_their_own(run: Run):
    base = torch.arange(6.0).view(2, 3)
    run.write_tensors("x.safetensors", {"row": base[1], "column": base[:, 1], "all": base}, {})
    assert run.read_tensors("x.safetensors")[0]["column"].tolist() == [1, 4]


def _no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("where", ["dsomgnn.run._write_text", "dsomgnn.run.save_file", "os.replace"])
def test_a_write_that_fails_keeps_the_last_whole_file_and_leaves_no_part(where: str, run: Run, monkeypatch):
    run.write_json("x.json", {"whole": True})
    run.write_tensors("x.safetensors", TENSORS, {})
    before = {path.name: path.read_bytes() for path in run.path.glob("x.*")}
    monkeypatch.setattr(where, _no_space)
    with pytest.raises(CheckpointError, match="No space left on device"):
        run.write_tensors("x.safetensors", TENSORS, {}) if "save" in where else run.write_json("x.json", {})
    assert {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == before


def test_a_write_that_is_interrupted_leaves_no_part(run: Run, monkeypatch):
    def interrupted(text: str, path: Path) -> None:
        path.write_text(text[:3])
        raise KeyboardInterrupt

    monkeypatch.setattr("dsomgnn.run._write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.write_json("x.json", {"whole": True})
    assert not list(run.path.glob(".*.part"))


def test_a_log_line_that_cannot_be_written_is_a_checkpoint_error(run: Run, monkeypatch):
    monkeypatch.setattr(Path, "open", _no_space)
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl: cannot be written: No space left"):
        run.log({"event": "epoch"})


def epochs(run: Run) -> list[int]:
    return [json.loads(line)["epoch"] for line in (run.path / "metrics.jsonl").read_text().splitlines()]


def test_the_log_is_one_object_per_line_and_is_cut_where_a_checkpoint_stood(run: Run):
    run.log({"epoch": 1})
    size = run.log_size()
    run.log({"epoch": 2, "text": "two\nlines"})
    assert epochs(run) == [1, 2]
    run.cut_log(size)
    run.log({"epoch": 3})
    assert epochs(run) == [1, 3]


def test_runs_are_numbered_and_never_share_a_folder(workshop: Path):
    first, second = made(None).path, made(None).path
    assert first != second
    assert first.name.startswith("tiny-")
    assert first.parent == Path("runs")


def test_a_folder_that_holds_a_run_is_refused_and_the_way_on_is_named(run: Run):
    run.write_json("record.json", {})
    with pytest.raises(CheckpointError, match=f"holds a run already.*--resume {run.path}"):
        Run.create(run.path, Path("tiny.toml"))


def test_a_folder_that_holds_anything_else_is_refused(tmp_path: Path):
    (tmp_path / "entities.tsv").write_text("precious\n")
    with pytest.raises(CheckpointError):
        made(tmp_path)


def test_a_folder_without_a_run_is_refused_and_the_nearest_run_offered(tmp_path: Path):
    made(tmp_path / "first").write_json("record.json", {})
    with pytest.raises(CheckpointError, match=r"no run here \(no record.json\)\. Did you mean .*first"):
        Run.open(tmp_path / "frist")


def test_the_latest_run_is_the_one_written_to_last(workshop: Path):
    with pytest.raises(CheckpointError, match="no run under runs/; make one: dsomgnn fit"):
        latest_run()
    for name, time in (("b", 3), ("a", 9), ("c", 5)):
        made(Path("runs") / name).write_json("record.json", {})
        os.utime(f"runs/{name}/record.json", (time, time))
    assert latest_run() == Path("runs/a")


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


SPOILT = {
    "truncated": (_truncate, "truncated or not a safetensors file"),
    "empty": (lambda path: path.write_bytes(b""), "truncated or not a safetensors file"),
    "text": (lambda path: path.write_text("hello, world, this is no tensor file"), "truncated or not"),
    "foreign": (lambda path: save_file({"x": torch.zeros(1)}, path, metadata={"format": "pt"}), "not written by"),
    "without a header": (lambda path: save_file({"x": torch.zeros(1)}, path), "not written by dsomgnn"),
    "gone": (Path.unlink, "no such file"),
}


@pytest.mark.parametrize(("spoil", "words"), SPOILT.values(), ids=SPOILT.keys())
def test_a_spoilt_tensor_file_is_named(spoil, words: str, run: Run):
    run.write_tensors("x.safetensors", TENSORS, {})
    spoil(run.path / "x.safetensors")
    with pytest.raises(CheckpointError, match=rf"x\.safetensors: {words}"):
        run.read_tensors("x.safetensors")


@pytest.mark.parametrize("text", ["", '{"finished": ', "\xff"])
def test_a_spoilt_record_is_named(text: str, run: Run):
    (run.path / "record.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError, match=r"record\.json: cannot be read"):
        run.read_json("record.json")


@pytest.mark.parametrize(
    "state", [{"weight": torch.zeros(2, 4), "bias": torch.zeros(2)}, {"weight": torch.zeros(2, 3)}]
)
def test_tensors_that_do_not_fit_a_model_name_their_file(state: dict):
    with pytest.raises(CheckpointError, match=r"x: does not fit the recipe's model: .*(shape|Missing)"):
        load_into(torch.nn.Linear(3, 2), state, "x")


@pytest.mark.parametrize("file", ["own.py", "./own.py", "sub/own.py", "../own.py", "{here}/own.py"])
def test_a_run_holds_its_resolved_recipe_and_the_encoders_that_it_names(file: str, run: Run, tmp_path: Path):
    from dsomgnn.build import plugins

    file = file.format(here=tmp_path / "recipes")
    own = tmp_path / "recipes" / file
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("class Own: pass\n")
    path = tmp_path / "recipes" / "tiny.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(RECIPE.replace('"compgcn"', f'"{file}:Own"'))
    recipe = load_recipe(path, ["seed=4"])
    run.write_recipe(recipe, plugins(recipe, path.parent))
    own.unlink()
    again = load_recipe(run.path / "recipe.toml")
    [copy] = plugins(again, run.path).values()
    assert copy.read_text() == "class Own: pass\n"
    assert run.path in copy.parents
    assert (again == recipe) == (not file.startswith((".", "/")))


def test_ranking_does_not_change_a_run(trained: Path):
    from dsomgnn.ranking import rank_run

    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    rank_run(trained, model="all")
    assert {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()} == before


def test_the_student_on_disk_scores_what_rank_reports(trained: Path):
    """Filtered ranks worked out triple by triple from student.safetensors and the text files alone."""
    from dsomgnn.ranking import rank_run

    state, _ = Run.open(trained).read_tensors("student.safetensors")
    entities = [line.split("\t")[0] for line in (trained / "entities.tsv").read_text().splitlines()]
    relations = [line.split("\t")[0] for line in (trained / "relations.tsv").read_text().splitlines()]
    data = trained.parents[1] / "tiny"
    splits = {s: [tuple(line.split("\t")) for line in (data / f"{s}.txt").read_text().splitlines()]
              for s in ("train", "valid", "test")}  # fmt: skip
    facts = {fact for split in splits.values() for fact in split}
    vectors, relation = (torch.complex(*state[name].double().chunk(2, 1)) for name in ("fusion.table", "relation"))

    def rank(given: str, r: int, right: str, answers: set[str]) -> float:
        scores = (vectors[entities.index(given)] * relation[r] * vectors.conj()).sum(1).real
        rivals = [scores[i] for i, e in enumerate(entities) if e == right or e not in answers]
        mine = scores[entities.index(right)]
        return 1 + sum(s > mine for s in rivals).item() + (sum(s == mine for s in rivals).item() - 1) / 2

    ranks = []
    for head, name, tail in splits["test"]:
        r = relations.index(name)
        ranks.append(rank(head, r, tail, {t for h, n, t in facts if (h, n) == (head, name)}))
        ranks.append(rank(tail, r + len(relations), head, {h for h, n, t in facts if (n, t) == (name, tail)}))
    both = rank_run(trained)["models"]["student"]["both"]
    assert both["mrr"] == pytest.approx(sum(1 / x for x in ranks) / len(ranks))
    assert both["mr"] == pytest.approx(sum(ranks) / len(ranks))
    assert both["hits@3"] == pytest.approx(sum(x <= 3 for x in ranks) / len(ranks))
