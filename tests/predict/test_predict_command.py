"""`dsomgnn predict` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import unsealed

import dsomgnn


def test_a_table_names_answers_and_marks_known_facts(named: Path, call):
    reply = call("predict", named, "--head", "kenya", "--relation", "is fond of")
    assert reply.code == 0
    assert "Kenya - is fond of - ?" in reply.out
    rows = [line.split() for line in reply.out.splitlines() if line[:1].isdigit()]
    known = {words[-2]: words[-1] for words in rows if words[-1] in ("train", "valid")}
    assert known == {"b": "train", "c": "train", "d": "valid"}
    assert {words[-1] for words in rows if words[-2] not in known} == {"a", "e", "f"}
    assert reply.err == ""


def test_heads_are_asked_for_with_tail_and_new_leaves_known_ones_out(named: Path, call):
    reply = call("predict", named, "--tail", "English", "--relation", "likes", "-k", "2", "--new")
    assert "? - is fond of - English" in reply.out
    assert "train" not in reply.out
    assert sum(line[:1].isdigit() for line in reply.out.splitlines()) == 2


def test_json_says_what_was_asked_and_answered(trained: Path, call, tmp_path: Path):
    reply = call("predict", trained, "--tail", "a", "--relation", "likes", "-k", "2", "--json", "-")
    found = json.loads(reply.out)
    assert found["query"] == {"head": None, "relation": "likes", "tail": "a"}
    assert (found["model"], found["facts_at_hand"], found["notes"]) == ("student", True, [])
    answers = dsomgnn.load(trained).predict(relation="likes", tail="a", k=2)
    assert found["answers"] == [vars(answer) for answer in answers]
    call("predict", trained, "--tail", "a", "--relation", "likes", "-k", "2", "--json", tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == found


def test_a_file_of_queries_is_answered_into_a_file(trained: Path, call, tmp_path: Path):
    (tmp_path / "q.tsv").write_text("a\tlikes\t?\n")
    reply = call("predict", trained, "--file", tmp_path / "q.tsv", "--out", tmp_path / "a.parquet", "-k", "4")
    assert reply.out.startswith(f"{tmp_path / 'a.parquet'}: the 4 best answers of 1 queries, in ")
    assert pq.read_table(tmp_path / "a.parquet").num_rows == 4
    teacher = ("--model", "teacher:s")
    call("predict", trained, "--file", tmp_path / "q.tsv", "--out", tmp_path / "t.parquet", "-k", "6", *teacher)
    answers = dsomgnn.load(trained, "teacher:s").predict("a", "likes", k=6)
    assert pq.read_table(tmp_path / "t.parquet")["tail"].to_pylist() == [answer.entity for answer in answers]


def test_the_latest_run_is_the_default(finished: Path, call):
    assert call("predict", "--head", "a", "--relation", "likes").out.startswith("runs/first, student\n")


def test_without_the_data_set_answers_come_with_a_note(finished: Path, call):
    record = (finished / "record.json").read_text()
    folder = json.loads(record)["data"]["folder"]
    (finished / "record.json").write_text(record.replace(folder, "nowhere"))
    Path("tiny").rename("gone")
    reply = call("predict", finished, "--head", "a", "--relation", "likes")
    assert reply.code == 0
    assert reply.err.startswith('note: no known fact is marked: data set "tiny" not found.')
    assert call("predict", finished, "--head", "a", "--relation", "likes", "--new").code == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--relation", "likes"], "give --relation, and --head or --tail"),
        (["--head", "a"], "give --relation, and --head or --tail"),
        (["--head", "a", "--tail", "b", "--relation", "likes"], "give --relation, and --head or --tail"),
        (["--head", "a", "--relation", "likes", "--out", "x.tsv"], "--out goes with --file"),
        (["--file", "q.tsv"], "--file needs --out FILE, one of .parquet, .tsv"),
        (["--file", "q.tsv", "--out", "a.csv"], "--file needs --out FILE, one of .parquet, .tsv"),
        (["--file", "q.tsv", "--out", "a.tsv", "--head", "a"], "--file brings its own queries"),
        (["--head", "a", "--relation", "likes", "-k", "0"], "-k 0: expected a whole number, 1 at least"),
        (["--head", "?", "--relation", "likes"], "give --relation, and --head or --tail"),
        (["--head", "a", "--relation", "likes", "--model", "teacher:x"], 'Did you mean "teacher:s"?'),
        (["--head", "x", "--relation", "likes"], 'no entity "x"'),
    ],
)
def test_what_cannot_be_asked_is_told_with_exit_code_2(trained: Path, call, words: list[str], message: str):
    reply = call("predict", trained, *words)
    assert reply.code == 2
    assert message in reply.err


@pytest.mark.parametrize("asked", ["?", ""])
def test_what_is_asked_for_may_be_written_as_in_a_file(trained: Path, call, asked: str):
    for side, other in (("--head", "--tail"), ("--tail", "--head")):
        words = ("predict", trained, side, "a", "--relation", "likes")
        assert call(*words, other, asked).out == call(*words).out != ""


@pytest.mark.parametrize("command", ["predict", "explain", "export"])
def test_help_ends_with_an_example(call, command: str):
    reply = call(command, "--help")
    assert reply.code == 0
    assert f"Example: dsomgnn {command} runs/first" in " ".join(reply.out.split())


def test_names_that_look_like_markup_are_shown_as_they_are(finished: Path, call):
    unsealed(finished)
    ids = (finished / "entities.tsv").read_text()
    (finished / "entities.tsv").write_text(ids.replace("a\ta\n", "a\t[bold]x[/red] :smile:\n"))
    reply = call("predict", finished, "--head", "a", "--relation", "likes")
    assert "[bold]x[/red] :smile: - likes - ?" in reply.out
    assert "[bold]x[/red] :smile:" in call("predict", finished, "--tail", "b", "--relation", "likes").out
    assert "[bold]x[/red] :smile: - likes - b" in call("explain", finished, "a", "likes", "b").out
