"""The model card tells figures, data and licence as the run and the cards of data sets have them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import dsomgnn
from dsomgnn.export.model_card import model_card


@pytest.fixture
def parts(trained: Path, tmp_path: Path) -> tuple[dict, dict]:
    """config.json and record.json of an exported run."""
    dsomgnn.export_run(trained, tmp_path / "out")
    return json.loads((tmp_path / "out" / "config.json").read_text()), json.loads((trained / "record.json").read_text())


def test_figures_are_those_of_the_record_and_the_rank_report(parts):
    config, record = parts
    both = {"mrr": 0.12345, "mr": 3.0, "hits@1": 0.1, "hits@3": 0.2, "hits@10": 0.3, "n": 4321}
    report = {"split": "test", "ties": "realistic", "models": {"student": {"both": both}}}
    card = model_card(config, record, report)
    assert "| test, ties realistic | 0.1235 | 0.1000 | 0.2000 | 0.3000 | 4,321 |" in card
    assert f"| valid (selected on it) | {record['phases']['student']['valid_mrr']:.4f} |" in card
    for none in (None, {**report, "models": {}}):
        assert "Not ranked on the test split" in model_card(config, record, none)


def test_the_licence_of_a_known_data_set_goes_along_and_that_of_another_is_not_made_up(parts):
    config, record = parts
    assert "Its licence is not known" in model_card(config, record, None)
    record["data"] |= {"name": "worldfacts", "entities": 744, "relations": 19}
    assert "Licence: public domain, MIT, Apache-2.0." in model_card(config, record, None)
    record["data"]["entities"] = 745
    assert "Its licence is not known" in model_card(config, record, None)


def test_a_report_in_the_run_folder_is_taken_up(finished: Path):
    (finished / "rank").mkdir()
    both = {"mrr": 0.5, "mr": 3.0, "hits@1": 0.1, "hits@3": 0.2, "hits@10": 0.3, "n": 4}
    report = {"split": "test", "ties": "realistic", "models": {"student": {"both": both}}}
    (finished / "rank" / "report.json").write_text(json.dumps(report))
    dsomgnn.export_run(finished, "out")
    assert "| test, ties realistic | 0.5000 |" in Path("out/README.md").read_text()


def test_modalities_warnings_and_origin_are_told(parts):
    config, record = parts
    record["data"]["warnings"] = ["something is odd"]
    card = model_card(config, record, None)
    assert "text (5 of 6 entities)" in card
    assert "- Caution: something is odd" in card
    assert f"recipe sha256 `{record['recipe_sha256']}`" in card
    assert "; none was fitted." in model_card({**config, "temperature_fitted": False}, record, None)
