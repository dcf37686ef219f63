"""Bad input: its exit code, one message that says what, where and the nearest right thing, and nothing left behind."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, unsealed, write_dataset
from safetensors.torch import save_file

from dsomgnn.run import Run

NONE = ("--set", "distill.policy=none")


def line_of(path: str, start: str) -> int:
    return next(n for n, line in enumerate(Path(path).read_text().splitlines(), 1) if line.startswith(start))


def edit(path: str, old: str, new: str) -> None:
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new, 1))


def assert_refused(reply, code: int, *words: str) -> None:
    """One message on stderr, without a traceback, and no run folder."""
    assert reply.code == code, reply.err
    assert reply.err.count("error: ") == 1
    assert "Traceback" not in reply.err
    for word in words:
        assert word in reply.err
    assert not Path("out").exists()


# Recipes: exit 2


def test_a_missing_recipe_offers_its_neighbour(workshop: Path, call):
    assert_refused(call("fit", "tinny.toml", "--run", "out"), 2, "no such recipe", 'Did you mean "tiny.toml"?')


def test_errors_of_a_recipe_come_all_at_once_with_file_and_line(workshop: Path, call):
    edit("tiny.toml", "walks =", "wlaks =")
    edit("tiny.toml", 'modalities = ["text"]', 'modalities = "text"')
    edit("tiny.toml", "rows = 8", 'rows = "eight"')
    at = [line_of("tiny.toml", start) for start in ("wlaks", "modalities", "rows")]
    told = [f"tiny.toml:{at[0]}: unknown key", f"tiny.toml:{at[1]}: teachers.st", f"tiny.toml:{at[2]}: agent.rows"]
    assert_refused(call("fit", "tiny.toml", "--run", "out"), 2, *told, 'Did you mean "walks"?')


RECIPES = {
    "modality without feature": (["teachers.st.modalities=['txet']"], 'Did you mean "text"?'),
    "unknown policy": (["distill.policy=reinfroce"], 'Did you mean "reinforce"?'),
    "unknown key": (["distill.gama=1"], 'Did you mean "gamma"?'),
    "bad value": (["distill.gamma=high"], "--set distill.gamma=high"),
    "no equals sign": (["distill.gamma"], "expected key=value"),
    "no such device": (["device=gpu"], 'use "auto", "cpu" or "cuda"'),
}


@pytest.mark.parametrize(("changes", "words"), RECIPES.values(), ids=RECIPES.keys())
@pytest.mark.parametrize("command", ["fit", "check"])
def test_a_bad_setting_is_refused(command: str, changes: list[str], words: str, workshop: Path, call):
    run = ["--run", "out"] if command == "fit" else []
    assert_refused(call(command, "tiny.toml", *run, *(w for c in changes for w in ("--set", c))), 2, words)


def test_a_device_that_torch_knows_but_cannot_use_is_refused(workshop: Path, call):
    assert_refused(call("fit", "tiny.toml", "--run", "out", "--set", "device=mps"), 2, "mps")


# Data sets: exit 3


@pytest.mark.parametrize("variable", ["elsewhere", None])
def test_a_missing_data_set_lists_the_places_that_were_looked_at(variable, workshop: Path, call, monkeypatch):
    if variable:
        monkeypatch.setenv("DSOMGNN_DATASETS", str(workshop / variable))
    words = [str(Path("elsewhere/tinny")) if variable else "$DSOMGNN_DATASETS is not set", str(Path("datasets/tinny"))]
    reply = call("fit", "tiny.toml", "--run", "out", "--set", "data.name=tinny")
    assert_refused(reply, 3, 'data set "tinny" not found. Did you mean "tiny"?', *words)


def _unlink(path: str):
    return lambda: Path(path).unlink()


def _edit(path: str, old: str, new: str):
    return lambda: edit(path, old, new)


def _write(path: str, text: str):
    return lambda: Path(path).write_text(text)


def _folder(path: str):
    return lambda: (Path(path).unlink(), Path(path).mkdir())


ENTITIES = "".join(f"{e}\tname of {e}\n" for e in "abcdef")
DATA = {
    "no train": (_unlink("tiny/train.txt"), 'data set "tiny" not found'),
    "no valid": (_unlink("tiny/valid.txt"), "valid.txt: no such file"),
    "two columns": (_edit("tiny/train.txt", "b\tlikes\tc", "b\tlikes c"), "train.txt:3: 2 columns, expected 3"),
    "four columns": (_edit("tiny/test.txt", "c\tlikes\ta", "c\tlikes\ta\t1"), "test.txt:1: 4 columns, expected 3"),
    "blank line": (_edit("tiny/train.txt", "a\tlikes\tc", "\na\tlikes\tc"), "train.txt:2: 1 column, expected 3"),
    "blank line before the last": (
        _edit("tiny/test.txt", "a\n", "a\n\n"),
        "test.txt:2: 1 column, expected 3",
    ),
    "empty cell": (
        _edit("tiny/train.txt", "b\tlikes\tc", "b\t\tc"),
        'train.txt:3: the cell "" is empty; an identifier',
    ),
    "blank before a cell": (
        _edit("tiny/valid.txt", "b\tk", " b\tk"),
        'valid.txt:2: the cell " b" has blanks around it',
    ),
    "empty entity": (_write("tiny/entities.tsv", f"{ENTITIES}\tno one\n"), 'entities.tsv:7: the cell "" is empty'),
    "header": (
        _edit("tiny/test.txt", "c\tl", "head\trelation\ttail\nc\tl"),
        "test.txt:1: a header (head, relation, tail)",
    ),
    "header of entities": (
        _write("tiny/entities.tsv", f"id\tname\n{ENTITIES}"),
        "entities.tsv:1: a header (id, name): del",
    ),
    "folder for a file": (_folder("tiny/train.txt"), "train.txt: a folder, expected a file"),
    "empty split": (_write("tiny/valid.txt", ""), "valid.txt: empty; a split needs at least one triple"),
    "not text": (lambda: Path("tiny/train.txt").write_bytes(b"\xff\xfe\x00"), "train.txt: not UTF-8 text"),
    "unknown entity": (_write("tiny/entities.tsv", ENTITIES.replace("d\t", "dd\t")), 'unknown entity "d"'),
    "entity twice": (_write("tiny/entities.tsv", ENTITIES + "b\tagain\n"), 'entities.tsv:7: "b" stands a second time'),
    "unknown relation": (_write("tiny/relations.tsv", "like\nknows\n"), 'train.txt:1: unknown relation "likes"'),
    "text of an unknown entity": (_edit("tiny/text.tsv", "b\t", "bb\t"), 'text.tsv:2: unknown entity "bb"'),
    "no texts": (_unlink("tiny/text.tsv"), "text.tsv: no such file"),
    "texts without words": (_write("tiny/text.tsv", "a\t!\nb\t?\n"), "text.tsv: no words to tell entities apart"),
}


@pytest.mark.parametrize(("spoil", "words"), DATA.values(), ids=DATA.keys())
def test_a_spoilt_data_set_names_file_and_line(spoil, words: str, workshop: Path, call):
    spoil()
    assert_refused(call("fit", "tiny.toml", "--run", "out"), 3, words)
    assert call("check", "tiny.toml").code == 3


def _array(rows: np.ndarray, ids: str | None = None):
    def write() -> None:
        np.save("tiny/x.npy", rows)
        if ids:
            Path("tiny/x.txt").write_text("\n".join(ids) + "\n")

    return write


WITH_NAN = np.ones((6, 2))
WITH_NAN[4, 1] = np.nan
FEATURES = {
    "rows for other entities": (_array(np.ones((5, 2))), "x.npy: 5 rows, but there are 6 entities and no id file"),
    "rows for other identifiers": (_array(np.ones((5, 2)), "abcd"), "5 rows, but"),
    "unknown identifier": (_array(np.ones((3, 2)), "abz"), 'x.txt:3: unknown entity "z"'),
    "NaN": (_array(WITH_NAN), "x.npy: row 4 holds NaN or infinity (1 such row"),
    "all zero": (_array(np.zeros((6, 2))), "every row is zero"),
    "one axis": (_array(np.ones(6)), "expected numbers of shape (rows, columns)"),
    "words": (_array(np.full((6, 2), "x")), "expected numbers of shape (rows, columns)"),
    "not an array": (_write("tiny/x.npy", "hello"), "x.npy: not a .npy file, though it is named so"),
}


@pytest.mark.parametrize(("write", "words"), FEATURES.values(), ids=FEATURES.keys())
def test_spoilt_features_are_named(write, words: str, workshop: Path, call):
    write()
    edit("tiny.toml", 'source = "text.tsv"\nencoder = "tfidf-svd"\ndim = 4', 'source = "x.npy"')
    assert_refused(call("fit", "tiny.toml", "--run", "out"), 3, words)


class Planted:
    def __reduce__(self):
        return (Path.touch, (Path("planted"),))


@pytest.mark.parametrize("name", ["x.npy", "x.pt"])
def test_features_are_never_unpickled(name: str, workshop: Path, call):
    if name == "x.npy":
        np.save("tiny/x.npy", np.array([Planted()]), allow_pickle=True)
    else:
        torch.save(Planted(), "tiny/x.pt")
    edit("tiny.toml", 'source = "text.tsv"\nencoder = "tfidf-svd"\ndim = 4', f'source = "{name}"')
    assert_refused(call("fit", "tiny.toml", "--run", "out"), 3, f"{name}: a pickle can run any code")
    assert not Path("planted").exists()


def test_what_stands_only_in_valid_or_test_is_a_warning_not_an_error(workshop: Path, call):
    with Path("tiny/test.txt").open("a") as file:
        file.write("g\tlikes\ta\nb\thates\ta\n")
    reply = call("fit", "tiny.toml", "--run", "out")
    assert reply.code == 0
    told = [f"1 of {n} occur only in valid or test (0 and 1 triples)" for n in ("7 entities", "3 relations")]
    assert all(words in reply.err for words in told)
    warnings = json.loads(Path("out/record.json").read_text())["data"]["warnings"]
    assert [warning.split(":")[0] for warning in warnings] == told
    assert call("rank", "out", "--model", "all").code == 0


def test_a_reserve_that_leaves_teachers_nothing_to_learn_from_is_refused(workshop: Path, call):
    write_dataset(Path("tiny"), {"train": [("a", "likes", "b")]})
    assert_refused(call("fit", "tiny.toml", "--run", "out"), 3, "reserve")


# Encoders of one's own: exit 4

OWN = (ROOT / "recipes" / "my_encoder.py").read_text()
PLUGINS = {
    "missing file": ("other.py:GatedNeighbours", "", "", "other.py: no such file"),
    "missing class": ("own.py:GatedNeighbors", "", "", 'own.py: no class "GatedNeighbors". Did you mean "GatedNeigh'),
    "syntax error": ("own.py:GatedNeighbours", "import torch", "import torch torch", "SyntaxError"),
    "error at import": ("own.py:GatedNeighbours", "import torch", "import torhc", "No module named 'torhc'"),
    "wrong shape": ("own.py:GatedNeighbours", "return x ", "return x[:, :-1] ", "expected (num_seeds, out_dim)"),
    "idle parameter": ("own.py:GatedNeighbours", "gate * message", "message", "no gradient reaches gate.weight"),
    "loose tensor": (
        "own.py:GatedNeighbours", "self.relation = nn.Parameter(1 + 0.1 * torch.randn(num_relations, in_dim))",
        "self.relation = torch.randn(num_relations, in_dim)", "keep tensors as parameters or buffers",
    ),
    "an exit": ("own.py:GatedNeighbours", "own = x", "raise SystemExit(3); own = x", "own.py:18: encoder own.py"),
    "unknown name": ("compgnc", "", "", 'unknown encoder "compgnc". Did you mean "compgcn"?'),
}  # fmt: skip


def own_encoder(spec: str, old: str, new: str) -> None:
    assert old in OWN
    Path("own.py").write_text(OWN.replace(old, new) if old else OWN)
    edit("tiny.toml", '"compgcn"', f'"{spec}"')


@pytest.mark.parametrize(("spec", "old", "new", "words"), PLUGINS.values(), ids=PLUGINS.keys())
def test_a_broken_encoder_is_named_before_any_training(spec, old, new, words: str, workshop: Path, call):
    own_encoder(spec, old, new)
    assert_refused(call("check", "tiny.toml"), 4, words)
    reply = call("fit", "tiny.toml", "--run", "out")
    assert (reply.code, reply.out) == (4, "")
    assert words in reply.err
    assert "loss" not in reply.err


def test_an_encoder_that_returns_too_few_rows_in_a_run_alone_is_told(workshop: Path, call):
    own_encoder("own.py:GatedNeighbours", "return x ", "return x[:-1] if x.shape[1] > 8 else x ")
    assert call("check", "tiny.toml").code == 0
    reply = call("fit", "tiny.toml", "--run", "out")
    assert (reply.code, "expected (num_seeds, out_dim)" in reply.err) == (4, True)


@pytest.mark.parametrize("change", ["encoder=own.py:Nope", "options.dropuot=0.1"])
def test_a_fit_with_a_broken_encoder_leaves_no_run_folder(change: str, workshop: Path, call):
    Path("own.py").write_text(OWN)
    assert_refused(call("fit", "tiny.toml", "--run", "out", "--set", f"teachers.st.{change}"), 4)


@pytest.mark.parametrize(
    ("teacher", "words"),
    [
        ("st", 'encoder compgcn has no option "dropuot". Did you mean "dropout"?'),
        ("s", 'encoder lookup has no option "dropuot"'),
    ],
)
def test_an_unknown_option_of_a_shipped_encoder_is_refused_by_fit_as_by_check(teacher, words, workshop: Path, call):
    for command in (["check", "tiny.toml"], ["fit", "tiny.toml", "--run", "out"]):
        reply = call(*command, "--set", f"teachers.{teacher}.options.dropuot=0.1")
        assert reply.code == 4
        assert words in reply.err


def test_an_encoder_that_fails_in_training_is_told_by_its_line(workshop: Path, call):
    """The contract is tried on twelve nodes; what only fails on a real graph comes up later."""
    own_encoder(
        "own.py:GatedNeighbours", "        for layer", "        if len(x) == 6:\n            x[[6]]\n        for layer"
    )
    assert call("check", "tiny.toml").code == 0
    reply = call("fit", "tiny.toml", "--run", "out")
    assert (reply.code, reply.err.count("error: "), "Traceback" in reply.err) == (4, 1, False)
    line = line_of("own.py", "            x[[6]]")
    assert f"own.py:{line}: forward of GatedNeighbours fails: IndexError: " in reply.err


@pytest.mark.parametrize("file", ["./own.py", "../own.py"])
def test_an_encoder_that_was_changed_in_a_run_is_refused_and_the_student_does_without(file: str, workshop: Path, call):
    own_encoder(f"{file}:GatedNeighbours", "", "")
    Path("own.py").rename(file)
    assert call("fit", "tiny.toml", "--run", "out").code == 0
    Path(file).unlink()
    assert call("rank", "out", "--model", "teacher:st").code == 0
    [own] = Path("out").rglob("own.py")
    own.write_text(OWN.replace("return x ", "return 2 * x "))
    reply = call("rank", "out", "--model", "teacher:st")
    assert (reply.code, "own.py: not the one that the run was made with" in reply.err) == (5, True)
    assert call("predict", "out", "--head", "a", "--relation", "likes").code == 0
    own.unlink()
    reply = call("fit", "--resume", "out")
    assert (reply.code, f"is finished, but lacks {own.relative_to('out')}" in reply.err) == (5, True)


def test_an_encoder_that_gives_nan_in_a_run_alone_is_named_beside_the_learning_rate(workshop: Path, call):
    own_encoder("own.py:GatedNeighbours", "return x ", "return x * (float('nan') if x.shape[1] > 8 else 1) ")
    reply = call("fit", "tiny.toml", "--run", "out")
    assert (reply.code, "; or forward of GatedNeighbours gives NaN" in reply.err) == (2, True)


def test_a_modality_is_named_once(workshop: Path, call):
    change = "teachers.st.modalities=['text', 'text']"
    assert_refused(call("check", "tiny.toml", "--set", change), 2, '"text" is named twice')


# Run folders: exit 5, or 3 where the data is another


def test_fit_into_a_folder_that_holds_a_run_leaves_it_as_it_was(finished: Path, call):
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    assert_refused(call("fit", "tiny.toml", "--run", finished), 5, "holds a run already", f"--resume {finished}")
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("words", [["rank"], ["fit", "--resume"]], ids=" ".join)
def test_what_is_no_run_is_refused_and_the_nearest_run_offered(words: list[str], finished: Path, call):
    assert_refused(call(*words, "runs/frist"), 5, "no run here", 'Did you mean "runs/first"?')
    assert_refused(call(*words, "tiny"), 5, "no run here")


def test_rank_without_any_run_says_how_to_make_one(workshop: Path, call):
    assert_refused(call("rank"), 5, "no run under runs/; make one: dsomgnn fit")


def _foreign(path: Path) -> None:
    save_file({"x": torch.zeros(1)}, path, metadata={"format": "pt"})


SPOILT = {
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-4]), "truncated or not a safetensors file"),
    "foreign": (_foreign, "not written by dsomgnn (format 'pt', not 'dsomgnn-1')"),
    "missing": (Path.unlink, "no such file"),
    "of another rank": (lambda _: _other_rank(), "does not fit the recipe's model"),
}


def _other_rank() -> None:
    unsealed(Path("runs/first"))
    head, section, tail = Path("runs/first/recipe.toml").read_text().partition("[student]")
    Path("runs/first/recipe.toml").write_text(head + section + tail.replace("rank = 4", "rank = 5", 1))


@pytest.mark.parametrize(("spoil", "words"), SPOILT.values(), ids=SPOILT.keys())
def test_a_spoilt_student_is_named(spoil, words: str, finished: Path, call):
    spoil(finished / "student.safetensors")
    assert_refused(call("rank", finished), 5, "student.safetensors: ", words)


def test_a_spoilt_record_is_named(finished: Path, call):
    (finished / "record.json").write_text('{"finished": tr')
    assert_refused(call("rank", finished), 5, "record.json: cannot be read")


@pytest.mark.parametrize("words", [["rank"], ["predict", "--head", "a", "--relation", "likes"], ["fit", "--resume"]])
def test_a_spoilt_recipe_of_a_run_is_named(words: list[str], workshop: Path, call):
    assert call("fit", "tiny.toml", "--run", "runs/x", *NONE).code == 0
    edit("runs/x/record.json", '"finished": true', '"finished": false')
    edit("runs/x/recipe.toml", "[student]", "[studnet]")
    changed = "runs/x/recipe.toml: not the one that the run was made with"
    assert_refused(call(words[0], *words[1:], "runs/x"), 5, changed, "dsomgnn fit RECIPE --run OTHER")
    unsealed(Path("runs/x"))
    told = [f"runs/x/recipe.toml:{line_of('runs/x/recipe.toml', '[studnet]')}: ", "A run needs it as it was"]
    assert_refused(call(words[0], *words[1:], "runs/x"), 5, *told)


RECIPE_READ = {
    "rank": ["rank", "runs/first", "--model", "all"],
    "compare": ["compare", "runs/first", "runs/first"],
    "predict": ["predict", "runs/first", "--head", "a", "--relation", "likes"],
    "explain": ["explain", "runs/first", "a", "likes"],
    "export": ["export", "--check", "plain", "runs/first"],
}


@pytest.mark.parametrize("words", RECIPE_READ.values(), ids=RECIPE_READ.keys())
def test_a_run_whose_recipe_was_changed_is_refused(words: list[str], finished: Path, call):
    assert call("export", finished, "plain").code == 0
    recipe = finished / "recipe.toml"
    recipe.write_text(recipe.read_text().replace('combine = "mean"', 'combine = "product"'))
    assert_refused(call(*words), 5, f"{recipe}: not the one that the run was made with")
    unsealed(finished)
    assert call(*words).code == 0


def test_a_run_whose_identifiers_stand_in_another_order_is_refused(finished: Path, call):
    for name in ("entities.tsv", "relations.tsv"):
        lines = (finished / name).read_text().splitlines(keepends=True)
        (finished / name).write_text("".join(lines[::-1]))
        for words in (["predict", finished, "--head", "a", "--relation", "likes"], ["export", finished, "out"]):
            assert_refused(call(*words), 5, f"{finished / name}: not the one that the run was made with")
        (finished / name).write_text("".join(lines))
    assert call("export", finished, "out").code == 0


@pytest.mark.parametrize("file", ["student.safetensors", "teachers/s.safetensors"])
def test_a_run_with_nan_is_named_by_rank_too(file: str, finished: Path, call):
    tensors, meta = Run(finished).read_tensors(file)
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    Run(finished).write_tensors(file, {**tensors, name: tensors[name] / 0}, meta)
    assert_refused(call("rank", finished, "--model", "all"), 5, f"{finished / file}: holds NaN or infinity")


@pytest.mark.parametrize("file", ["train.txt", "test.txt"])
def test_a_run_is_not_ranked_on_data_that_it_was_not_trained_with(file: str, workshop: Path, call):
    assert call("fit", "tiny.toml", "--run", "runs/x", *NONE).code == 0
    edit(f"tiny/{file}", "likes", "knows")
    assert_refused(call("rank", "runs/x"), 3, "not the data that runs/x was trained on")


def test_teachers_are_not_ranked_with_features_that_they_were_not_trained_with(workshop: Path, call):
    few = ("--set", "distill.policy=all", "--set", "teachers.st.epochs=1", "--set", "student.epochs=1")
    assert call("fit", "tiny.toml", "--run", "runs/x", *few).code == 0
    edit("tiny/text.tsv", "\t", "\tother ")
    for model in ("teacher:st", "all"):
        refused = call("rank", "runs/x", "--model", model)
        assert_refused(refused, 3, "features.text is not what the teachers of runs/x were trained on")
    assert not Path("runs/x/rank").exists()
    assert call("rank", "runs/x").code == 0


def test_a_header_where_there_is_none_is_named(workshop: Path, call):
    path = Path("tiny/text.tsv")
    path.write_text("entity\ttext\n" + path.read_text())
    reply = call("check", "tiny.toml")
    assert_refused(reply, 3, 'text.tsv:1: unknown entity "entity". Is it a header? These files have none.')


def test_a_run_whose_data_set_is_gone_lists_the_places(workshop: Path, call):
    assert call("fit", "tiny.toml", "--run", "runs/x", *NONE).code == 0
    shutil.rmtree("tiny")
    assert_refused(call("rank", "runs/x"), 3, 'data set "tiny" not found', "datasets/tiny")


# Out of disk: exit 5, the last whole files kept


def leftovers(run: str) -> list[Path]:
    return [p for p in Path(run).rglob("*") if p.is_file() and (p.name.startswith(".") or p.suffix == ".part")]


LIMITED = """
import resource, sys
from dsomgnn.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
main(sys.argv[1:])
"""


def test_out_of_disk_exits_5_keeps_whole_files_and_goes_on_once_there_is_room(workshop: Path, call):
    words = ["fit", "tiny.toml", "--run", "out", "--set", "teachers.st.rank=60"]  # st alone is above the limit
    command = [sys.executable, "-c", LIMITED, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 5, done.stderr
    assert "st.safetensors: cannot be written" in done.stderr
    assert leftovers("out") == []
    assert list(json.loads(Path("out/record.json").read_text())["phases"]) == ["s"]
    assert Run(Path("out")).read_tensors("teachers/s.safetensors")[0]
    assert call("fit", "--resume", "out").code == 0


@pytest.mark.parametrize("target", ["dsomgnn.run.save_file", "dsomgnn.run.os.replace"])
def test_a_full_disk_in_the_middle_of_a_run_is_one_message(target: str, workshop: Path, call, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(target, full)
        reply = call("fit", "tiny.toml", "--run", "out")
    assert reply.code == 5
    assert reply.err.count("error: ") == 1
    assert "No space left on device. The last whole file is kept." in reply.err
    assert leftovers("out") == []


def test_a_run_folder_that_cannot_be_made_is_named(workshop: Path, call):
    Path("file").write_text("")
    assert_refused(call("fit", "tiny.toml", "--run", "file/out"), 5, "file/out: cannot be made: Not a directory")


def test_a_known_data_set_that_is_not_at_hand_can_be_got(workshop: Path, call):
    Path("x.toml").write_text('[data]\nname = "mkg-w"\n[distill]\npolicy = "none"\n')
    reply = call("check", "x.toml")
    assert reply.code == 3
    assert "Get it: dsomgnn data get mkg-w" in reply.err


# What training comes to: exit 2


@pytest.mark.parametrize("every", [1, 5])
@pytest.mark.parametrize("section", ["student", "teachers.st"])
def test_a_model_that_diverges_stops_and_its_settings_are_named(section: str, every: int, workshop: Path, call):
    """The table's learning rate moves every number by as much: 1e30, in float32, is infinite when multiplied."""
    changes = ("distill.policy=all", f"{section}.lr=1e30", f"{section}.validate_every={every}")
    reply = call("fit", "tiny.toml", "--run", "out", *(word for change in changes for word in ("--set", change)))
    assert (reply.code, reply.err.count("error: "), "Traceback" in reply.err) == (2, 1, False)
    name = section.removeprefix("teachers.")
    assert re.search(rf"error: {name} diverged: (its loss is nan|a score is NaN or infinite) in epoch \d", reply.err)
    rate = "lr" if section == "student" else "lr (or lr_dense)"
    assert f"{rate} in [{section}]: lr is 1e+30" in reply.err
    log = [json.loads(line) for line in Path("out/metrics.jsonl").read_text().splitlines()]
    assert all(event["phase"] != name or event["epoch"] < 3 for event in log if event["event"] == "epoch")
