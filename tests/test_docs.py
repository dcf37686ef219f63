"""The documentation tells what is: commands run, code works, errors are the real ones, made pages are fresh."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from conftest import ROOT, Reply

DOCS = ROOT / "docs"
PAGES = {page.name: page for page in (ROOT / "README.md", *sorted(DOCS.glob("*.md")))}
FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
READY = "runs/first"  # what the reader has trained before the page begins
SURE = ("check", "data import", "data audit")  # say the same on every machine
ENCODERS = {
    "mean_neighbours.py": "MeanNeighbours",
    "edge_features.py": "EdgeFeatures",
    "attention.py": "Attention",
    "dgl_layer.py": "Relational",
}
PARSED = {  # not run, and why
    r"data get .*": "needs a network",
    r"data import ~.*": "reads what lies at the reader's home",
    r"data import graph.*": "reads a graph of the reader's",
    r"(fit|data audit) \S*mkg-w\S*": "needs a benchmark",
    r"fit mine.toml": "trains a copy of worldfacts.toml, which is trained elsewhere",
    r"compare runs/\S*\* .*": "needs many runs",
    r"sweep .*": "needs an extra",
}


class Block(NamedTuple):
    """A fenced block; `title` is the file that it is, or empty."""

    language: str
    title: str
    text: str


class Step(NamedTuple):
    """A command, and what the page shows of its output."""

    line: str
    shown: str = ""


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(page.read_text())]


def steps(block: Block) -> Iterator[Step]:
    """The dsomgnn commands of a block: after "$ ", each with its output, or else every such line."""
    if re.search(r"^\$ ", block.text, re.MULTILINE):
        parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
        found = [Step(part.partition("\n")[0], part.partition("\n")[2].rstrip()) for part in parts]
    else:
        found = [Step(part.strip()) for line in block.text.splitlines() for part in line.split(" && ")]
    return (step for step in found if re.match(r"(\S*/)?dsomgnn ", step.line))


def parse(words: list[str]) -> None:
    """Let the command line read the words without doing anything; raises for what it does not know."""
    from dsomgnn.cli import app

    command, name, context = typer.main.get_command(app), "dsomgnn", None
    while hasattr(command, "commands"):
        name, *words = words
        command = command.commands[name]
    context = command.make_context(name, list(words), parent=context)
    context.close()


def small(recipe: str | Path) -> list[str]:
    """Changes that make a fit of the recipe short; of worldfacts it takes a tenth, the data set few."""
    from dsomgnn.recipe import load_recipe

    settings = load_recipe(Path(recipe))
    models = [f"teachers.{name}" for name in settings.teachers] + ["student"]
    changes = [f"{model}.{change}" for model in models for change in ("epochs=1", "rank=8")]
    changes += [f"features.{name}.dim=8" for name, feature in settings.features.items() if feature.dim]
    return changes + (["data.name=few"] if settings.data.name == "worldfacts" else [])


def quick(words: list[str]) -> list[str]:
    changes = small(words[1]) if words[0] == "fit" and not words[1].startswith("-") else []
    return [*words, *(word for change in changes for word in ("--set", change))]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What someone has who cloned the project, and trained runs/first shortly."""
    from dsomgnn import fit_recipe

    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    for name in ("worldfacts", "few"):
        shutil.copytree(ROOT / "datasets" / "worldfacts", folder / "datasets" / name)
    for split in ("train", "valid", "test"):
        path = folder / "datasets" / "few" / f"{split}.txt"
        path.write_text("".join(path.read_text().splitlines(keepends=True)[::10]))
    (folder / "facts.csv").write_text("".join(f"a{i % 10},likes,b{i % 3}\n" for i in range(30)))
    recipe = folder / "recipes" / "worldfacts.toml"
    fit_recipe(recipe, folder / READY, small(recipe))
    return folder


