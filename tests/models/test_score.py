"""Scores and the N3 regulariser are their formulas, number by number."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dsomgnn.models.score import SCORES, ComplEx, DistMult, n3


def complex_rows(x: Tensor) -> list[list[complex]]:
    """Vectors (n, 2d), real half then imaginary half, as Python complex numbers."""
    return torch.complex(*x.chunk(2, -1)).tolist()


def score_of(score, head, relation, candidates) -> Tensor:
    return score.query(head, relation) @ candidates.T


def test_complex_is_the_real_part_of_the_trilinear_product():
    h, r, t = torch.randn(3, 5, 8, dtype=torch.float64)
    found = score_of(ComplEx(), h, r, t)
    for i, (a, b) in enumerate(zip(complex_rows(h), complex_rows(r), strict=True)):
        for j, c in enumerate(complex_rows(t)):
            wanted = sum((x * y * z.conjugate()).real for x, y, z in zip(a, b, c, strict=True))
            assert found[i, j].item() == pytest.approx(wanted)


def test_complex_by_hand():
    """h = 1 + 2i, r = 3 - i, t = 2 + i: h r conj(t) = (5 + 5i)(2 - i) = 15 + 5i; t r conj(h) = (7 + i)(1 - 2i)."""
    h, r, t = (torch.tensor([x]) for x in ([1.0, 2.0], [3.0, -1.0], [2.0, 1.0]))
    assert score_of(ComplEx(), h, r, t).item() == 15
    assert score_of(ComplEx(), t, r, h).item() == 9


def test_distmult_by_hand():
    h, r, t = torch.tensor([[1.0, 2, 3]]), torch.tensor([[2.0, 0, -1]]), torch.tensor([[4.0, 9, 5], [1, 1, 1]])
    assert score_of(DistMult(), h, r, t).tolist() == [[8 - 15, 2 - 3]]


def test_a_conjugate_relation_asks_complex_the_other_way_round():
    """So reciprocal relations can hold any relation: s(h, r, t) = s(t, conj(r), h)."""
    h, r, t = torch.randn(3, 4, 6, dtype=torch.float64)
    there = score_of(ComplEx(), h, r, t).diagonal()
    back = score_of(ComplEx(), t, torch.cat([r[:, :3], -r[:, 3:]], 1), h).diagonal()
    torch.testing.assert_close(there, back)
    assert not torch.allclose(there, score_of(ComplEx(), t, r, h).diagonal())  # and it can be asymmetric


@pytest.mark.parametrize(("name", "cubes"), [("complex", [125.0, 1.0 + 8.0]), ("distmult", [27.0 + 64.0, 1 + 8.0])])
def test_n3_by_hand(name, cubes):
    """One vector (3, 4): modulus 5 as a complex number; another of two components of moduli 1 and 2."""
    one, two = torch.tensor([[3.0, -4.0]]), torch.tensor([[0.0, -2.0, 1.0, 0.0]])
    two = two if name == "complex" else two[:, 1:3]
    found = n3(SCORES[name](), [(one, torch.tensor([2.0])), (two, torch.tensor([0.5]))])
    assert found.item() == pytest.approx(2 * cubes[0] + 0.5 * cubes[1])


@pytest.mark.parametrize("name", SCORES)
def test_n3_of_zero_has_a_finite_gradient(name):
    x = torch.zeros(2, 4, requires_grad=True)
    n3(SCORES[name](), [(x, torch.ones(2))]).backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("name", SCORES)
def test_gradient_of_n3_equals_finite_differences(name):
    x, y = torch.randn(3, 8, dtype=torch.float64, requires_grad=True), torch.randn(2, 8, dtype=torch.float64)
    weight, other = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64), torch.tensor([3.0, 1.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v: 0.7 * n3(SCORES[name](), [(v, weight), (y, other)]), x)
