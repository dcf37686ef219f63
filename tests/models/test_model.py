"""A model's loss, its merged rows, and what it must not see: its own edges, valid and test."""

from __future__ import annotations

import itertools

import pytest
import torch
from conftest import TINY, write_dataset

from dsomgnn.batches import TrainingQueries
from dsomgnn.build import build
from dsomgnn.data.features import Feature
from dsomgnn.fit import fit
from dsomgnn.models.encoders import RGCN, CompGCN
from dsomgnn.models.fusion import FUSIONS
from dsomgnn.models.model import Model
from dsomgnn.models.score import SCORES
from dsomgnn.pool import EVERYONE
from dsomgnn.ranking import open_model
from dsomgnn.recipe import load_recipe
from dsomgnn.run import Run
from dsomgnn.sampling import BlockSampler

ENCODERS = {"compgcn": CompGCN, "rgcn": RGCN}
every_model = pytest.mark.parametrize(
    ("name", "encoder"), [("complex", None), ("distmult", None), ("complex", "compgcn"), ("distmult", "rgcn")]
)


def make(mkg, name="complex", encoder=None, fanouts=(-1, -1)) -> Model:
    """In float64, with large weights, text for half of the entities, and every neighbour."""
    torch.manual_seed(0)
    score, size = SCORES[name](), mkg.num_entities
    present = torch.arange(size) % 2 == 0
    features = {"text": Feature("text", torch.randn(size, 3) * present[:, None], present)}
    fusion = FUSIONS["blocks"](mkg.structured, features, 4, 2, score.parts, init=0.5)
    made = sampler = None
    if encoder:
        made = ENCODERS[encoder](2 * mkg.num_relations, fusion.width, fusion.width, num_layers=len(fanouts))
        sampler = BlockSampler(mkg, fanouts)
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return Model(score, fusion, mkg.num_relations, made, sampler, init=0.5).double().eval()


@every_model
def test_the_loss_is_the_mean_over_triples_of_cross_entropy_and_n3(random_mkg, name, encoder):
    model = make(random_mkg, name, encoder)
    batch = TrainingQueries(random_mkg).at(torch.arange(5, 25))
    table = model.fusion()
    heads = model.heads(table, batch.queries[:, 0], batch.pairs)
    wanted = 0
    for row, target in zip(batch.row.tolist(), batch.target.tolist(), strict=True):
        head, relation = heads[row][None], model.relation[batch.queries[row, 1]][None]
        logits = (model.score.query(head, relation) @ table.T)[0]
        wanted += logits.logsumexp(0) - logits[target]
        wanted += 0.3 * sum(lengths(v, model.score.parts).pow(3).sum() for v in (head, relation, table[target]))
    torch.testing.assert_close(model.loss(batch, 0.3), wanted / len(batch.row))


@every_model
def test_merged_rows_have_the_loss_and_gradients_of_rows_apart(random_mkg, name, encoder):
    found = []
    for merge in (True, False):
        model = make(random_mkg, name, encoder)
        training = TrainingQueries(random_mkg, merge)
        loss = model.loss(training.at(torch.arange(len(training))), 0.3)
        loss.backward()
        found.append([loss.detach(), *(p.grad for p in model.parameters())])
    torch.testing.assert_close(found[0], found[1])


def lengths(vector: torch.Tensor, parts: int) -> torch.Tensor:
    """Of the components of a vector, over its parts."""
    return torch.stack(vector.chunk(parts, -1)).norm(dim=0)


@pytest.fixture(scope="module")
def thin(mkg_of):
    """0 -r0-> 1 is the only way from 0 to the target; 0 is also linked with 2. The mirrored 1 -r0-> 0 stands too."""
    return mkg_of([[0, 0, 1], [1, 0, 0], [0, 1, 2]], 4, 2)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_training_query_does_not_feel_its_target_and_a_new_query_does(thin, encoder):
    model = make(thin, "complex", encoder)
    table, head, own = model.fusion().detach(), torch.tensor([0]), torch.tensor([[0, 1]])

    def gradient(**how):
        x = table.clone().requires_grad_()
        model.heads(x, head, **how).square().sum().backward()
        return x.grad.any(1).tolist()

    assert gradient(own=own) == [True, False, True, False]
    assert gradient(own=own.flip(1), most=-1) == [True, False, True, False]
    assert gradient() == [True, True, True, False]


def test_repeated_heads_are_encoded_alike_and_in_order(random_mkg):
    model = make(random_mkg, encoder="compgcn")
    table, head = model.fusion(), torch.tensor([9, 3, 9, 39, 0, 3])
    found = model.heads(table, head)
    torch.testing.assert_close(found, torch.cat([model.heads(table, h[None]) for h in head]))


