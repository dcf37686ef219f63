"""The decoupled loss: the identity of its split, its edges, its gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dsomgnn.distill.losses import LossWeights, decoupled_kl, distillation, kl, mix

PLAIN = LossWeights(split=False)


def distributions(seed, rows=5, entities=9, spread=3.0):
    generator = torch.Generator().manual_seed(seed)
    p, s = (spread * torch.randn(rows, entities, generator=generator, dtype=torch.float64) for _ in range(2))
    inside = torch.rand(rows, entities, generator=generator) < torch.rand(rows, 1, generator=generator)
    return p.log_softmax(1), s, inside


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), spread=st.sampled_from([0.01, 1.0, 8.0, 60.0]))
def test_kl_is_the_sum_of_its_three_parts(seed, spread):
    log_p, s, inside = distributions(seed, spread=spread)
    log_u = s.log_softmax(1)
    binary, within, beyond, mass = decoupled_kl(log_p, log_u, inside)
    torch.testing.assert_close(binary + mass * within + (1 - mass) * beyond, kl(log_p, log_u), atol=1e-8, rtol=1e-8)


def test_parts_equal_a_hand_computed_case():
    log_p = torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64).log()
    log_u = torch.tensor([[0.25, 0.25, 0.5]], dtype=torch.float64).log()
    binary, within, beyond, mass = decoupled_kl(log_p, log_u, torch.tensor([[True, True, False]]))
    log = lambda x: torch.tensor(x, dtype=torch.float64).log()  # noqa: E731
    torch.testing.assert_close(mass, torch.tensor([0.75], dtype=torch.float64))
    torch.testing.assert_close(binary[0], 0.75 * log(0.75 / 0.5) + 0.25 * log(0.25 / 0.5))
    torch.testing.assert_close(within[0], 2 / 3 * log((2 / 3) / 0.5) + 1 / 3 * log((1 / 3) / 0.5))
    assert beyond[0] == 0


@pytest.mark.parametrize("members", [0, 1, 8, 9])
def test_an_empty_single_or_whole_group_gives_zero_and_finite_gradients(members):
    log_p, s, _ = distributions(3)
    inside = (torch.arange(9) < members).expand(5, 9)
    s.requires_grad_()
    _, within, beyond, _ = decoupled_kl(log_p, s.log_softmax(1), inside)
    if members <= 1:
        assert within.abs().max() < 1e-12
    if members >= 8:
        assert beyond.abs().max() < 1e-12
    (within + beyond).sum().backward()
    assert torch.isfinite(s.grad).all()


def test_a_confident_teacher_in_float32_agrees_with_float64():
    """1 - m_T by subtraction would be off by a fifth here: the mass outside is 5e-6."""
    z = torch.zeros(1, 1000, dtype=torch.float64)
    z[0, 0] = 19.0
    s = torch.randn(1, 1000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    inside = torch.zeros(1, 1000, dtype=torch.bool)
    inside[0, :5] = True
    exact = decoupled_kl(z.log_softmax(1), s.log_softmax(1), inside)
    rough = decoupled_kl(z.float().log_softmax(1), s.float().log_softmax(1), inside)
    assert 1 - exact[3] < 1e-5
    for a, b in zip(exact, rough, strict=True):
        torch.testing.assert_close(a.float(), b, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("extreme", [1e4, -1e4])
def test_extreme_logits_leave_finite_gradients(extreme):
    log_p, s, inside = distributions(5)
    s[:, 2] = extreme
    s.requires_grad_()
    distillation(s, log_p, inside, LossWeights(alpha=0.7, beta=3.0)).sum().backward()
    assert torch.isfinite(s.grad).all()


@pytest.mark.parametrize(
    ("tau", "alpha", "beta", "binary"), [(1.0, 1.0, 1.0, True), (2.5, 0.3, 4.0, True), (0.5, 0, 2.0, False)]
)
def test_gradient_equals_the_closed_form(tau, alpha, beta, binary):
    """The dense pass and the sparse fix of METHOD, in float64."""
    log_p, s, inside = distributions(11)
    s.requires_grad_()
    distillation(s, log_p, inside, LossWeights(1.0, tau, alpha, beta, binary)).sum().backward()
    p, u = log_p.exp(), (s.detach() / tau).softmax(1)
    m_t, m_s = ((x * inside).sum(1, keepdim=True) for x in (p, u))
    outside = u * (beta - binary * (m_s - m_t)) / (1 - m_s) - beta * p / (1 - m_t)
    within = u * (alpha + binary * (m_s - m_t)) / m_s - alpha * p / m_t
    torch.testing.assert_close(s.grad, tau * torch.where(inside, within, outside))


def test_plain_kl_is_the_split_with_the_masses_as_weights():
    log_p, s, inside = distributions(2)
    _, within, beyond, mass = decoupled_kl(log_p, s.log_softmax(1), inside)
    whole = distillation(s, log_p, inside, PLAIN)
    decoupled = distillation(s, log_p, inside, LossWeights())
    torch.testing.assert_close(decoupled - whole, (1 - mass) * within + mass * beyond)


def test_no_loss_where_the_student_is_the_teacher():
    log_p, _, inside = distributions(4)
    assert distillation(log_p.clone(), log_p, inside, LossWeights()).abs().max() < 1e-9


def test_soft_labels_of_a_set_are_the_mean_of_its_members():
    log_probs = torch.randn(3, 4, 6, dtype=torch.float64).log_softmax(2)
    weights = torch.tensor([[1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]], dtype=torch.float64)
    expected = torch.einsum("kbn,bk->bn", log_probs.exp(), weights)
    torch.testing.assert_close(mix(log_probs, weights).exp(), expected)
    assert torch.isfinite(mix(log_probs, weights)).all()
