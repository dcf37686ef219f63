"""`dsomgnn data audit`, and the audit that `fit` and `check` make."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_the_audit_of_the_shipped_data_set_fits_one_screen(call):
    reply = call("data", "audit", "worldfacts")
    assert (reply.code, reply.err) == (0, "")
    lines = reply.out.splitlines()
    assert "744 entities, 19 relations" in lines[0]
    assert lines[1] == "nothing found that changes the meaning of figures"
    assert len(lines) < 60
    assert max(map(len, lines)) <= 160
    assert "visual_lite0_f16.npy  array" in reply.out


def test_a_broken_data_set_exits_0_and_says_so_first(workshop: Path, call):
    (workshop / "tiny" / "valid.txt").write_text("a\tlikes\tb\na\tlikes\tb\n")
    reply = call("data", "audit", "tiny")
    assert reply.code == 0
    assert reply.out.splitlines()[1].startswith("- valid.txt cannot select models: 1 of its 1 distinct triples")
    assert "2 (1)" in reply.out
    assert "valid.txt:1, train.txt:1: a likes b" in reply.out


def test_uris_are_shown_by_their_last_part_and_relations_with_names_that_say_more(tmp_path: Path, call):
    triples = {
        "train": "<http://x.org/Rome>\thttp://x.org#P17\t<http://x.org/Italy>",
        "valid": "<http://x.org/Rome>\thttp://x.org#P17\t<http://x.org/Rome>",
        "test": "<http://x.org/Italy>\thttp://x.org#P17\t<http://x.org/Rome>",
    }
    for split, row in triples.items():
        (tmp_path / f"{split}.txt").write_text(f"{row}\n")
    (tmp_path / "relations.tsv").write_text("http://x.org#P17\tcountry\n")
    out = call("data", "audit", tmp_path).out
    assert "test.txt:1, train.txt:1: Italy P17 Rome / Rome P17 Italy" in out
    assert "P17 (country)" in out


def test_json_holds_everything_and_agrees_with_the_file(workshop: Path, call):
    reply = call("data", "audit", "tiny", "--json", "-")
    found = json.loads(reply.out)
    assert call("data", "audit", "tiny", "--json", "out.json").out != reply.out
    assert json.loads(Path("out.json").read_text()) == found
    assert found["splits"]["test"]["found"]["reversed_in_train"]["examples"]
    assert {relation["relation"] for relation in found["by_relation"]} == {"likes", "knows"}
    assert found["modalities"][0]["facts"]["mean_words"] == pytest.approx(2.6)
    assert list(Path().glob("out.json*")) == [Path("out.json")]


def test_bad_input_is_one_error(workshop: Path, call):
    reply = call("data", "audit", "tinny")
    assert (reply.code, reply.out) == (3, "")
    assert 'data set "tinny" not found. Did you mean "tiny"?' in reply.err
    (workshop / "tiny" / "test.txt").write_text("a\tlikes\n")
    reply = call("data", "audit", "tiny")
    assert (reply.code, reply.out) == (3, "")
    assert "test.txt:1: 2 columns, expected 3" in reply.err


def test_a_file_for_json_that_cannot_be_written_is_a_usage_error(workshop: Path, call):
    for target in ("tiny", "none/out.json", "tiny.toml/out.json"):
        reply = call("data", "audit", "tiny", "--json", target)
        assert reply.code == 2
        assert f"--json {target}: cannot be written" in reply.err
    assert (workshop / "tiny").is_dir()


def test_fit_records_what_it_warns_of(workshop: Path, call):
    (workshop / "tiny" / "valid.txt").write_text("a\tlikes\tb\nb\tknows\ta\n")
    told = "valid.txt cannot select models: 1 of its 2 distinct triples stand in train"
    reply = call("fit", "tiny.toml", "--run", "out", "--set", "distill.policy=none")
    assert f"warning: {told}" in reply.err
    data = json.loads(Path("out/record.json").read_text())["data"]
    assert told in data["warnings"][0]
    assert data["audit"]["splits"]["valid"]["in_train"] == 1
    assert data["audit"]["splits"]["test"]["text_names_tail"] == 0
    assert f"warning   {told}" in call("check", "tiny.toml").out


def test_what_is_held_out_of_train_needs_no_warning(workshop: Path, call):
    (workshop / "tiny" / "valid.txt").write_text("a\tlikes\tb\n")
    assert "cannot select" in call("check", "tiny.toml").out
    assert "cannot select" not in call("check", "tiny.toml", "--set", "data.holdout=0.1").out
