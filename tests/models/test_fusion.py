"""Fusion: what is absent adds nothing, whatever stands in its place."""

from __future__ import annotations

import pytest
import torch

from dsomgnn.data.features import Feature
from dsomgnn.models.fusion import FUSIONS
from dsomgnn.models.score import ComplEx

N, RANK, SMALL = 6, 4, 3
STRUCTURED = torch.tensor([1, 1, 1, 0, 0, 0]).bool()
HAS = {"text": torch.tensor([1, 0, 1, 1, 0, 0]).bool(), "picture": torch.tensor([0, 0, 1, 1, 1, 0]).bool()}
every_kind = pytest.mark.parametrize("kind", FUSIONS)


def features(hidden: float = 0.0) -> dict[str, Feature]:
    """Two modalities, with `hidden` in the rows of those that lack them."""
    generator = torch.Generator().manual_seed(1)
    made = {}
    for (name, present), dim in zip(HAS.items(), (5, 2), strict=True):
        values = torch.randn(N, dim, generator=generator)
        made[name] = Feature(name, torch.where(present[:, None], values, hidden), present)
    return made


def make(kind: str, hidden: float = 0.0, structured: torch.Tensor = STRUCTURED, **options):
    torch.manual_seed(0)
    fusion = FUSIONS[kind](structured, features(hidden), RANK, SMALL, 2, init=0.5, **options)
    for project in fusion.project.values():
        torch.nn.init.normal_(project.bias)  # a bias must not speak for those who have nothing
    return fusion


def value_and_gradients(fusion):
    out = fusion()
    (out * torch.arange(out.numel()).view_as(out).sin()).sum().backward()
    return out.detach(), {name: p.grad for name, p in fusion.named_parameters()}


@every_kind
def test_what_stands_in_place_of_an_absent_modality_changes_neither_value_nor_gradient(kind):
    value, gradients = value_and_gradients(make(kind))
    other, others = value_and_gradients(make(kind, hidden=100.0))
    assert torch.equal(value, other)
    torch.testing.assert_close(gradients, others, rtol=0, atol=0)


@every_kind
def test_without_a_modality_it_is_what_it_would_be_if_none_had_it_and_afterwards_as_before(kind):
    fusion = make(kind)
    before, nobody = fusion(), make(kind)
    nobody.mask_text = torch.zeros(N, dtype=torch.bool)
    with fusion.without("text"):
        found = fusion()
    assert torch.equal(found, nobody(torch.arange(N)))
    assert not torch.equal(found, before)
    assert torch.equal(fusion(), before)


@every_kind
def test_who_has_nothing_is_a_zero_vector(kind):
    assert not make(kind)()[5].any()
    assert make(kind)()[:5].any(1).all()


@every_kind
def test_an_entity_without_train_triple_has_no_structure_vector_and_training_gives_it_none(kind):
    fusion = make(kind)
    assert not fusion.table[~STRUCTURED].any()
    before, gradients = value_and_gradients(fusion)
    with torch.no_grad():
        fusion.table += gradients["table"]
    after = fusion()
    assert torch.equal(after[~STRUCTURED], before[~STRUCTURED])
    assert (after[STRUCTURED] != before[STRUCTURED]).any(1).all()
    assert not gradients["table"][~STRUCTURED].any()
    assert gradients["table"][STRUCTURED].any(1).all()


@every_kind
def test_structure_dropout_hides_structure_in_training_only(kind):
    whole, bare = make(kind)(), make(kind, structured=torch.zeros(N, dtype=torch.bool))()
    fusion = make(kind, structure_dropout=0.2)
    fusion.eval()
    assert torch.equal(fusion(), whole)
    fusion.train()
    dropped = torch.zeros(N)
    for _ in range(200):
        out = fusion()
        as_whole, as_bare = (out == whole).all(1), (out == bare).all(1)
        assert (as_whole | as_bare).all()  # the others' vectors are neither scaled nor touched
        dropped += as_bare & STRUCTURED
    assert ((dropped[STRUCTURED] > 15) & (dropped[STRUCTURED] < 80)).all()


def test_a_score_of_blocks_is_the_sum_of_one_complex_score_per_block():
    fusion, score = make("blocks"), ComplEx()
    relation = torch.randn(1, fusion.width).expand(N, -1)
    whole = score.query(fusion(), relation) @ fusion().T
    widths = [RANK, SMALL, SMALL]
    assert fusion.width == 2 * sum(widths)
    real, imaginary = (x.split(widths, 1) for x in relation.chunk(2, 1))
    vectors, _ = fusion.sources()
    parts = [score.query(v, torch.cat([re, im], 1)) @ v.T for v, re, im in zip(vectors, real, imaginary, strict=True)]
    torch.testing.assert_close(whole, sum(parts))
    assert all(part.any() for part in parts)


def test_sum_adds_the_sources():
    fusion = make("sum")
    text, picture = (fusion.project["of_" + name](features()[name].values) for name in HAS)
    structure = fusion.table * STRUCTURED[:, None]
    wanted = structure + text * HAS["text"][:, None] + picture * HAS["picture"][:, None]
    torch.testing.assert_close(fusion(), wanted)


def test_gate_weighs_those_who_are_there_by_a_softmax_and_no_other():
    fusion = make("gate")
    out, (vectors, masks) = fusion(), fusion.sources()
    torch.testing.assert_close(out[1], vectors[0][1])  # structure alone: weight 1
    torch.testing.assert_close(out[4], vectors[2][4])  # picture alone
    for entity in range(N):
        there = [i for i in range(3) if masks[i][entity]]
        weights = torch.stack([fusion.gate[i](vectors[i][entity]) for i in there]).softmax(0) if there else []
        wanted = sum((w * vectors[i][entity] for w, i in zip(weights, there, strict=True)), torch.zeros(fusion.width))
        torch.testing.assert_close(out[entity], wanted)


@every_kind
def test_products_in_bfloat16_are_nearly_the_same_in_training_and_exact_float32_outside_it(kind):
    (exact, wanted), cheaper = value_and_gradients(make(kind)), make(kind, products=torch.bfloat16)
    value, gradients = value_and_gradients(cheaper)
    assert value.dtype == torch.float32
    assert not torch.equal(value, exact)
    torch.testing.assert_close(value, exact, rtol=0.02, atol=0.02)
    torch.testing.assert_close(gradients, wanted, rtol=0.05, atol=0.05)
    assert torch.equal(cheaper.eval()(), exact)


@every_kind
def test_modalities_alone_make_an_entity_where_there_is_no_structure(kind):
    fusion = make(kind, structure=False)
    assert fusion.table is None
    assert fusion().any(1).tolist() == (HAS["text"] | HAS["picture"]).tolist()
