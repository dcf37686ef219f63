"""Why an answer: ranks by every model, the agent's choice, the graph around, and what is alike in text or picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dsomgnn.batches import TrainingQueries
from dsomgnn.build import Job
from dsomgnn.chosen import asked_as_in_training, chosen
from dsomgnn.data.features import Feature
from dsomgnn.device import left_as_found
from dsomgnn.distill.teachers import freeze
from dsomgnn.explain.paths import paths
from dsomgnn.neighbourhood import Neighbours
from dsomgnn.predict.best import Scorer, all_scores, top
from dsomgnn.predict.facts import NAMES, Facts
from dsomgnn.predict.loaded import ASKED, Loaded, Question, load
from dsomgnn.processor import products
from dsomgnn.ranking import open_job, read_model
from dsomgnn.sampling import seed_all

ALIKE = 5


@dataclass(frozen=True)
class Case:
    """A question and one answer to it, in ids, with the model that was asked and its data."""

    model: Loaded
    job: Job
    facts: Facts
    question: Question
    answer: int

    @property
    def query(self) -> Tensor:
        return self.question.query(self.model.num_relations)

    @property
    def triple(self) -> Tensor:
        return self.question.triples(torch.tensor([self.answer]))

    @cached_property
    def asked(self) -> TrainingQueries:
        """The one query, with all the answers that training merges into it."""
        both_ways, _ = asked_as_in_training(self.job, self.triple)
        return both_ways.only(torch.nonzero((both_ways.queries == self.query).all(1))[:, 0])

    def entity(self, i: int) -> dict[str, str]:
        words = self.model.entity.words
        return {"entity": words.ids[i], "name": words.names[i]}

    def entities(self, ids: Iterable[int]) -> list[dict[str, str]]:
        return sorted((self.entity(i) for i in ids), key=lambda entity: (entity["name"], entity["entity"]))


@left_as_found()
def explain_run(run: str | Path, head: str | None, relation: str, tail: str | None = None) -> dict[str, Any]:
    """What speaks for a fact, or for the student's best answer where head or tail is None, empty or "?".

    Keys: run, fact, asked, known, models, agent, neighbourhood, paths, alike, known_answers, notes. Raises
    RecipeError, CheckpointError, and DataError where data set or features are not at hand.
    """
    model = load(run)
    question = model.ask(head, relation, None if head not in ASKED else tail)
    wanted = None if tail in ASKED or head in ASKED else model.entity.one(str(tail))
    job = open_job(model.run, model.record, with_features=bool(model.recipe.pool))
    best = int(top(model.scorer, question.query(model.num_relations), 1).entity)
    return _explained(Case(model, job, Facts(job.dataset), question, best if wanted is None else wanted))


@products()
def _explained(case: Case) -> dict[str, Any]:
    model, job, question = case.model, case.job, case.question
    agent, teachers = _agent_and_teachers(case)
    split = int(case.facts.split_of(case.triple))
    return {
        "run": str(model.run.path),
        "fact": _fact(case),
        "asked": question.side,
        "known": NAMES[split] if split >= 0 else None,
        "models": {name: _standings(case, scorer) for name, scorer in {model.name: model.scorer, **teachers}.items()},
        "agent": agent,
        "neighbourhood": _neighbourhood(case),
        "paths": _paths(case),
        "alike": {name: _alike(case, feature) for name, feature in job.mkg.features.items()},
        "known_answers": _known_answers(case),
        "notes": model.notes(question.given, case.answer),
    }


def _fact(case: Case) -> dict[str, Any]:
    head, relation, tail = case.triple[0].tolist()
    words = case.model.relation.words
    named = {"relation": words.ids[relation], "name": words.names[relation]}
    return {"head": case.entity(head), "relation": named, "tail": case.entity(tail)}


def _standings(case: Case, scorer: Scorer) -> dict[str, dict[str, float]]:
    """Rank and probability of the tail, and of the head, among all entities."""
    [[head, relation, tail]] = case.triple.tolist()
    back = relation + case.model.num_relations
    return {
        "tail": _standing(case.facts, scorer, torch.tensor([[head, relation]]), tail),
        "head": _standing(case.facts, scorer, torch.tensor([[tail, back]]), head),
    }


def _standing(facts: Facts, scorer: Scorer, query: Tensor, answer: int) -> dict[str, float]:
    """`rank` without other known answers, `rank_of_all` with them; ties realistic."""
    scores = all_scores(scorer, query)[0].cpu()
    right = scores[answer].clone()
    found = {
        "rank_of_all": _rank(scores, right),
        "probability": float((scores / scorer.temperature).softmax(0)[answer]),
    }
    scores[facts.answers.gather(facts.answers.find(query))[1]] = -torch.inf
    scores[answer] = right
    return {"rank": _rank(scores, right), **found}


def _rank(scores: Tensor, right: Tensor) -> float:
    return 1 + int((scores > right).sum()) + (int((scores == right).sum()) - 1) / 2


def _agent_and_teachers(case: Case) -> tuple[dict[str, Any] | None, Mapping[str, Scorer]]:
    """Teachers by name, and how the agent would draw a set: each teacher's probability, None where it has no say, that
    of the empty set, and the most probable set."""
    job, run = case.job, case.model.run
    learns = job.recipe.distill.policy == "reinforce"
    asked = case.asked if learns else None
    names = [f"teacher:{name}" for name in job.recipe.pool]
    read = ((name, *read_model(job, run, name)) for name in names)
    ends = case.triple[0, [0, 2]]
    teachers = {name: freeze(name, made, asked, heat, asked=ends) for name, made, heat in read}
    if asked is None:
        return None, teachers
    student, _ = read_model(job, run, "student")
    says = [bool(teacher.speaks[case.question.given]) for teacher in teachers.values()]
    shares = chosen(job, run, student, list(teachers.values()), asked)[asked.target == case.answer][0].tolist()
    shown = {name: share if say else None for name, share, say in zip(job.recipe.pool, shares, says, strict=True)}
    return {
        "probability": shown,
        "empty": math.prod(1 - share for share in shares),
        "most_probable": [name for name, share in shown.items() if share is not None and share > 0.5],
        "in_training": bool((job.dataset.train == case.triple).all(1).any()),
    }, teachers


def _neighbourhood(case: Case) -> dict[str, Any] | None:
    """One draw of the entities that distillation treats as neighbours of the query."""
    job, distill = case.job, case.job.recipe.distill
    if distill.policy == "none":
        return None
    targets = case.asked.target
    seed_all(job.recipe.seed, 0, 0)
    neighbours = Neighbours(job.teacher_mkg, distill.neighbourhood, distill.hops, distill.walks)
    members = neighbours.around(case.query, torch.zeros_like(targets), targets).node.tolist()
    how = {"kind": distill.neighbourhood, "hops": distill.hops, "walks": distill.walks}
    return {**how, "size": len(members), "members": case.entities(members)}


def _paths(case: Case) -> dict[str, Any]:
    [[head, relation, tail]] = case.triple.tolist()
    found, count = paths(case.job.mkg.edges, head, relation, tail), case.model.num_relations
    words = case.model.relation.words

    def step(relation: int) -> dict[str, Any]:
        return {
            "relation": words.ids[relation % count],
            "name": words.names[relation % count],
            "back": relation >= count,
        }

    shown = [
        {
            "steps": [step(relation) for relation in path.relations],
            "through": None if path.through is None else {**case.entity(path.through), "facts": path.degree},
        }
        for path in found.shown
    ]
    return {"count": found.count, "shown": shown}


def _alike(case: Case, feature: Feature) -> list[dict[str, Any]] | None:
    """The entities whose features point most the same way as the given one's; None where it has none."""
    if not feature.present[case.question.given]:
        return None
    values = torch.nn.functional.normalize(feature.values.cpu(), dim=1)
    cosine = values @ values[case.question.given]
    cosine[~feature.present] = -torch.inf
    cosine[case.question.given] = -torch.inf
    best = cosine.topk(min(ALIKE, len(cosine)))
    rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return [{**case.entity(i), "cosine": value} for i, value in rows if value > -torch.inf]


def _known_answers(case: Case) -> dict[str, list[dict[str, str]]]:
    answers = case.facts.answers
    found = answers.gather(answers.find(case.query))[1]
    split = case.facts.split_of(case.question.triples(found))
    return {name: case.entities(found[split == place].tolist()) for place, name in enumerate(NAMES)}