def test_encoding_all_in_chunks_is_encoding_all_at_once_with_every_neighbour(random_mkg):
    model = make(random_mkg, encoder="rgcn", fanouts=(1, 1))
    _, whole = model.encode_all()
    torch.testing.assert_close(model.encode_all(edges=7)[1], whole)
    some = torch.tensor([3, 11, 39])
    found = model.encode_all(some)[1]
    torch.testing.assert_close(found[some], whole[some])
    assert not found[[0, 38]].any()
    full = make(random_mkg, encoder="rgcn", fanouts=(-1, -1))
    torch.testing.assert_close(full.heads(full.fusion(), torch.arange(40)), whole)


def test_layers_that_come_to_too_many_edges_are_made_for_fewer_entities(random_mkg, monkeypatch):
    model, made = make(random_mkg, encoder="rgcn", fanouts=(1, 1)), []
    _, whole = model.encode_all()
    encode = model._encoded
    monkeypatch.setattr("dsomgnn.models.model.OF_ALL_LAYERS", 150)
    monkeypatch.setattr(model, "_encoded", lambda table, layers: made.append(layers) or encode(table, layers))
    torch.testing.assert_close(model.encode_all()[1], whole)
    assert len(made) > 2
    assert all(layers[-1].num_dst == 1 or sum(len(layer.src) for layer in layers) <= 150 for layers in made)


def test_of_a_hubs_neighbours_the_same_ones_are_heard_each_time(random_mkg, monkeypatch):
    model = make(random_mkg, encoder="rgcn", fanouts=(1,))
    _, whole = model.encode_all()
    monkeypatch.setattr("dsomgnn.models.model.HEARD", 2)
    torch.manual_seed(1)
    _, some = model.encode_all()
    torch.manual_seed(2)
    assert torch.equal(model.encode_all()[1], some)
    same = torch.isclose(some, whole).all(1)
    degree = random_mkg.homogeneous.in_degrees()
    assert same[degree <= 2].all()
    assert not same[degree > 8].any()


RECIPE = """
threads = 1
device = "cpu"
[data]
name = "data"
[features.text]
source = "text.tsv"
encoder = "tfidf-svd"
dim = 3
[teachers.text]
modalities = ["text"]
encoder = "ENCODER"
fanouts = [2, 3]
rank = 4
modality_rank = 2
structure_dropout = 0.2
batch = 4
epochs = 4
validate_every = 4
[student]
rank = 4
batch = 4
epochs = 4
validate_every = 4
[distill]
warmup = 2
walks = 3
[agent]
reserve = 0.2
epochs = 3
rows = 8
"""


def logits_after_training(folder, splits, encoder) -> list[torch.Tensor]:
    """Scores of every query by a message-passing teacher, and by the student that it and the agent taught."""
    data = write_dataset(folder / "data", splits)
    (data / "entities.tsv").write_text("a\nb\nc\nd\ne\nf\n")
    (data / "relations.tsv").write_text("likes\nknows\n")
    (data / "text.tsv").write_text("a\tred wine\nb\tred tea\nc\tgreen tea\ne\twhite wine and tea\n")
    (folder / "recipe.toml").write_text(RECIPE.replace("ENCODER", encoder))
    job, run = build(load_recipe(folder / "recipe.toml"), folder), Run.create(folder / "run", folder / "recipe.toml")
    fit(job, run)
    queries = torch.tensor(list(itertools.product(range(6), range(4))))
    return [open_model(job, run, name).logits(queries).detach() for name in ("teacher:text", "student")]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_changing_valid_or_test_triples_changes_no_logit_and_changing_train_does(tmp_path, encoder, monkeypatch):
    """What validation data may do is choose the epoch (there is one here) and the temperature (held fast here)."""
    monkeypatch.setattr("dsomgnn.evaluate.fit_temperature", lambda *_: 1.0)
    changed = {
        "valid": {**TINY, "valid": [("f", "likes", "e"), ("d", "likes", "b"), ("c", "knows", "f")]},
        "test": {**TINY, "test": [("a", "knows", "f")]},
        "train": {**TINY, "train": [("a", "knows", "b"), *TINY["train"][1:]]},
    }
    wanted = logits_after_training(tmp_path / "as it is", TINY, encoder)
    assert all(torch.isfinite(logits).all() and logits.std() > 0 for logits in wanted)
    for split, splits in changed.items():
        found = logits_after_training(tmp_path / split, splits, encoder)
        assert [torch.equal(a, b) for a, b in zip(found, wanted, strict=True)] == [split != "train"] * 2, split


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_loss_reads_heads_without_the_edges_of_its_batch(random_mkg, encoder):
    model = make(random_mkg, encoder=encoder)
    batch = TrainingQueries(random_mkg).at(torch.arange(12))
    head, table = batch.queries[:, 0], model.fusion()
    found = model.read(batch, EVERYONE, EVERYONE).head
    torch.testing.assert_close(found, model.heads(table, head, batch.pairs))
    assert not torch.isclose(found, model.heads(table, head)).all(1).any()
