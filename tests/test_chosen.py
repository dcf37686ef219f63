"""What the agent would choose for facts that it was not trained on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from dsomgnn.batches import TrainingQueries
from dsomgnn.chosen import asked_as_in_training, chosen
from dsomgnn.data.mkg import MKG
from dsomgnn.data.triples import directed
from dsomgnn.distill.state import StateBuilder
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.errors import CheckpointError
from dsomgnn.models.score import ComplEx
from dsomgnn.ranking import Ranking, model_names, open_ranking, read_model
from dsomgnn.report.measure import choices_of


@pytest.fixture
def ranking(finished: Path) -> Ranking:
    names = model_names(finished, "all")
    ranking = open_ranking(finished, names)
    ranking.rank(names)
    return ranking


def rewrite_policy(ranking: Ranking, bias: list[float]) -> None:
    """A policy that wants its teachers with these logits, whatever it sees."""
    tensors, meta = ranking.run.read_tensors("policy.safetensors")
    wanted = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
    wanted["net.2.bias"] = torch.tensor(bias)
    ranking.run.write_tensors("policy.safetensors", wanted, meta)


def test_the_policy_of_the_run_decides_and_a_teacher_with_nothing_to_say_is_never_chosen(ranking: Ranking):
    """Teachers s and st; f has no text, so st has nothing to say of it."""
    rewrite_policy(ranking, [0.0, 2.0])
    student, _ = read_model(ranking.job, ranking.run, "student")
    teachers = [ranking.model(name) for name in ranking.teachers]
    index = ranking.job.dataset.entities.index
    triples = torch.tensor([[index["a"], 0, index["b"]], [index["f"], 1, index["c"]], [index["a"], 0, index["f"]]])
    asked = TrainingQueries(MKG(ranking.job.dataset, ranking.job.mkg.features, triples))
    found = chosen(ranking.job, ranking.run, student, teachers, asked)[asked.edge.argsort()]
    yes = torch.tensor(2.0).sigmoid().item()
    assert found[:, 0].tolist() == [0.5] * 6
    assert found[:, 1].tolist() == pytest.approx([yes, 0, yes, yes, yes, 0])  # three tails, then three heads


def test_it_is_the_same_each_time_and_depends_on_the_query(ranking: Ranking):
    tensors, meta = ranking.run.read_tensors("policy.safetensors")
    generator = torch.Generator().manual_seed(0)
    random = {name: torch.randn(tensor.shape, generator=generator) for name, tensor in tensors.items()}
    ranking.run.write_tensors("policy.safetensors", random, meta)
    first, again = choices_of(ranking), choices_of(ranking)
    assert first.shape == (4, 2)
    assert torch.equal(first, again)
    assert len(first[:, 0].unique()) > 1


def test_a_policy_of_another_shape_is_refused(ranking: Ranking):
    ranking.run.write_tensors("policy.safetensors", {"net.0.weight": torch.zeros(2, 2)}, {})
    with pytest.raises(CheckpointError, match=r"policy\.safetensors: does not fit"):
        choices_of(ranking)


def test_states_of_other_queries_are_on_the_scale_of_training(random_mkg):
    training = TrainingQueries(random_mkg)
    asked = TrainingQueries(MKG(random_mkg.dataset, train=random_mkg.train[:7]))
    anyone = [FrozenTeacher("any", ComplEx(), *[torch.zeros(1, 2)] * 4)]
    whole = StateBuilder(random_mkg, training, anyone, None).graph
    part = StateBuilder(random_mkg, training, anyone, None, asked).graph
    place = {tuple(query): i for i, query in enumerate(training.queries.tolist())}
    assert torch.equal(part, whole[[place[tuple(query)] for query in asked.queries.tolist()]])


def test_facts_are_asked_with_the_train_answers_that_training_merges_with_them(random_mkg):
    """Some of train too, and several of one query; each stands where it is said to."""
    data, relations = random_mkg.dataset, random_mkg.num_relations
    head, relation, _ = data.train[0].tolist()
    absent = [t for t in range(data.num_entities) if [head, relation, t] not in data.train.tolist()][:2]
    triples = torch.cat([data.train[5:9], torch.tensor([[head, relation, t] for t in absent])])
    recipe = SimpleNamespace(student=SimpleNamespace(merge=True))
    asked, place = asked_as_in_training(SimpleNamespace(dataset=data, mkg=random_mkg, recipe=recipe), triples)
    row = torch.repeat_interleave(torch.arange(len(asked)), asked.indptr.diff())
    facts = torch.cat([asked.queries[row], asked.target[:, None]], 1)
    assert torch.equal(facts[place], directed(triples, relations))
    training = TrainingQueries(random_mkg)
    own = {tuple(fact) for fact in directed(triples, relations).tolist()}
    for i, query in enumerate(asked.queries.tolist()):
        targets = asked.target[asked.indptr[i] : asked.indptr[i + 1]].tolist()
        at = (training.queries == torch.tensor(query)).all(1).nonzero()[:, 0]
        known = training.at(at).target.tolist()
        assert sorted(targets) == sorted({*known, *(t for h, r, t in own if [h, r] == query)})
