"""Facts that a graph most likely lacks: those that every triple, scored by hand, gives."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from conftest import TINY

import dsomgnn
from dsomgnn.errors import DataError, RecipeError
from dsomgnn.predict import discovery
from dsomgnn.predict.discovery import discover

KNOWN = {fact for facts in TINY.values() for fact in facts}
RELATIONS = ("knows", "likes")


def probability(model: dsomgnn.Loaded, fact: tuple[str, str, str], of_tail: bool) -> float:
    head, relation, tail = fact
    given = {"head": head} if of_tail else {"tail": tail}
    return float(model.probabilities(relation=relation, **given)["abcdef".index(tail if of_tail else head)])


def by_hand(model: dsomgnn.Loaded) -> list[tuple[float, tuple[str, str, str]]]:
    """Plausibility of every triple without a loop that train does not hold, of the queries that it asks."""
    found = []
    for fact in itertools.product("abcdef", RELATIONS, "abcdef"):
        head, relation, tail = fact
        tails = sum((h, r) == (head, relation) for h, r, _ in TINY["train"])
        heads = sum((r, t) == (relation, tail) for _, r, t in TINY["train"])
        if fact in TINY["train"] or head == tail or not tails + heads:
            continue
        both = (tails + 1) * probability(model, fact, True), (heads + 1) * probability(model, fact, False)
        found.append((min(both), fact))
    return sorted(found, reverse=True)


def words(model: dsomgnn.Loaded, facts: torch.Tensor) -> list[tuple[str, ...]]:
    return [("abcdef"[h], RELATIONS[r], "abcdef"[t]) for h, r, t in facts.tolist()]


@pytest.mark.parametrize("name", ["student", "teacher:s"])
def test_the_most_plausible_facts_are_those_of_all_triples_scored_by_hand(name: str, trained: Path):
    model = dsomgnn.load(trained, name)
    wanted = by_hand(model)
    new = [(value, fact) for value, fact in wanted if fact not in KNOWN]
    for n in (1, 7, 1000):
        found = discover(model, n)
        assert words(model, found.facts) == [fact for _, fact in new[:n]]
        assert found.plausibility.tolist() == pytest.approx([value for value, _ in new[:n]], rel=1e-4)
        for i, fact in enumerate(words(model, found.facts)):
            assert float(found.of_tail[i]) == pytest.approx(probability(model, fact, True), rel=1e-4)
            assert float(found.of_head[i]) == pytest.approx(probability(model, fact, False), rel=1e-4)
        least = new[:n][-1][0]
        assert found.confirmed == sum(fact in KNOWN and value >= least for value, fact in wanted)


def test_of_one_relation_there_are_its_facts_in_the_same_order(trained: Path):
    model = dsomgnn.load(trained)
    of_all = words(model, discover(model, 1000).facts)
    for relation in RELATIONS:
        assert words(model, discover(model, 1000, [relation]).facts) == [f for f in of_all if f[1] == relation]
    assert words(model, discover(model, 1000, "likes").facts) == [f for f in of_all if f[1] == "likes"]
    with pytest.raises(RecipeError, match='"liks"'):
        discover(model, 3, ["liks"])


def test_few_candidates_leave_the_best_ones(trained: Path, monkeypatch: pytest.MonkeyPatch):
    """From the end that they were asked from no fact is less plausible than from both."""
    model = dsomgnn.load(trained)
    whole = discover(model, 2)
    monkeypatch.setattr(discovery, "LEAST", 0)
    monkeypatch.setattr(discovery, "POOL", 12)
    monkeypatch.setattr(discovery, "CHUNK", 3)
    few = discover(model, 2)
    assert torch.equal(few.facts, whole.facts)
    torch.testing.assert_close(few.plausibility, whole.plausibility)


@pytest.mark.parametrize(("best", "least"), [(1, 2000), (2, 2000), (50, 3)], ids=["answers", "two answers", "pool"])
def test_facts_that_a_first_look_leaves_out_are_found(best: int, least: int, trained: Path, monkeypatch):
    """Few answers of each query, or few candidates of all: what may be among the n is asked for again."""
    model = dsomgnn.load(trained)
    whole = {n: discover(model, n) for n in (1, 3, 9, 14, 1000)}
    monkeypatch.setattr(discovery, "BEST", best)
    monkeypatch.setattr(discovery, "LEAST", least)
    monkeypatch.setattr(discovery, "POOL", 1)
    monkeypatch.setattr(discovery, "MORE", 2)
    for n, wanted in whole.items():
        found = discover(model, n)
        torch.testing.assert_close(found.plausibility, wanted.plausibility)
        assert set(words(model, found.facts)) == set(words(model, wanted.facts))
        assert found.confirmed == wanted.confirmed


def test_a_loop_is_proposed_only_where_train_has_one_of_the_relation(workshop: Path, call):
    with Path("tiny/train.txt").open("a") as file:
        file.write("d\tlikes\td\n")
    assert call("fit", "tiny.toml", "--run", "out", "--set", "distill.policy=none").code == 0
    facts = discover(dsomgnn.load("out"), 1000).facts
    loops = facts[facts[:, 0] == facts[:, 2], 1]
    assert loops.unique().tolist() == [1]


@pytest.mark.parametrize("ending", ["tsv", "parquet"])
def test_a_file_holds_what_the_table_and_json_show(ending: str, finished: Path, call):
    reply = call("discover", finished, "-n", 4, "--out", f"new.{ending}")
    assert reply.code == 0
    shown = json.loads(call("discover", finished, "-n", 4, "--json", "-").out)
    assert reply.out == f"new.{ending}: 4 facts\n"
    assert f"of the {4 + shown['confirmed']} most plausible facts that train does not hold" in reply.err
    both = call("discover", finished, "-n", 4, "--json", "-", "--out", f"again.{ending}")
    assert json.loads(both.out) == shown
    assert Path(f"again.{ending}").read_bytes() == Path(f"new.{ending}").read_bytes()
    if ending == "tsv":
        head, *rows = (line.split("\t") for line in Path("new.tsv").read_text().splitlines())
        rows = [dict(zip(head, row, strict=True)) for row in rows]
    else:
        rows = pq.read_table("new.parquet").to_pylist()
    assert [[row[k] for k in ("head", "relation", "tail")] for row in rows] == [
        [fact[k] for k in ("head", "relation", "tail")] for fact in shown["facts"]
    ]
    for row, fact in zip(rows, shown["facts"], strict=True):
        for k in ("plausibility", "of_tail", "of_head"):
            assert float(row[k]) == pytest.approx(fact[k], rel=1e-4)
    table = call("discover", finished, "-n", 4)
    assert all(f"{fact['plausibility']:.3f}" in table.out for fact in shown["facts"])
    assert "stand in valid or test" in table.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-n", "0"), "-n 0: expected a whole number, 1 at least"),
        (("--out", "x.csv"), "--out FILE is one of .parquet, .tsv"),
        (("--out", "nowhere/x.tsv"), "--out nowhere/x.tsv: cannot be written"),
        (("--relation", "liks"), 'no relation "liks"'),
    ],
)
def test_what_cannot_be_asked_is_refused(options: tuple[str, ...], message: str, finished: Path, call):
    reply = call("discover", finished, *options)
    assert (reply.code, message in reply.err) == (2, True)


def test_without_the_data_set_nothing_is_proposed(finished: Path, call):
    record = json.loads((finished / "record.json").read_text())
    record["data"]["folder"] = "gone"
    (finished / "record.json").write_text(json.dumps(record))
    Path("tiny").rename("elsewhere")
    with pytest.raises(DataError, match='data set "tiny" not found'):
        discover(dsomgnn.load(finished), 3)
    assert call("discover", finished).code == 3
