"""A finished run is asked from Python: by words, without its data where it is the student, and without dgl."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import NAMED, TINY, unsealed
from safetensors.torch import load_file

import dsomgnn
from dsomgnn.data.triples import load_dataset
from dsomgnn.distill.teachers import fit_temperature
from dsomgnn.errors import CheckpointError, DataError, RecipeError
from dsomgnn.ranking import open_job, open_model
from dsomgnn.run import Run


def by_hand(run: Path, given: str, relation: int) -> torch.Tensor:
    """Scores of all entities by the student's file alone, as complex numbers."""
    tables = load_file(run / "student.safetensors")
    entity, relations = (torch.complex(*tables[name].double().chunk(2, 1)) for name in ("fusion.table", "relation"))
    return (entity["abcdef".index(given)] * relations[relation] * entity.conj()).sum(1).real


def away(run: Path) -> Path:
    """The run after its data set went away."""
    record = json.loads((run / "record.json").read_text())
    record["data"]["folder"] = "nowhere"
    (run / "record.json").write_text(json.dumps(record))
    shutil.rmtree("tiny")
    return run


def test_three_lines_give_the_best_tails_with_scores_and_probabilities(trained: Path):
    model = dsomgnn.load(trained)
    answers = model.predict("a", "likes", k=3)
    scores = by_hand(trained, "a", 1)
    heat = json.loads((trained / "record.json").read_text())["phases"]["student"]["temperature"]
    order = scores.argsort(descending=True)[:3].tolist()
    assert [(a.rank, a.entity) for a in answers] == [(n, "abcdef"[i]) for n, i in enumerate(order, 1)]
    assert [a.score for a in answers] == pytest.approx(scores[order].tolist(), rel=1e-4)
    assert [a.probability for a in answers] == pytest.approx((scores / heat).softmax(0)[order].tolist(), rel=1e-4)
    torch.testing.assert_close(model.probabilities("a", "likes").double(), (scores / heat).softmax(0))


def test_heads_are_asked_for_by_the_reciprocal_relation(trained: Path):
    answers = dsomgnn.load(trained).predict(relation="likes", tail="a", k=6)
    scores = by_hand(trained, "a", 1 + 2)
    assert [a.entity for a in answers] == ["abcdef"[i] for i in scores.argsort(descending=True)]
    assert answers[0].score == pytest.approx(scores.max().item(), rel=1e-4)


def test_scores_of_triples_are_those_of_their_tails_by_words_or_by_ids(trained: Path):
    model = dsomgnn.load(trained)
    wanted = [by_hand(trained, "a", 1)[3].item(), by_hand(trained, "f", 0)[0].item()]
    assert model.score([("a", "likes", "d"), ("f", "knows", "a")]).tolist() == pytest.approx(wanted, rel=1e-4)
    assert model.score(torch.tensor([[0, 1, 3], [5, 0, 0]])).tolist() == pytest.approx(wanted, rel=1e-4)
    for ids in (np.array([[0, 1, 3], [5, 0, 0]]), [(0, 1, 3), [5, 0, 0]]):
        assert model.score(ids).tolist() == pytest.approx(wanted, rel=1e-4)
    words = np.array([("a", "likes", "d"), ("f", "knows", "a")])
    for named in (words, words.astype(object)):
        assert model.score(named).tolist() == pytest.approx(wanted, rel=1e-4)
    assert model.score([]).shape == (0,)


def test_a_notebook_shows_it_in_a_line(trained: Path):
    assert repr(dsomgnn.load(trained)) == f"<student of {trained}: 6 entities, 2 relations>"


def test_known_facts_are_marked_by_split_and_new_leaves_them_out(trained: Path):
    model = dsomgnn.load(trained)
    split = {fact: name for name, facts in TINY.items() for fact in facts}
    for head in "abcdef":
        known = {a.entity: a.known for a in model.predict(head, "likes")}
        assert known == {tail: split.get((head, "likes", tail)) for tail in "abcdef"}
        heads = {a.entity: a.known for a in model.predict(relation="knows", tail=head)}
        assert heads == {other: split.get((other, "knows", head)) for other in "abcdef"}
        new = model.predict(head, "likes", new=True)
        assert {a.entity for a in new} == {tail for tail, name in known.items() if name is None}
        assert [a.rank for a in new] == list(range(1, len(new) + 1))


