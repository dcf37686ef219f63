"""report.html of a data set that means harm: escaped, whole, without a network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import RECIPE, TEXTS, TINY, write_dataset
from PIL import Image

from dsomgnn import fit_recipe
from dsomgnn.ranking import model_names, open_ranking
from dsomgnn.report.folder import write_report

CODE = '"><script>alert(1)</script><img src=x onerror=alert(2)>[bold]{{ 7 * 7 }}'
VOID = {"meta", "img", "br", "link", "wbr"}


class Page(HTMLParser):
    """Elements and visible text; raises where an element is closed that was not open."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data):
        self.text += data

    def all(self, name: str) -> list[dict]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose names, kinds, texts and relations are code, with pictures, ranked."""
    folder = tmp_path_factory.mktemp("harm")
    relation = f"likes{CODE}"
    splits = {name: [(h, relation if r == "likes" else r, t) for h, r, t in rows] for name, rows in TINY.items()}
    data = write_dataset(folder / "tiny", splits)
    (data / "entities.tsv").write_text("".join(f"{e}\tname {e} {CODE}\tkind{CODE}{e < 'c'}\n" for e in "abcdef"))
    (data / "relations.tsv").write_text(f"knows\tknows\n{relation}\tis fond of {CODE}\n")
    (data / "text.tsv").write_text("".join(f"{e}\t{text} {CODE} {'word ' * 60}\n" for e, text in TEXTS.items()))
    (data / "images").mkdir()
    for entity in "ace":
        Image.new("RGB", (64, 64), "red").save(data / "images" / f"{entity}.png")
    (folder / "tiny.toml").write_text(RECIPE)
    fit_recipe(folder / "tiny.toml", folder / "run")
    record = json.loads((folder / "run" / "record.json").read_text())
    record["data"]["warnings"] = [f"a warning {CODE}"]
    (folder / "run" / "record.json").write_text(json.dumps(record))
    names = model_names(folder / "run", "all")
    write_report(open_ranking(folder / "run", names), names)
    return folder / "run"


@pytest.fixture(scope="module")
def text(run: Path) -> str:
    return (run / "rank" / "report.html").read_text()


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_nothing_of_the_data_becomes_code(page: Page):
    assert page.open == []
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert {image["src"].split(",")[0] for image in page.all("img")} == {"data:image/jpeg;base64"}
    assert page.text.count(CODE) >= 10  # as text: a warning, names, texts, kinds, relations
    assert "49" not in page.text.replace(CODE, "").partition("Before you read the figures")[2].partition("Models")[0]


def test_the_page_asks_no_network(page: Page, text: str):
    targets = [value for _, a in page.tags for name, value in a.items() if name in ("src", "href", "srcset", "action")]
    assert targets
    assert all(value.startswith(("data:", "#")) for value in targets)
    assert not re.search(r"url\(|@import", text)
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; ")


def test_every_link_leads_to_a_section(page: Page):
    sections = [a["id"] for a in page.all("section")]
    assert [a["href"] for a in page.all("a")] == [f"#{name}" for name in sections]
    assert {"models", "slices", "relations", "training", "agent", "calibration", "examples", "ties", "data"} < {
        *sections
    }


def test_figures_are_those_of_the_report(page: Page, run: Path):
    report = json.loads((run / "rank" / "report.json").read_text())
    for model in report["models"].values():
        assert f"{model['both']['mrr']:.4f}" in page.text
        assert all(f"{row['mrr']:.4f}" in page.text for row in model["relations"].values())
        assert all(f"{row['mrr']:.4f}" in page.text for row in model["slices"].values())
    assert report["data"]["sha256"] in page.text
    assert (run / "recipe.toml").read_text().strip() in page.text


def test_pictures_and_shortened_texts_of_the_examples_are_shown(page: Page, run: Path):
    report = json.loads((run / "rank" / "report.json").read_text())
    shown = [row[key] for rows in report["examples"].values() for row in rows for key in ("given", "answer")]
    answered = [row["best"][0]["entity"] for rows in report["examples"].values() for row in rows
                if row["best"][0]["entity"] != row["answer"]]  # fmt: skip
    assert len(page.all("img")) == sum(entity in "ace" for entity in shown + answered) > 0
    assert "word …" in page.text
    assert "word " * 50 not in page.text


def test_the_script_is_the_one_that_the_policy_allows(text: str):
    [script] = re.findall("<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
