"""The fast form against the plain one: values and gradients, in float64 and float32."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dsomgnn.batches import Batch
from dsomgnn.distill.fused import Lecture, distillation_slope, taught_cross_entropy
from dsomgnn.distill.losses import LossWeights, distillation, inside_mask
from dsomgnn.models.cross_entropy import cross_entropy
from dsomgnn.neighbourhood import Neighbourhood


def case(seed, rows=6, entities=11, width=4, spread=1.0, share=0.4, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    query, table = (spread * torch.randn(n, width, generator=generator, dtype=dtype) for n in (rows, entities))
    soft = (spread * torch.randn(rows, entities, generator=generator, dtype=dtype)).softmax(1)
    row = torch.randint(rows, (2 * rows,), generator=generator).sort().values
    target = torch.randint(entities, (2 * rows,), generator=generator)
    near = torch.rand(rows, entities, generator=generator) < share
    near[row, target] |= share > 0
    number = torch.randint(0, 3, (rows,), generator=generator).to(dtype)
    empty = torch.zeros(0, dtype=torch.long)
    batch = Batch(torch.zeros(rows, 2, dtype=torch.long), row, target, torch.arange(rows), empty)
    return query, table, soft, batch, Neighbourhood(*near.nonzero().unbind(1)), number


def plain(query, table, soft, batch, near, number, weights):
    logits = query @ table.T
    taught = distillation(logits, soft.log(), inside_mask(near, logits), weights)
    return cross_entropy(logits, batch.row, batch.target) + weights.gamma * (taught * number).sum() / len(batch.row)


def lectures(query, table, soft, batch, near, number, size, dtype=None):
    """The rows, `size` at a time, each with a bit of everything."""
    own, candidates = (x.detach().to(dtype or x.dtype) for x in (query, table))
    for rows, triples in batch.spans(size):
        scores, labels = own[rows] @ candidates.T, soft[rows].to(own.dtype, copy=True)
        part = batch.part(rows, triples), labels, near.part(near.within(rows), rows.start), number[rows]
        yield rows, Lecture((own[rows], candidates), scores, *part)


def fast(query, table, soft, batch, near, number, weights, dtype=None, measure=True, size=1000):
    own = lectures(query, table, soft, batch, near, number, size, dtype)
    return taught_cross_entropy(query, table, own, len(batch.row), weights, measure)[0]


def values_and_gradients(form, query, table, *rest):
    query, table = query.clone().requires_grad_(), table.clone().requires_grad_()
    loss = form(query, table, *rest)
    return loss.detach(), *torch.autograd.grad(loss, (query, table))


def assert_same(parts, weights, **tolerance):
    query, table, soft, batch, near, number = parts
    expected = values_and_gradients(plain, query, table, soft, batch, near, number, weights)
    found = values_and_gradients(
        lambda q, t: fast(q, t, soft, batch, near, number, weights),
        query,
        table,
    )
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, **tolerance)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 7),
    entities=st.integers(2, 12),
    spread=st.sampled_from([0.1, 1.0, 3.0]),
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    tau=st.sampled_from([1.0, 0.5, 3.0]),
    alpha=st.sampled_from([0.0, 1.0, 2.5]),
    beta=st.sampled_from([0.0, 1.0, 4.0]),
    switches=st.sampled_from([(True, True), (False, True), (True, False)]),
)
def test_fast_form_equals_plain_form(seed, rows, entities, spread, share, tau, alpha, beta, switches):
    weights = LossWeights(0.7, tau, alpha, beta, *switches)
    assert_same(case(seed, rows, entities, spread=spread, share=share), weights, atol=1e-9, rtol=1e-7)


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("tau", [1.0, 2.5])
def test_the_slope_of_distillation_alone_is_the_gradient_of_the_plain_form(tau, split):
    query, table, soft, _, near, _ = case(3)
    weights = LossWeights(5.0, tau, 0.5, 2.0, split=split)
    logits = (query @ table.T).requires_grad_()
    taught = distillation(logits, soft.log(), inside_mask(near, logits), weights).sum()
    found = distillation_slope(query @ table.T, soft.clone(), near, weights)
    torch.testing.assert_close(found, torch.autograd.grad(taught, logits)[0])


@pytest.mark.parametrize("size", [1, 2, 5])
def test_rows_taught_in_parts_are_those_taught_at_once(size):
    query, table, soft, batch, near, number = case(7, rows=9)
    rest = soft, batch, near, number * (batch.count > 0)  # a query without triples has no teachers
    at_once = values_and_gradients(lambda q, t: fast(q, t, *rest, LossWeights(0.7, 2.0)), query, table)
    in_parts = values_and_gradients(lambda q, t: fast(q, t, *rest, LossWeights(0.7, 2.0), size=size), query, table)
    torch.testing.assert_close(in_parts, at_once)


def test_the_gradient_is_of_the_loss_as_it_is_weighted():
    query, table, *rest = case(7)
    once = values_and_gradients(lambda q, t: fast(q, t, *rest, LossWeights()), query, table)
    thrice = values_and_gradients(lambda q, t: 3 * fast(q, t, *rest, LossWeights()), query, table)
    torch.testing.assert_close(thrice, tuple(3 * x for x in once))


def test_fast_form_holds_in_float32():
    assert_same(case(3, 20, 400, 16, dtype=torch.float32), LossWeights(), atol=2e-5, rtol=2e-4)


def test_a_confident_teacher_keeps_its_mass_outside():
    parts = list(case(5, 4, 50, dtype=torch.float32))
    scores = torch.zeros(4, 50)
    near = torch.zeros(4, 50, dtype=torch.bool)
    near[:, :3] = True
    scores[:, 0] = 16.0
    parts[2], parts[4] = scores.softmax(1), Neighbourhood(*near.nonzero().unbind(1))
    assert_same(parts, LossWeights(beta=8.0), atol=2e-5, rtol=2e-3)


@pytest.mark.parametrize("gap", [60.0, 90.0, 95.0, 110.0])
def test_where_the_teachers_mass_among_neighbours_underflows_they_are_not_pushed_down(gap):
    query, table, _, batch, _, number = case(5, 4, 50, dtype=torch.float32)
    soft, near = torch.zeros(4, 50), torch.zeros(4, 50, dtype=torch.bool)
    near[:, :3] = True
    soft[:, 4:] = gap
    given = soft.softmax(1), batch, Neighbourhood(*near.nonzero().unbind(1)), number + 1
    to_one = torch.ones(50, 1)  # all scores of a row go up alike: that changes no softmax
    for rows, lecture in lectures(query, table, *given, 1000):
        taught_cross_entropy(query, table, [(rows, lecture)], len(batch.row), LossWeights())
        torch.testing.assert_close(lecture.scores @ to_one, torch.zeros(4, 1), atol=1e-5, rtol=0)


@pytest.mark.parametrize("gap", [60.0, 90.0, 110.0])
def test_where_the_students_mass_among_neighbours_underflows_they_are_told_apart(gap):
    """By the plain form in float64, where nothing underflows."""
    query, table, soft, batch, near, number = case(5, 4, 50)
    query = torch.cat([query, query.new_ones(4, 1)], 1)
    inside = torch.zeros(50, dtype=torch.bool)
    inside[near.node], inside[batch.target] = True, True
    inside[40:] = False
    far = torch.where(inside, -gap, 0.0).to(query.dtype)[:, None]
    given = soft, batch, Neighbourhood(*inside.expand(4, 50).nonzero().unbind(1)), number + 1
    exact = values_and_gradients(plain, query, torch.cat([table, far], 1), *given, LossWeights())
    to_float = (
        x.float() if x.is_floating_point() else x for x in (query, torch.cat([table, far], 1), soft, number + 1)
    )
    query, table, soft, number = to_float
    rest = soft, batch, given[2], number, LossWeights()
    found = values_and_gradients(lambda q, t: fast(q, t, *rest), query, table)
    torch.testing.assert_close(found[2].double(), exact[2], atol=1e-5, rtol=1e-4)


def test_products_in_bfloat16_give_nearly_the_same_gradients():
    query, table, soft, batch, near, number = case(3, rows=40, entities=300, width=32, dtype=torch.float32)
    weights = LossWeights(0.7, 2.0, 1.5, 0.5)

    def gradients(dtype):
        def form(q, t):
            return fast(q, t, soft, batch, near, number, weights, dtype)

        return values_and_gradients(form, query, table)[1:]

    for low, full in zip(gradients(torch.bfloat16), gradients(None), strict=True):
        assert low.dtype == torch.float32
        assert not torch.equal(low, full)
        assert (low - full).norm() < 0.015 * full.norm()
