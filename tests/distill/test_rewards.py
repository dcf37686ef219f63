"""The two measures of what a set of teachers did for the student."""

import math

import pytest
import torch

from dsomgnn.distill.losses import LossWeights, distillation, geometric, inside_mask, mix
from dsomgnn.distill.policy import set_weights
from dsomgnn.distill.rewards import improvement, log_probability_gain
from dsomgnn.distill.rivals import Rivals
from dsomgnn.neighbourhood import Neighbourhood

WEIGHTS = LossWeights(tau=1.5, alpha=0.7, beta=2.0)
ACTION = torch.tensor([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=torch.float64)
NOTHING = torch.zeros(0, dtype=torch.long)


class Case:
    """Four triples with scores (4, 7) of their own and two teachers."""

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        self.logits = torch.randn(4, 7, generator=generator, dtype=torch.float64)
        self.log_probs = torch.randn(2, 4, 7, generator=generator, dtype=torch.float64).log_softmax(2)
        known = torch.rand(4, 7, generator=generator) < 0.3
        self.rivals = Rivals(torch.arange(4), torch.tensor([0, 3, 2, 6]), *known.nonzero().unbind(1))
        self.near = Neighbourhood(*(torch.rand(4, 7, generator=generator) < 0.4).nonzero().unbind(1))
        self.effect = self.rivals.slope(self.logits.clone())

    def soft(self, shares: torch.Tensor) -> torch.Tensor:
        return torch.einsum("kbn,bk->bn", self.log_probs.exp(), shares)

    def improvement(self, action: torch.Tensor, weights: LossWeights, credit: str = "mean") -> torch.Tensor:
        return improvement(action, self.logits, self.soft, self.near, self.effect, weights, credit=credit)


def every(first: int, second: int) -> torch.Tensor:
    return torch.tensor([[first, second]], dtype=torch.float64).expand(4, -1)


def test_own_improvement_is_what_a_small_step_on_the_taught_loss_does_to_the_filtered_cross_entropy():
    case, step = Case(), 1e-6
    found = case.improvement(ACTION, WEIGHTS)
    logits = case.logits.clone().requires_grad_()
    soft, inside = mix(case.log_probs[:, :3], set_weights(ACTION[:3])), inside_mask(case.near, logits)
    (gradient,) = torch.autograd.grad(distillation(logits[:3], soft, inside[:3], WEIGHTS).sum(), logits)
    before, after = (case.rivals.log_prob(x) for x in (case.logits.clone(), case.logits - step * gradient))
    torch.testing.assert_close(found[:3], ((after - before) / step)[:3], rtol=1e-4, atol=1e-6)
    assert found[3] == 0, "an empty set does nothing"


def test_a_step_of_the_student_is_left_as_it_was():
    case = Case()
    before = case.logits.clone()
    torch.testing.assert_close(case.improvement(ACTION, WEIGHTS), case.improvement(ACTION, WEIGHTS))
    assert torch.equal(case.logits, before)


def test_the_sum_credits_a_set_with_what_each_of_its_members_does():
    """Plain KL is linear in the soft labels, so there the sum over members is exact."""
    case, plain = Case(), LossWeights(tau=1.5, split=False)

    def of(first: int, second: int, credit: str) -> torch.Tensor:
        return case.improvement(every(first, second), plain, credit)

    one, other = of(1, 0, "sum"), of(0, 1, "sum")
    torch.testing.assert_close(of(1, 1, "sum"), one + other)
    torch.testing.assert_close(of(1, 1, "mean"), (one + other) / 2)
    torch.testing.assert_close(of(1, 0, "mean"), one)
    assert (of(0, 0, "sum") == 0).all()


def test_with_the_split_too_a_teacher_that_says_what_the_student_says_adds_nothing_to_the_sum():
    case = Case()
    case.log_probs[1] = (case.logits / WEIGHTS.tau).log_softmax(1)
    one = case.improvement(every(1, 0), WEIGHTS, "sum")
    torch.testing.assert_close(case.improvement(every(1, 1), WEIGHTS, "sum"), one)
    assert one.abs().min() > 0.01


def test_log_probability_gain_by_hand():
    log_probs = torch.tensor([[[0.8, 0.1, 0.1]], [[0.2, 0.4, 0.4]]], dtype=torch.float64).log()
    rivals = Rivals(torch.tensor([0]), torch.tensor([0]), NOTHING, NOTHING)
    one = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    both = geometric(log_probs, torch.tensor([[0.5, 0.5]], dtype=torch.float64))
    products = torch.tensor([0.8 * 0.2, 0.1 * 0.4, 0.1 * 0.4], dtype=torch.float64).sqrt()
    torch.testing.assert_close(both.exp()[0], products / products.sum())
    for student in (1 / 3, 0.75):  # below and above what both together give
        student = torch.tensor([student], dtype=torch.float64).log()
        gain = log_probability_gain(one, rivals, student, log_probs, torch.ones_like(one))
        torch.testing.assert_close(gain, log_probs[0, :, 0] - torch.maximum(student, both[:, 0]))
        assert log_probability_gain(0 * one, rivals, student, log_probs, torch.ones_like(one)) == 0


def test_in_the_gain_known_answers_do_not_compete():
    log_probs = torch.tensor([[[0.2, 0.7, 0.1]], [[0.3, 0.1, 0.6]]], dtype=torch.float64).log()
    rivals = Rivals(torch.tensor([0]), torch.tensor([0]), torch.tensor([0]), torch.tensor([1]))
    one, student = torch.tensor([[1.0, 0.0]], dtype=torch.float64), torch.tensor([-9.0], dtype=torch.float64)
    both = (0.2 * 0.3) ** 0.5 / ((0.2 * 0.3) ** 0.5 + (0.1 * 0.6) ** 0.5)
    gain = log_probability_gain(one, rivals, student, log_probs, torch.ones_like(one))
    assert gain.item() == pytest.approx(math.log(0.2 / 0.3) - math.log(both))