@pytest.fixture
def reader(clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of someone who follows a page; `fit_recipe` hands out the run that is ready."""
    from dsomgnn import fit
    from dsomgnn.run import Run

    shutil.copytree(clone, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("DSOMGNN_DATASETS", raising=False)
    monkeypatch.setattr(
        fit, "fit_recipe", lambda recipe, run, changes=(): small(recipe) and Run.open(Path(run)).record()
    )
    return tmp_path


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_whoever_follows_a_page_gets_what_it_shows(page: Path, reader: Path, call):
    names: dict = {}
    for block in blocks(page):
        if block.title:
            write(block)
        elif block.language == "python":
            exec(block.text, names)
        for step in () if block.title else steps(block):
            follow(step, call)


def write(block: Block) -> None:
    Path(block.title).parent.mkdir(parents=True, exist_ok=True)
    Path(block.title).write_text(block.text)


def follow(step: Step, call) -> None:
    said = step.line.partition("dsomgnn ")[2]
    words = shlex.split(said, comments=True)
    parse(words)
    if f"--run {READY}" in said or any(re.fullmatch(known, " ".join(words)) for known in PARSED):
        return
    reply: Reply = call(*quick(words))
    told, error, why = step.shown.partition("error: ")
    assert bool(reply.code) == bool(error), f"{step.line}\n{reply.err}"
    assert matches(error + why, reply.err), f"{step.line}\n{reply.err}"
    assert not said.startswith(SURE) or matches(told, reply.out), f"{step.line}\n{reply.out}"


def matches(shown: str, real: str) -> bool:
    """Whether the output holds what is shown, where "..." is anything."""
    parts = [re.escape(part.strip("\n")) for part in shown.split("...")]
    return re.search(r"[\s\S]*".join(parts), "\n".join(map(str.rstrip, real.splitlines()))) is not None


@pytest.mark.parametrize(("file", "name"), ENCODERS.items(), ids=ENCODERS)
def test_the_encoders_of_the_page_pass_check_and_train(file: str, name: str, workshop: Path, call):
    [block] = [block for block in blocks(DOCS / "own-encoder.md") if block.title == file]
    write(block)
    changes = [f'teachers.st.encoder="{file}:{name}"', "teachers.st.epochs=2", "student.epochs=2"]
    words = [word for change in changes for word in ("--set", change)]
    checked = call("check", "tiny.toml", *words)
    assert (checked.code, "keeps its contract" in checked.out) == (0, True), checked.err
    assert "warning   st" not in checked.out
    assert call("fit", "tiny.toml", *words).code == 0


def test_every_file_of_the_encoder_page_is_tried():
    titles = {block.title for block in blocks(DOCS / "own-encoder.md") if block.title.endswith(".py")}
    assert titles == {*ENCODERS, "broken.py", "best_so_far.py"}  # the last, a tracker, where the page is followed


def made(name: str):
    """The module docs/NAME.py."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["make_commands", "make_api"])
def test_made_pages_are_fresh(name: str):
    module = made(name)
    assert module.PAGE.read_text() == module.page(), f"stale; run: python docs/{name}.py"


def test_settings_that_pages_name_exist():
    from dsomgnn.settings import Recipe

    fields = {name: field.annotation for name, field in Recipe.model_fields.items()}
    for page in PAGES.values():
        for section, key in re.findall(r"(?:`|--set )(data|student|distill|agent|rank)\.(\w+)", page.read_text()):
            known: Mapping = getattr(fields[section], "model_fields", {})
            assert key in {*known, "epoch"}, f"{page.name}: {section}.{key}"  # "epoch": an error that a page shows


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", FENCE.sub("", page.read_text())):
        at = (page.parent / target).resolve()
        assert at.exists(), target
        assert page.parent in at.parents, f"{target}: not of the site"


@pytest.mark.skipif(not importlib.util.find_spec("material"), reason="needs the extra docs")
def test_the_site_builds_without_a_warning(tmp_path: Path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    method = (tmp_path / "site" / "method.html").read_text()
    assert "<math" in method
    assert 'arithmatex">\\' not in method
