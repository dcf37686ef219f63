"""Frozen teachers: the same scores as the model, no peeking at own edges, a fitted temperature."""

import dataclasses

import pytest
import torch
from torch.nn.functional import cross_entropy

from dsomgnn.batches import TrainingQueries
from dsomgnn.build import build, make_teacher
from dsomgnn.data.features import Feature
from dsomgnn.distill import teachers
from dsomgnn.distill.teachers import FrozenTeacher, fit_temperature, freeze, speaks
from dsomgnn.epochs import fit_epoch, optimisers_of
from dsomgnn.models.fusion import FUSIONS
from dsomgnn.models.model import Model
from dsomgnn.models.score import ComplEx
from dsomgnn.rank.ranks import queries_of
from dsomgnn.recipe import parse_recipe


@pytest.fixture(scope="module")
def job():
    return build(
        parse_recipe(
            {
                "data": {"name": "worldfacts"},
                "features": {"picture": {"source": "visual_lite0_f16.npy", "dim": 16}},
                "teachers": {
                    "gnn": {"rank": 8, "modality_rank": 4, "modalities": ("picture",), "encoder": "compgcn"},
                    "pictures": {"structure": False, "modalities": ("picture",)},
                    "plain": {"rank": 8},
                },
            }
        )
    )


def scrambled(job, name):
    """A teacher whose messages count: all parameters drawn large."""
    model = make_teacher(job, name)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(0.3 * torch.randn(p.shape))
    return model.eval()


def test_own_heads_are_encoded_without_the_edges_of_their_own_query(job):
    model = scrambled(job, "gnn")
    training = TrainingQueries(job.teacher_mkg)
    frozen = freeze("gnn", model, training)
    one = training.at(torch.tensor([7]))
    alone = model.heads(frozen.entities, one.queries[:, 0], one.pairs, most=-1)
    torch.testing.assert_close(frozen.own_heads[7:8], alone)
    assert not torch.allclose(frozen.own_heads[7], frozen.heads[one.queries[0, 0]])


def test_a_head_with_two_queries_keeps_the_edges_of_the_other_one(job):
    """Queries lie sorted by head: in one batch, they would hide each other's edges."""
    model = scrambled(job, "gnn")
    training = TrainingQueries(job.teacher_mkg)
    head = training.queries[:, 0].bincount().argmax()
    index = torch.nonzero(training.queries[:, 0] == head)[:, 0]
    frozen = freeze("gnn", model, training)
    distinct = frozen.own_heads[index].unique(dim=0)
    assert len(distinct) >= len(index) - 1  # a symmetric relation and its inverse hide the same edges


def test_heads_made_when_they_are_asked_for_are_each_without_its_own_edges(job):
    """Queries of one head, too, which together would hide each other's edges."""
    model, training = scrambled(job, "gnn"), TrainingQueries(job.teacher_mkg)
    frozen = freeze("gnn", model, training, few=True)
    head = training.queries[:, 0].bincount().argmax()
    some = torch.nonzero(training.queries[:, 0] == head)[:3, 0]
    parts = [training.at(one[None]) for one in some]
    alone = [model.heads(frozen.entities, part.queries[:, 0], part.pairs, most=-1) for part in parts]
    unasked = model.heads(frozen.entities, head[None], most=-1)  # no query of training, and no edge is its own
    index = torch.cat([some, torch.tensor([-1]), some[:1]])
    queries = training.queries[torch.cat([some, some[:1], some[:1]])]
    expected = torch.cat([*alone, unasked, alone[0]])
    torch.testing.assert_close(frozen.own_heads.of(queries[:, 0], index), expected)
    relations = frozen.relations[queries[:, 1]]
    torch.testing.assert_close(frozen.vectors(queries, index), frozen.score.query(expected, relations))


def test_of_a_hubs_neighbours_some_are_drawn_the_same_ones_each_time(job, monkeypatch):
    model, training = scrambled(job, "gnn"), TrainingQueries(job.teacher_mkg)
    whole = freeze("gnn", model, training).own_heads
    monkeypatch.setattr(teachers, "MOST", 3)
    torch.manual_seed(1)
    some = freeze("gnn", model, training).own_heads
    torch.manual_seed(2)
    assert torch.equal(freeze("gnn", model, training).own_heads, some)
    degree = job.teacher_mkg.edges[:, 2].bincount(minlength=job.dataset.num_entities)[training.queries[:, 0]]
    few, many = degree <= 3, degree > 8
    assert few.any()
    assert many.any()
    torch.testing.assert_close(some[few], whole[few])
    assert torch.isclose(some[many], whole[many]).all(1).float().mean() < 0.3  # whose edges are all their own


