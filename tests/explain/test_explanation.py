"""An explanation says what ranks, agent, graph and features say, worked out anew by other ways."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from conftest import TEXTS, TINY

import dsomgnn
from dsomgnn.data.triples import load_dataset
from dsomgnn.errors import DataError, RecipeError
from dsomgnn.explain.explanation import explain_run
from dsomgnn.ranking import open_job, open_ranking, rank_run
from dsomgnn.report.measure import choices_of
from dsomgnn.run import Run


def names(entities: list[dict]) -> list[str]:
    return [entity["entity"] for entity in entities]


@pytest.fixture(scope="module")
def certain(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> Path:
    """A run whose neighbourhoods are not drawn, so that what the agent saw can be seen again."""
    changes = ['distill.neighbourhood="khop"', "agent.reserve=0.1", "agent.epochs=3", "student.epochs=12"]
    folder = tmp_path_factory.mktemp("certain") / "run"
    dsomgnn.fit_recipe(trained.parents[1] / "tiny.toml", folder, changes)
    return folder


def test_ranks_are_those_that_rank_reports(trained: Path):
    models = ["student", "teacher:s", "teacher:st"]
    found = [explain_run(trained, *fact)["models"] for fact in TINY["test"]]
    assert list(found[0]) == models
    for name, result in ((name, rank_run(trained, model=name)["models"][name]) for name in models):
        for side in ("tail", "head"):
            ranks = [each[name][side]["rank"] for each in found]
            assert sum(1 / rank for rank in ranks) / len(ranks) == pytest.approx(result[side]["mrr"])


def test_probability_and_rank_among_all_are_those_of_predict(trained: Path):
    for fact in TINY["train"][:2]:
        for name in ("student", "teacher:s"):
            standing = explain_run(trained, *fact)["models"][name]["tail"]
            answers = {a.entity: a for a in dsomgnn.load(trained, name).predict(fact[0], fact[1], k=6)}
            assert standing["rank_of_all"] == answers[fact[2]].rank
            assert standing["probability"] == pytest.approx(answers[fact[2]].probability, rel=1e-3)


def test_on_train_facts_the_agent_is_shown_as_the_run_recorded_it(certain: Path):
    agents = [explain_run(certain, *fact)["agent"] for fact in TINY["train"]]
    assert all(agent["in_training"] for agent in agents)
    recorded = json.loads((certain / "record.json").read_text())["phases"]["student"]["choices"]
    forward = {r: row for r, row in recorded["relations"].items() if not r.startswith("inverse:")}
    assert sum(row["n"] for row in forward.values()) == len(agents)
    for name in ("s", "st"):
        wanted = sum(row[name] * row["n"] for row in forward.values())
        assert sum(agent["probability"][name] or 0.0 for agent in agents) == pytest.approx(wanted, abs=2e-3)


def test_the_report_has_the_agent_choose_as_the_explanation_of_each_fact_does(certain: Path):
    ranking = open_ranking(certain, ["student", "teacher:s", "teacher:st"])
    ranking.rank(["student", *ranking.teachers])
    tails_first = choices_of(ranking)
    for i, fact in enumerate(TINY["test"]):
        shown = explain_run(certain, *fact)["agent"]["probability"]
        assert [p or 0.0 for p in shown.values()] == pytest.approx(tails_first[i].tolist(), abs=1e-5)


def test_a_teacher_without_the_modality_has_no_say_and_a_new_fact_is_judged_as_if_it_were_one(trained: Path):
    agent = explain_run(trained, "f", "likes", "a")["agent"]
    assert agent["probability"]["st"] is None  # f has no text
    assert agent["probability"]["s"] is not None
    assert not agent["in_training"]
    assert agent["most_probable"] == [name for name, p in agent["probability"].items() if p is not None and p > 0.5]
    assert agent["empty"] == pytest.approx(1 - agent["probability"]["s"])


def test_without_a_tail_it_is_the_best_answer_and_without_a_head_the_best_head(trained: Path):
    model = dsomgnn.load(trained)
    found = explain_run(trained, "a", "likes")
    assert (found["asked"], found["fact"]["tail"]["entity"]) == ("tail", model.predict("a", "likes", k=1)[0].entity)
    found = explain_run(trained, "?", "likes", "a")
    best = model.predict(relation="likes", tail="a", k=1)[0]
    assert (found["asked"], found["fact"]["head"]["entity"], found["known"]) == ("head", best.entity, best.known)


def test_known_answers_are_those_of_the_files(trained: Path):
    found = explain_run(trained, "a", "likes", "d")
    assert {split: names(rows) for split, rows in found["known_answers"].items()} == {
        "train": ["b", "c"], "valid": ["d"], "test": [], "unused": [],
    }  # fmt: skip
    assert found["known"] == "valid"
    assert names(explain_run(trained, "?", "likes", "a")["known_answers"]["train"]) == ["e"]


def test_paths_are_told_with_relations_directions_and_the_entity_between(trained: Path):
    [first, *_] = explain_run(trained, "a", "likes", "c")["paths"]["shown"]
    assert first["through"] == {"entity": "d", "name": "d", "facts": 3}
    assert [(step["relation"], step["back"]) for step in first["steps"]] == [("knows", True), ("knows", True)]


def test_neighbours_are_within_two_train_facts_and_never_by_the_fact_itself(certain: Path):
    """Every walk of two facts that does not take those to the known answers, by hand."""
    around = explain_run(certain, "f", "likes", "d")["neighbourhood"]
    steps = {(h, t) for h, r, t in TINY["train"] if (h, r) != ("f", "likes")}
    steps |= {(t, h) for h, t in steps}
    once = {t for h, t in steps if h == "f"}
    assert set(names(around["members"])) <= once | {t for h, t in steps if h in once}
    assert (around["kind"], around["size"]) == ("khop", len(around["members"]))


def test_what_is_alike_is_so_by_cosine_of_the_features(trained: Path):
    run = Run.open(trained)
    values = open_job(run, run.record(), with_features=True).mkg.features["text"].values.double()
    cosine = torch.nn.functional.cosine_similarity(values[0], values, dim=1)
    rows = explain_run(trained, "a", "likes")["alike"]["text"]
    assert sorted(names(rows)) == sorted(set(TEXTS) - {"a"})  # f has no text
    assert [row["cosine"] for row in rows] == pytest.approx(cosine[["abcdef".index(e) for e in names(rows)]].tolist())
    assert [row["cosine"] for row in rows] == sorted((row["cosine"] for row in rows), reverse=True)
    assert explain_run(trained, "f", "likes")["alike"] == {"text": None}


def test_a_student_alone_has_no_agent_no_neighbourhood_and_no_features(named: Path):
    found = explain_run(named, "Kenya", "is fond of")
    assert (list(found["models"]), found["agent"], found["neighbourhood"], found["alike"]) == (
        ["student"],
        None,
        None,
        {},
    )


def test_a_fixed_policy_has_no_agent_but_a_neighbourhood(workshop: Path):
    dsomgnn.fit_recipe("tiny.toml", "fixed", ['distill.policy="single:s"'])
    found = explain_run("fixed", "a", "likes")
    assert (list(found["models"]), found["agent"]) == (["student", "teacher:s"], None)
    assert found["neighbourhood"]["size"] > 0


def test_it_needs_words_that_are_known_and_the_data_set(finished: Path):
    with pytest.raises(RecipeError, match='no entity "x"'):
        explain_run(finished, "a", "likes", "x")
    with pytest.raises(RecipeError, match="name a relation"):
        explain_run(finished, "?", "likes")
    record = (finished / "record.json").read_text()
    (finished / "record.json").write_text(record.replace(json.loads(record)["data"]["folder"], "nowhere"))
    Path("tiny").rename("gone")
    with pytest.raises(DataError, match='data set "tiny" not found'):
        explain_run(finished, "a", "likes")
    for words in (("nope", "likes"), ("a", "likes", "nope")):  # told before any data are read
        with pytest.raises(RecipeError, match='no entity "nope"'):
            explain_run(finished, *words)


def test_the_command_shows_tables_or_json(trained: Path, named: Path, call):
    reply = call("explain", trained, "a", "likes", "c")
    assert reply.code == 0
    around, known = "neighbourhood of the query (sampled, ", "known answers in train (2): b; c"
    walk, alike = "a -likes-> b -likes-> c", "most alike by text"
    agent = "agent: most probable set "
    for words in ("a - likes - c  (known, in train)", agent, around, known, "teacher:st", walk, alike):
        assert words in reply.out
    empty = explain_run(trained, "a", "likes", "c")["agent"]["empty"]
    assert f", no teacher {empty:.2f})" in reply.out
    assert "judged as if it were one" in call("explain", trained, "a", "likes", "f").out
    reply = call("explain", trained, "a", "likes", "c", "--json", "-")
    assert json.loads(reply.out) == explain_run(trained, "a", "likes", "c")
    assert "Kenya -is fond of-> English -is fond of-> Swahili" in call("explain", named, "a", "likes", "Swahili").out
    assert call("explain", trained, "a", "like").code == 2


def test_what_a_run_on_real_data_is_explained_by_lies_in_its_files(worldfacts: Path, tmp_path: Path):
    small = ["student.epochs=1", "student.rank=4", 'distill.policy="none"']
    dsomgnn.fit_recipe(Path("recipes") / "worldfacts.toml", tmp_path / "run", small)
    found = explain_run(tmp_path / "run", "kenya", "speaks", "english")
    data = load_dataset(worldfacts)
    facts = {tuple(row) for row in data.train.tolist()}
    index, relations = data.entities.index, data.relations.index
    for path in found["paths"]["shown"]:
        stops = ["country/ke", *([path["through"]["entity"]] if path["through"] else []), "language/english"]
        for head, step, tail in zip(stops, path["steps"], stops[1:], strict=False):
            ends = (tail, head) if step["back"] else (head, tail)
            assert (index[ends[0]], relations[step["relation"]], index[ends[1]]) in facts
    assert found["paths"]["count"] > len(found["paths"]["shown"]) == 10