def test_a_held_out_split_and_the_published_one_keep_their_names(workshop: Path):
    run = workshop / "held"
    dsomgnn.fit_recipe("tiny.toml", run, ["data.holdout=0.2", 'distill.policy="none"'])
    model = dsomgnn.load(run)
    counts = dict.fromkeys(("train", "valid", "test", "unused"), 0)
    for head in "abcdef":
        for relation in ("likes", "knows"):
            for answer in model.predict(head, relation):
                if answer.known:
                    counts[answer.known] += 1
    assert counts == {"train": 8, "valid": 2, "test": 2, "unused": 2}


def test_the_temperature_is_the_one_that_fits_validation_data_best(trained: Path):
    run = Run.open(trained)
    job = open_job(run, run.record(), with_features=False)
    fitted = dsomgnn.load(trained).scorer.temperature
    frozen = replace(open_model(job, run, "student"), temperature=1.0)
    assert fitted == fit_temperature(frozen, job.dataset.valid, 2) != 1.0
    assert fitted == run.record()["phases"]["student"]["temperature"]


def test_a_run_without_a_fitted_temperature_says_so(finished: Path):
    run = Run.open(finished)
    tensors, meta = run.read_tensors("student.safetensors")
    run.write_tensors("student.safetensors", tensors, {"valid_mrr": meta["valid_mrr"]})
    model = dsomgnn.load(finished)
    assert model.scorer.temperature == 1.0
    assert any("temperature" in note for note in model.notes())


def test_teachers_answer_too(trained: Path):
    run = Run.open(trained)
    job = open_job(run, run.record(), with_features=True)
    scores = open_model(job, run, "teacher:st").logits(torch.tensor([[0, 1]]))[0]
    answers = dsomgnn.load(trained, "teacher:st").predict("a", "likes", k=6)
    assert [a.entity for a in answers] == ["abcdef"[i] for i in scores.argsort(descending=True)]
    assert [a.score for a in answers] == pytest.approx(scores.sort(descending=True).values.tolist(), rel=1e-3)


