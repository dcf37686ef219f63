"""benchmarks/beside.py: what it measures, and its page."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

import beside

RECIPE = ROOT / "recipes" / "worldfacts.toml"


def test_the_page_tells_of_every_feature_and_of_both_samplers(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["beside", str(RECIPE), "--steps", "1", "--out", str(tmp_path)])
    monkeypatch.setenv("DSOMGNN_CACHE", str(tmp_path / "cache"))
    assert beside.main() == 0
    page = (tmp_path / "BESIDE.md").read_text()
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line[:2] == "| "]
    figures = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}
    for name in ("text (tfidf-svd)", "picture (array)", "number (numeric, from the cache)", "triples read"):
        assert float(figures[name][0]) >= 0
    for name in ("neighbourhoods, all teachers teach", "blocks, a teacher passes messages"):
        step, share = figures[name]
        assert float(step) > 0
        assert 0 < float(share.rstrip("%")) < 100
    for policy, megabytes in (("all", 12), ("random", 48)):  # of four teachers
        assert [float(figure) > 0 for figure in figures[policy]] == [True] * 5
        assert int(figures[policy][0]) == megabytes
    assert re.search(r"A lesson of an agent's, on 128 triples: [1-9]\d* ms, \d+\.\d\d of one", page)
    assert os.environ["DSOMGNN_CACHE"] == str(tmp_path / "cache")


def test_soft_labels_that_do_not_fit_are_not_measured(monkeypatch):
    job = beside.build(beside.load_recipe(RECIPE, ["distill.policy=all", "distill.kept=0"]), RECIPE.parent)
    monkeypatch.setattr("dsomgnn.device.machine_memory", lambda: 2**20)
    assert beside.labels(job, 1).count("does not fit") == 2


def test_calls_are_timed_while_asked_for_and_the_method_is_as_before():
    class Sampler:
        def draw(self, seconds: float) -> float:
            time.sleep(seconds)
            return seconds

    real, spent = Sampler.draw, Counter()
    with beside._timed(Sampler, "draw", spent):
        assert Sampler().draw(0.02) == 0.02
        with pytest.raises(TypeError):
            Sampler().draw("long")
    assert spent["draw"] >= 0.02
    assert Sampler.draw is real


def test_a_recipe_that_is_not_there_ends_with_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["beside", str(tmp_path / "no.toml"), "--out", str(tmp_path)])
    assert beside.main() == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "BESIDE.md").exists()
