"""Encoders equal their plain per-edge formulas."""

from __future__ import annotations

import pytest
import torch

from dsomgnn.layer import Layer
from dsomgnn.models.encoders import RGCN, CompGCN, Lookup

R2 = 6  # three relations and their reciprocals
DIM = 4


def layers_and_x():
    """Two layers over 9, 6 and 3 entities; the last destination of each has no edge."""
    generator = torch.Generator().manual_seed(0)
    layers = []
    for sources, destinations, edges in [(9, 6, 25), (6, 3, 8)]:
        src = torch.randint(sources, (edges,), generator=generator)
        dst = torch.randint(destinations - 1, (edges,), generator=generator)
        etype = torch.randint(R2, (edges,), generator=generator)
        layers.append(Layer(src, dst, etype, torch.arange(sources), destinations))
    return layers, torch.randn(9, DIM, generator=generator, dtype=torch.float64)


def randomised(encoder):
    """Weights far from the near-zero start, so that every term counts."""
    torch.manual_seed(1)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter)
    return encoder.double().eval()


def passed(layers, x, message, update):
    """Plain message passing: update(i, own vector, mean of the messages) layer by layer."""
    for i, layer in enumerate(layers):
        edges = list(zip(layer.src.tolist(), layer.etype.tolist(), layer.dst.tolist(), strict=True))
        new = []
        for node in range(layer.num_dst):
            sent = [message(i, x[s], r) for s, r, d in edges if d == node]
            new.append(update(i, x[node], sum(sent) / len(sent) if sent else None))
        x = torch.stack(new)
    return x


@pytest.mark.parametrize("out", [DIM, 3], ids=["same", "resized"])
def test_rgcn_per_basis_equals_one_matrix_per_relation(out):
    encoder = randomised(RGCN(R2, DIM, out, num_layers=2, bases=3))
    layers, x = layers_and_x()

    def message(i, source, relation):
        bases = encoder.basis[i].weight.split(DIM, 1)
        return sum(a * v for a, v in zip(encoder.share[i][relation], bases, strict=True)) @ source  # W_r = sum a_rb V_b

    def update(i, own, mean):
        kept = encoder.resize(own) if i == 1 else own
        return kept + encoder.loop[i](own) + (0 if mean is None else mean)

    torch.testing.assert_close(encoder(layers, x), passed(layers, x, message, update))


@pytest.mark.parametrize("out", [DIM, 3], ids=["same", "resized"])
def test_compgcn_equals_a_plain_loop(out):
    encoder = randomised(CompGCN(R2, DIM, out, num_layers=2))
    layers, x = layers_and_x()

    def message(i, source, relation):
        direction = encoder.forth[i] if relation < R2 // 2 else encoder.back[i]
        return direction.weight @ (source * encoder.relation[relation])

    def update(i, own, mean):
        kept = encoder.resize(own) if i == 1 else own
        return kept + encoder.loop[i](own) + (0 if mean is None else mean)

    torch.testing.assert_close(encoder(layers, x), passed(layers, x, message, update))


def test_lookup_is_the_seeds_own_vector():
    layers, x = layers_and_x()
    assert torch.equal(Lookup(R2, DIM, DIM)(layers, x), x[:3])
    with pytest.raises(ValueError, match="4 columns into 3"):
        Lookup(R2, DIM, 3)


def test_compgcn_drops_messages_in_training_only_and_never_the_entity_itself():
    torch.manual_seed(0)
    encoder = CompGCN(2, 8, 8, dropout=0.5)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter)
    layer = Layer(torch.tensor([1, 2]), torch.tensor([0, 0]), torch.tensor([0, 1]), torch.arange(3), 1)
    x = torch.randn(3, 8)
    whole = encoder.eval()([layer], x)
    assert torch.equal(whole, encoder([layer], x))
    own, dropped = x[:1], encoder.train()([layer], x)
    kept = dropped != own
    assert 0 < kept.sum() < 8
    torch.testing.assert_close((dropped - own)[kept], 2 * (whole - own)[kept])