def test_the_student_needs_neither_its_data_nor_dgl(finished: Path):
    away(finished)
    program = (
        "import sys, dsomgnn\n"
        f"model = dsomgnn.load({str(finished)!r})\n"
        "print([(a.entity, a.known) for a in model.predict('a', 'likes', k=2)], 'dgl' in sys.modules, model.notes())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    scores = by_hand(finished, "a", 1)
    best = [("abcdef"[i], None) for i in scores.argsort(descending=True)[:2]]
    assert done.stdout.startswith(f'{best} False [\'no known fact is marked: data set "tiny" not found.'), done.stderr


def test_without_its_data_or_with_other_data_new_facts_cannot_be_told(finished: Path, tmp_path: Path):
    recorded = Path(json.loads((finished / "record.json").read_text())["data"]["folder"])
    record = json.loads((finished / "record.json").read_text())
    shutil.copytree(recorded, "other")
    (Path("other") / "test.txt").write_text("a\tlikes\tf\n")
    record["data"]["folder"] = "other"
    (finished / "record.json").write_text(json.dumps(record))
    model = dsomgnn.load(finished)
    assert all(answer.known is None for answer in model.predict("a", "likes"))
    assert ["sha256 differs" in note for note in model.notes()] == [True]
    with pytest.raises(DataError, match="not the data that"):
        model.predict("a", "likes", new=True)


def test_an_entity_that_training_never_saw_is_told(workshop: Path):
    (workshop / "tiny" / "test.txt").write_text("g\tlikes\ta\n")
    dsomgnn.fit_recipe("tiny.toml", "unseen", ['distill.policy="none"'])
    model = dsomgnn.load("unseen")
    assert model.notes(6) == ["g has no fact in train: the student knows nothing of it"]
    assert model.notes(0) == []


@pytest.mark.parametrize(
    ("head", "relation", "tail"), [("a", "likes", "b"), (None, "likes", None), ("?", "likes", ""), ("a", None, None)]
)
def test_a_question_names_a_relation_and_one_end(trained: Path, head, relation, tail):
    with pytest.raises(RecipeError, match="name a relation, and either the head or the tail"):
        dsomgnn.load(trained).predict(head, relation, tail)


@pytest.mark.parametrize("k", [0, -3, 1.5, True])
def test_at_least_one_answer_is_asked_for(trained: Path, k):
    with pytest.raises(RecipeError, match=rf"-k {k}: expected a whole number, 1 at least"):
        dsomgnn.load(trained).predict("a", "likes", k=k)


NO_TRIPLES = {
    "two words": ([("a", "likes")], r"\('a', 'likes'\): a triple is \(head, relation, tail\)"),
    "one triple alone": (("a", "likes", "b"), "'a': a triple is"),
    "an id too large": (torch.tensor([[0, 1, 3], [0, 9, 1]]), r"ids \[0, 9, 1\]: no triple of .* 2 relations"),
    "an id below 0": (torch.tensor([[-1, 0, 1]]), r"ids \[-1, 0, 1\]: no triple"),
    "words and ids": ([("a", "likes", 3)], "ids: a tensor, array or list of whole numbers"),
    "nothing": (None, "None: expected triples"),
    "two columns": (torch.tensor([[0, 1]]), r"ids \(1, 2\) of torch.int64: triples are whole numbers"),
    "no whole numbers": (torch.tensor([[0.0, 1.0, 2.0]]), "of torch.float32: triples are whole numbers"),
}


@pytest.mark.parametrize(("triples", "told"), NO_TRIPLES.values(), ids=NO_TRIPLES.keys())
def test_what_is_no_triple_is_told(trained: Path, triples, told: str):
    with pytest.raises(RecipeError, match=told):
        dsomgnn.load(trained).score(triples)


def test_names_find_entities_and_relations_and_kinds_tell_them_apart(named: Path):
    model = dsomgnn.load(named)
    assert (named / "entities.tsv").read_text() == NAMED["entities.tsv"]
    assert model.predict("kenya", "Is Fond Of") == model.predict("a", "likes")
    assert {(a.entity, a.name) for a in model.predict("a", "likes")} >= {("b", "English"), ("f", "Kenya Airways")}
    with pytest.raises(
        RecipeError, match=r'2 entities are called "Turkey".*\n  d  Turkey  \(place\)\n  e  Turkey  \(bird\)$'
    ):
        model.predict("Turkey", "likes")


def test_what_is_damaged_or_not_there_is_told(finished: Path):
    def fails(match: str, model: str = "student"):
        with pytest.raises((CheckpointError, RecipeError), match=match):
            dsomgnn.load(finished, model)

    fails('teacher:x: this run has no such model. Did you mean "teacher:s"', "teacher:x")
    unsealed(finished)
    record, ids = (finished / "record.json").read_text(), (finished / "entities.tsv").read_text()
    (finished / "record.json").write_text(record.replace('"student": {', '"pupil": {'))
    fails("student is not trained to the end. Go on: dsomgnn fit --resume")
    (finished / "record.json").write_text(record)
    (finished / "entities.tsv").write_text(ids.replace("f\tf\n", ""))
    fails("holds .*fusion.table.*expected")
    (finished / "entities.tsv").write_text(ids.replace("f\tf\n", "f\n"))
    fails("entities.tsv: not the id file of a run: .*entities.tsv:6: 1 column")
    (finished / "entities.tsv").unlink()
    fails("entities.tsv: not the id file of a run")
    (finished / "entities.tsv").write_text(ids)
    run = Run.open(finished)
    tensors, meta = run.read_tensors("student.safetensors")
    run.write_tensors("student.safetensors", {**tensors, "relation": tensors["relation"] / 0}, meta)
    fails("the model has diverged")


def test_the_facts_are_those_of_the_data_set(trained: Path):
    facts = dsomgnn.load(trained).need_facts()
    assert facts.dataset.sha256 == load_dataset(trained.parents[1] / "tiny").sha256
    assert facts.split_of(torch.tensor([[0, 1, 1], [0, 1, 3], [2, 1, 0], [0, 0, 0]])).tolist() == [0, 1, 2, -1]
