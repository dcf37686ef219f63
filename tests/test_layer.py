"""A layer's plain tensor operations are DGL's message passing, in values and gradients."""

from __future__ import annotations

import pytest
import torch

from dsomgnn._dgl import dgl
from dsomgnn.layer import Layer


@pytest.fixture
def layer() -> Layer:
    """9 sources, 5 destinations, the fourth with one edge and the last with none; parallel edges, unsorted."""
    src = torch.tensor([8, 0, 3, 3, 5, 1, 7, 2, 2, 6])
    dst = torch.tensor([0, 2, 0, 0, 1, 2, 3, 0, 2, 1])
    return Layer(src, dst, torch.arange(10) % 4, torch.arange(9) * 10, 5)


def value_and_gradient(function, x):
    x = x.clone().requires_grad_()
    out = function(x)
    weights = torch.arange(out.numel(), dtype=out.dtype).view_as(out).sin()
    return out.detach(), torch.autograd.grad((out * weights).sum(), x)[0]


def update_all(layer, reduce):
    def function(messages):
        block = layer.block
        block.edata["m"] = messages
        block.update_all(dgl.function.copy_e("m", "m"), reduce("m", "out"))
        return block.dstdata["out"]

    return function


@pytest.mark.parametrize("name", ["sum", "mean"])
def test_aggregation_equals_update_all(layer, name):
    messages = torch.randn(10, 5, dtype=torch.float64)
    plain = value_and_gradient(update_all(layer, getattr(dgl.function, name)), messages)
    torch.testing.assert_close(value_and_gradient(getattr(layer, name), messages), plain)


@pytest.mark.parametrize("shape", [(10,), (10, 3)], ids=["one", "heads"])
def test_softmax_equals_edge_softmax(layer, shape):
    logits = 5 * torch.randn(shape, dtype=torch.float64)
    plain = value_and_gradient(lambda x: dgl.nn.functional.edge_softmax(layer.block, x), logits)
    torch.testing.assert_close(value_and_gradient(layer.softmax, logits), plain)


def test_softmax_stands_large_logits(layer):
    logits = torch.full((10,), 1e4).index_fill_(0, torch.tensor([0]), -1e4)
    weights = layer.softmax(logits)
    assert torch.isfinite(weights).all()
    torch.testing.assert_close(layer.sum(weights), torch.tensor([1.0, 1, 1, 1, 0]))


def test_keep_drops_edges_and_nothing_else(layer):
    kept = layer.keep(layer.etype != 0)
    assert kept.src.tolist() == [0, 3, 3, 1, 7, 2, 6]
    assert kept.dst.tolist() == [2, 0, 0, 2, 3, 0, 1]
    assert 0 not in kept.etype
    assert (kept.num_src, kept.num_dst) == (9, 5)
