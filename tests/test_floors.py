"""The house: modules import only downwards, heavy libraries stay out of its door, nothing is unpickled."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

import dsomgnn
from dsomgnn import errors

FLOORS = [
    "errors _dgl processor ragged",
    "alone counter output page places toml_lines allowed asked bounded settings recipe registry data",
    "modality dataset unread unwaited layer threads device pool sampling neighbourhood batches",
    "models",
    "distill rank",
    "sealed run build optimise progress choices phase contract taken record trackers",
    "evaluate chosen steps",
    "epochs pretraining ranking check beginning rewarded",
    "fit",
    "predict",
    "explain export",
    "importing auditing encoding",
    "report",
    "compare sweep",
    "comparing sweeping",
    "getting",
    "catalog",
    "commands doctor",
    "cli_data cli_model cli_recipes cli_tools",
    "cli",
    "__main__",
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms.split()}
PACKAGE = ROOT / "dsomgnn"
TREES = {path.relative_to(PACKAGE): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
MODULES = pytest.mark.parametrize("module", TREES, ids=str)


def room(module: Path) -> str:
    return module.parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    """Dotted names of all imports; `from dsomgnn.x import y` is dsomgnn.x."""
    nodes = list(ast.walk(tree))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


@MODULES
def test_modules_import_only_downwards(module: Path):
    if module == Path("__init__.py"):
        return
    own, below = room(module), {n.split(".")[1] for n in imported(TREES[module]) if n.startswith("dsomgnn.")}
    assert own in FLOOR, f"say in FLOORS on which floor {own} stands"
    assert {other: FLOOR[other] for other in below if FLOOR[other] > FLOOR[own]} == {}


@MODULES
def test_families_of_models_and_measures_see_neither_each_other_nor_a_recipe(module: Path):
    hidden = {"models": "recipe", "distill": "rank recipe", "rank": "distill models recipe"}.get(room(module), "")
    assert not {f"dsomgnn.{n.split('.')[1]}" for n in imported(TREES[module]) if n.startswith("dsomgnn.")} & {
        f"dsomgnn.{name}" for name in hidden.split()
    }


@MODULES
def test_only_one_module_imports_dgl(module: Path):
    roots = {name.split(".")[0] for name in imported(TREES[module])}
    assert module == Path("_dgl.py") or "dgl" not in roots


@MODULES
def test_nothing_is_unpickled(module: Path):
    assert not {"pickle", "cloudpickle", "dill", "joblib"} & {n.split(".")[0] for n in imported(TREES[module])}
    for call in (node for node in ast.walk(TREES[module]) if isinstance(node, ast.Call)):
        keywords = {k.arg: ast.unparse(k.value) for k in call.keywords}
        assert keywords.get("allow_pickle", "False") == "False"
        if ast.unparse(call.func) == "torch.load":
            assert keywords.get("weights_only") == "True"


LIGHT = """
import sys
from dsomgnn.cli import main
for words in {calls}:
    try:
        main(words)
    except SystemExit:
        pass
print([name for name in ("torch", "dgl", "numpy") if name in sys.modules])
"""
HELP = [
    *([], ["--version"], ["data", "get", "--help"]),
    *([*c, "--help"] for c in ([], ["fit"], ["rank"], ["check"], ["doctor"], ["recipes"], ["data"])),
    *([c, "--help"] for c in ("predict", "explain", "export", "compare", "sweep")),
]
USAGE = [
    *(["fit"], ["fit", "x.toml", "--resume", "x"], ["rank", "--ties", "x"], ["recipes", "ls"], ["frobnicate"]),
    *(["compare", "a"], ["compare", "a", "b", "--ties", "x"]),
    *(["data", "ls"], ["data", "ls", "wn18"], ["data", "get"], ["data", "get", "nope"]),
    *(["predict", "--head", "a"], ["predict", "--file", "x"], ["explain"], ["export"], ["export", "x"]),
]
RECIPE = [["fit", "nope.toml"], ["check", "nope.toml"], ["sweep", "nope.toml"]]


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param(HELP + USAGE, id="help and usage"),
        pytest.param(RECIPE, id="recipe"),
    ],
)
def test_what_needs_no_torch_loads_none(calls: list[list[str]], tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT.format(calls=calls)], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_public_names_are_what_their_home_defines_in_whatever_order_they_are_asked_for():
    for home in set(dsomgnn._HOMES.values()):
        importlib.import_module(f"dsomgnn.{home}")
    named = {name: getattr(dsomgnn, name) for name in dsomgnn._HOMES}
    assert {n: v.__module__ for n, v in named.items()} == {n: f"dsomgnn.{home}" for n, home in dsomgnn._HOMES.items()}


def test_every_public_name_resolves_and_an_unknown_one_does_not():
    assert all(getattr(dsomgnn, name) is not None for name in dsomgnn.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        dsomgnn.nope  # noqa: B018


def test_each_kind_of_error_has_its_exit_code():
    kinds = [errors.DsomError, errors.RecipeError, errors.DataError, errors.PluginError, errors.CheckpointError]
    assert [kind.exit_code for kind in kinds] == [1, 2, 3, 4, 5]
    assert all(issubclass(kind, errors.DsomError) for kind in kinds)
    assert errors.INTERRUPTED == 130
