"""benchmarks/scale.py: the graph it makes, what it measures, and its pages."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

from scale import costs
from scale.command import main, training
from scale.curves import short, slope
from scale.made import Size, modality, triples, write
from scale.page import markdown
from scale.phases import Phase, PhaseError, measure, phases
from scale.recipe import RECIPE
from scale.recipe import write as write_recipe

from dsomgnn.data.audit.audit import audit_folder
from dsomgnn.data.features import array_feature
from dsomgnn.data.triples import load_dataset
from dsomgnn.recipe import load_recipe

SMALL = Size(600, 4000, 12, 50, 40)


@pytest.mark.parametrize(
    ("value", "told"), [(0, "0"), (64, "64"), (1000, "1k"), (1024, "1024"), (300_000, "300k"), (2_500_000, "2.5M")]
)
def test_ticks_are_short_and_exact(value: int, told: str):
    assert short(value) == told


def test_triples_are_distinct_and_as_many_as_asked_for():
    made = triples(SMALL, np.random.default_rng(0))
    assert made.shape == (4090, 3)
    assert len(np.unique(made, axis=0)) == 4090
    assert (made.min(0) >= 0).all()
    assert (made.max(0) < [600, 12, 600]).all()


def test_a_relation_leads_from_a_cluster_to_one_other_and_few_entities_have_most_triples():
    head, relation, tail = triples(SMALL, np.random.default_rng(0)).T
    clusters = SMALL.clusters
    step = (tail - head) % clusters
    assert all(len(set(step[relation == r])) == 1 for r in range(12))
    degree = np.sort(np.bincount(np.r_[head, tail], minlength=600))[::-1]
    assert degree[:60].sum() > 0.4 * degree.sum()


def test_a_modality_tells_the_cluster():
    who, rows = modality(SMALL, 0.5, np.random.default_rng(0))
    assert 0.4 < len(who) / 600 < 0.6
    rows = rows.astype(float)
    cluster = who % SMALL.clusters
    same, other = rows[cluster == 0], rows[cluster == 1]
    assert (
        np.linalg.norm(same - same.mean(0), axis=1).mean() < 0.7 * np.linalg.norm(other - same.mean(0), axis=1).mean()
    )


def test_the_folder_is_a_data_set_that_loads_with_its_modalities(tmp_path: Path):
    write(tmp_path, SMALL)
    data = load_dataset(tmp_path)
    assert (data.num_entities, data.num_relations) == (600, 12)
    assert [len(data.split(name)) for name in ("train", "valid", "test")] == [4000, 50, 40]
    again = load_dataset(tmp_path, repeats=True)
    assert torch.equal(again.train, torch.from_numpy(triples(SMALL, np.random.default_rng(0))[:4000]))
    for name, share in (("words", 0.6), ("looks", 0.3)):
        feature = array_feature(name, tmp_path, f"{name}.npy", None, None, data.entities, 0)
        assert feature.present.float().mean().item() == pytest.approx(share, abs=0.06)
    assert {m.source for m in audit_folder(tmp_path).modalities} == {"words.npy", "looks.npy"}


def test_the_recipe_is_one_and_each_phase_names_its_folder(tmp_path: Path):
    write_recipe(tmp_path)
    assert load_recipe(tmp_path / RECIPE).sampled
    commands = [phase.words for phase in phases(tmp_path, 600, 4000)]
    assert all(any(str(tmp_path) in word for word in words) for words in commands)
    assert [words[1] for words in commands if words[0] == "dsomgnn"] == ["data", "fit", "rank", "predict"]


def test_a_phase_is_measured_as_a_process_of_its_own(tmp_path: Path):
    found = measure(Phase("make", ("scale.parts", "make", str(tmp_path / "data"), "600", "4000")))
    assert found.seconds > 0
    assert 0.01 < found.peak_gib < 2
    assert len((tmp_path / "data" / "train.txt").read_text().splitlines()) == 4000
    with pytest.raises(PhaseError, match=r"load: (?s:.*)no such folder"):
        measure(Phase("load", ("scale.parts", "load", str(tmp_path / "nowhere"))))


def test_the_page_shows_every_phase_and_model(trained: Path):
    found = training(trained)
    assert set(found) == {"s", "st", "student"}
    assert all(f["last_loss"] > 0 and f["rows_per_second"] > 0 for f in found.values())
    machine = {"date": "today", "processor": "one", "cores": 2, "python": "3", "versions": {"torch": "2"}}
    page = markdown(
        {
            "entities": 600,
            "triples": 4000,
            "machine": machine,
            "phases": {"load it": {"seconds": 12.4, "peak_gib": 1.26}},
            "training": found,
            "rank": {"n": 80, "mrr": 0.25},
        }
    )
    assert "| load it | 12 | 1.3 |" in page
    assert all(f"| {name} |" in page for name in found)


def test_costs_are_measured_over_the_grid_and_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    sweeps = {"entities": {"all entities": (300, 600), "sampled": (600, 1200)}, "teachers": {"sampled": (0, 2)}}
    monkeypatch.setattr(costs, "SWEEPS", sweeps)
    small = costs.Setting(entities=600, rank=4, batch=16)
    monkeypatch.setattr(costs, "Setting", lambda candidates=0: replace(small, candidates=candidates and 50))
    found = costs.measure_costs(tmp_path, seconds=0.1)
    assert [(c.swept, c.kind, c.value) for c in found][:3] == [
        ("entities", "all entities", 300), ("entities", "all entities", 600), ("entities", "sampled", 600),
    ]  # fmt: skip
    assert all(cost.seconds > 0 for cost in found)
    labels = {n.text for n in ElementTree.parse(tmp_path / "costs.svg").iter("{http://www.w3.org/2000/svg}text")}
    assert {"entities", "teachers", "sampled"} <= labels
    assert (tmp_path / "COSTS.md").read_text().count("| sampled |") == 4


def test_a_slope_of_one_is_in_proportion():
    one, other = costs.Cost("rank", "sampled", 10, 0.2), costs.Cost("rank", "sampled", 30, 0.6)
    assert slope(one, other) == "1.00"
    assert slope(None, one) == slope(costs.Cost("rank", "all entities", 5, 0.1), one) == ""


def test_a_phase_that_fails_ends_the_run_with_its_words_and_writes_no_page(tmp_path: Path, monkeypatch, capsys):
    def broken(phase):
        raise PhaseError(f"{phase.name}: out of memory")

    monkeypatch.setattr("scale.command.measure", broken)
    assert main(None, ["--entities", "600", "--triples", "4000", "--out", str(tmp_path)]) == 1
    assert "make the data set: out of memory" in capsys.readouterr().err
    assert not (tmp_path / "SCALE.md").exists()
