"""The fused cross entropy is the plain one, and merged rows are rows apart."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from dsomgnn.models.cross_entropy import cross_entropy, fused_cross_entropy

ROW = torch.tensor([0, 0, 0, 1, 2, 2])
TARGET = torch.tensor([4, 1, 4, 0, 6, 2])  # row 0 asks for 4 twice


def tables(scale: float = 1.0):
    generator = torch.Generator().manual_seed(0)
    query, candidates = (torch.randn(n, 5, dtype=torch.float64, generator=generator) for n in (3, 7))
    return (scale * query).requires_grad_(), candidates.requires_grad_()


def test_merged_rows_cost_what_their_triples_cost_apart():
    query, candidates = tables()
    logits = query @ candidates.T
    wanted = functional.cross_entropy(logits[ROW], TARGET)
    torch.testing.assert_close(cross_entropy(logits, ROW, TARGET), wanted)


@pytest.mark.parametrize("scale", [1.0, 30.0, 3000.0], ids=["small", "large", "extreme"])
def test_fused_equals_plain_in_value_and_gradients(scale):
    query, candidates = tables(scale)
    plain = 3 * cross_entropy(query @ candidates.T, ROW, TARGET)
    fused = 3 * fused_cross_entropy(query, candidates, ROW, TARGET)
    each = functional.cross_entropy((query @ candidates.T)[ROW], TARGET, reduction="none")
    most = -math.log(torch.finfo(each.dtype).tiny)
    assert (each > most).any() == (scale == 3000)
    torch.testing.assert_close(fused, 3 * each.clamp(max=most).mean())
    wanted = torch.autograd.grad(plain, (query, candidates))
    torch.testing.assert_close(torch.autograd.grad(fused, (query, candidates)), wanted)


def test_fused_gradient_equals_finite_differences():
    assert torch.autograd.gradcheck(lambda q, c: fused_cross_entropy(q, c, ROW, TARGET), tables())


def test_a_row_without_triple_weighs_nothing():
    query, candidates = tables()
    loss = fused_cross_entropy(query, candidates, torch.tensor([0, 2]), torch.tensor([1, 1]))
    torch.testing.assert_close(loss, functional.cross_entropy((query @ candidates.T)[[0, 2]], torch.tensor([1, 1])))
    assert not torch.autograd.grad(loss, query)[0][1].any()