def test_a_target_that_is_moved_elsewhere_does_not_change_its_own_query(job):
    """Neither the candidates' table nor the head's messages carry the answer: only the target's vector is compared."""
    model = scrambled(job, "gnn")
    training = TrainingQueries(job.teacher_mkg)
    batch = training.at(torch.tensor([7]))
    table = model.fusion().detach()
    before = model.heads(table, batch.queries[:, 0], batch.pairs, most=-1)
    neighbours = set(job.teacher_mkg.edges[job.teacher_mkg.edges[:, 2] == batch.queries[0, 0], 0].tolist())
    only = [t for t in batch.target.tolist() if t in neighbours]
    table[only] += 10.0
    torch.testing.assert_close(model.heads(table, batch.queries[:, 0], batch.pairs, most=-1), before)


def test_frozen_scores_are_the_models_scores(job):
    model = scrambled(job, "plain")
    frozen = freeze("plain", model, None)
    queries = torch.tensor([[0, 1], [5, 30]])
    expected = model.score.query(frozen.entities[[0, 5]], model.relation[[1, 30]]) @ frozen.entities.T
    torch.testing.assert_close(frozen.logits(queries), expected)
    assert not frozen.entities.requires_grad


def test_a_teacher_of_pictures_alone_speaks_only_of_entities_with_a_picture(job):
    frozen = freeze("pictures", make_teacher(job, "pictures"), None)
    assert torch.equal(frozen.speaks, job.mkg.features["picture"].present)


def test_a_teacher_of_structure_alone_speaks_of_what_its_triples_hold(job):
    frozen = freeze("plain", make_teacher(job, "plain"), None)
    held = job.teacher_mkg.train[:, [0, 2]].unique()
    assert len(held) < job.dataset.num_entities
    assert torch.equal(torch.nonzero(frozen.speaks)[:, 0], held)
    assert not frozen.entities[~frozen.speaks].any(), "of others it has nothing"


@pytest.mark.parametrize("heat", [0.25, 1.0, 4.0])
def test_the_fitted_temperature_undoes_a_wrong_scale(job, heat):
    model, settings = make_teacher(job, "plain"), job.recipe.teachers["plain"]
    training, optimisers = TrainingQueries(job.teacher_mkg), optimisers_of(model, settings)
    for _ in range(3):
        fit_epoch(model, training, optimisers, settings, job.device)
    frozen = freeze("plain", model, None)
    relations = job.dataset.num_relations
    right = fit_temperature(frozen, job.dataset.valid, relations)
    hot = dataclasses.replace(frozen, entities=frozen.entities * heat)
    found = fit_temperature(hot, job.dataset.valid, relations)
    assert found == pytest.approx(right * heat, rel=0.02)


def drawn_teacher(entities=20, relations=2, **more):
    """Of random tables; those of entities and heads are two."""
    tables = [torch.randn(n, 4) for n in (entities, entities, 2 * relations)]
    return FrozenTeacher("", ComplEx(), *tables, torch.ones(entities, dtype=torch.bool), **more)


def drawn_triples(number, entities=20, relations=2):
    return torch.stack([torch.randint(n, (number,)) for n in (entities, relations, entities)], 1)


def test_the_fitted_temperature_is_the_best_for_both_directions_together():
    torch.manual_seed(0)
    teacher, triples = drawn_teacher(), drawn_triples(40)
    good = teacher.logits(queries_of(triples, 2)[0]).topk(2).indices
    triples[:20, 2], triples[20:, 0] = good[:20, 0], good[60:, 1]  # so that the best is no bound of the search
    queries, targets = queries_of(triples, 2)

    def loss(heat):
        return cross_entropy(teacher.logits(queries) / heat, targets)

    found = fit_temperature(teacher, triples, 2)
    assert 0.2 < found < 9
    assert loss(found) < min(loss(0.95 * found), loss(1.05 * found))


def test_a_temperature_is_fitted_on_triples_from_all_of_the_split():
    torch.manual_seed(0)
    teacher, triples = drawn_teacher(), drawn_triples(101)
    found = fit_temperature(teacher, triples, 2, most=5)
    assert found == fit_temperature(teacher, triples[[0, 25, 50, 75, 100]], 2)
    assert found != fit_temperature(teacher, triples[:5], 2)


@pytest.mark.parametrize("structure", [True, False])
def test_a_teacher_of_several_modalities_speaks_of_whom_has_any_of_them(structure):
    has = torch.tensor([[1, 1, 0, 0], [1, 0, 1, 0]], dtype=torch.bool)
    features = {name: Feature(name, torch.rand(4, 3) * own[:, None], own) for name, own in zip("ab", has, strict=True)}
    fusion = FUSIONS["blocks"](torch.ones(4, dtype=torch.bool), features, 2, 2, 2, structure=structure)
    assert speaks(Model(ComplEx(), fusion, 1)).tolist() == [True, True, True, False]


def test_a_query_that_is_none_of_training_has_the_head_of_its_entity():
    torch.manual_seed(0)
    own = torch.randn(3, 4)
    teacher = drawn_teacher(own_heads=own)
    queries, index = torch.tensor([[0, 1], [2, 3], [0, 1]]), torch.tensor([1, -1, -1])
    heads = torch.stack([own[1], teacher.heads[2], teacher.heads[0]])
    torch.testing.assert_close(teacher.vectors(queries, index), ComplEx().query(heads, teacher.relations[[1, 3, 1]]))
