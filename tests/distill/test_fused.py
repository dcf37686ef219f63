"""The fast form against the plain one: values and gradients, in float64 and float32."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dsomgnn.batches import Batch
from dsomgnn.distill.fused import taught_cross_entropy
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


def fast(query, table, soft, batch, near, number, weights, dtype=None, measure=True):
    factors = tuple(x.detach().to(dtype or x.dtype) for x in (query, table))
    soft = soft.to(factors[0].dtype, copy=True)
    at = (batch, soft, near, number, weights, measure)
    return taught_cross_entropy(query, table, factors, factors[0] @ factors[1].T, *at)[0]


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
