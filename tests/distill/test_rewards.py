"""The two measures of what a set of teachers did for the student."""

import math

import pytest
import torch

from dsomgnn.distill.losses import LossWeights, distillation, inside_mask, mix
from dsomgnn.distill.policy import set_weights
from dsomgnn.distill.rewards import improvement, log_probability_gain
from dsomgnn.distill.rivals import Rivals
from dsomgnn.neighbourhood import Neighbourhood

WEIGHTS = LossWeights(tau=1.5, alpha=0.7, beta=2.0)
ACTION = torch.tensor([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=torch.float64)


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
    before, after = (case.rivals.log_share(x.softmax(1)) for x in (case.logits, case.logits - step * gradient))
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


P = torch.tensor([[[0.8, 0.1, 0.1]], [[0.2, 0.4, 0.4]]], dtype=torch.float64)  # two teachers, one triple


def gain(action: list[float], known: list[int], everyone: float, student: float) -> float:
    others = torch.tensor(known, dtype=torch.long)
    rivals = Rivals(torch.tensor([0]), torch.tensor([0]), torch.zeros_like(others), others)
    bar, own = (torch.tensor([value], dtype=torch.float64).log() for value in (everyone, student))
    soft = lambda shares: torch.einsum("kbn,bk->bn", P, shares)  # noqa: E731
    return log_probability_gain(torch.tensor([action], dtype=torch.float64), rivals, soft, bar, own).item()


def test_log_probability_gain_by_hand():
    assert gain([1, 0], [], 0.5, 0.3) == pytest.approx(math.log(0.8 / 0.5))
    assert gain([0, 1], [], 0.5, 0.3) == pytest.approx(math.log(0.2 / 0.5))
    assert gain([1, 1], [], 0.5, 0.3) == pytest.approx(0, abs=1e-12), "all teachers gain nothing on all teachers"
    assert gain([0, 0], [], 0.5, 0.3) == pytest.approx(math.log(0.3 / 0.5)), "no teacher: the student"


def test_in_the_gain_known_answers_do_not_compete():
    assert gain([1, 0], [1], 0.5, 0.3) == pytest.approx(math.log(0.8 / 0.9 / 0.5))


def test_a_mean_of_teachers_that_err_apart_gains_more_than_either():
    """Over triples where each is right in turn: what a measure to first order never sees."""
    soft = [torch.tensor(p, dtype=torch.float64) for p in ([[0.9, 0.1], [0.1, 0.9]], [[0.1, 0.9], [0.9, 0.1]])]
    rivals = Rivals(torch.arange(2), torch.tensor([0, 0]), *torch.zeros(2, 0, dtype=torch.long).unbind(0))

    def mean_of(*action: float) -> float:
        chosen, none = torch.tensor([action, action], dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
        labels = lambda shares: sum(s[:, None] * p for s, p in zip(shares.T, soft, strict=True))  # noqa: E731
        return log_probability_gain(chosen, rivals, labels, none, none).mean().item()

    assert mean_of(1, 0) == mean_of(0, 1) < mean_of(1, 1)
