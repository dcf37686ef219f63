"""The two measures of what a set of teachers did for the student."""

import torch

from dsomgnn.distill.losses import LossWeights, distillation, geometric, mix
from dsomgnn.distill.policy import set_weights
from dsomgnn.distill.rewards import Evidence, improvement, log_probability_gain

WEIGHTS = LossWeights(tau=1.5, alpha=0.7, beta=2.0)
ACTION = torch.tensor([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=torch.float64)


def case():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 7, generator=generator, dtype=torch.float64)
    log_probs = torch.randn(2, 4, 7, generator=generator, dtype=torch.float64).log_softmax(2)
    target = torch.tensor([0, 3, 2, 6])
    rivals = torch.rand(4, 7, generator=generator) < 0.7
    rivals[torch.arange(4), target] = True
    inside = torch.rand(4, 7, generator=generator) < 0.4
    return Evidence(logits, target, rivals), log_probs, inside


def cross_entropy(evidence: Evidence) -> torch.Tensor:
    """Mean -log p(target) of the student among the rivals."""
    return -evidence.of_target(evidence.student()).mean()


def test_own_improvement_is_what_a_small_step_on_the_taught_loss_does_to_the_filtered_cross_entropy():
    evidence, log_probs, inside = case()
    found = improvement(evidence.logits, log_probs, ACTION, inside, evidence.own_effect(), WEIGHTS)
    step = 1e-6
    logits = evidence.logits.clone().requires_grad_()
    soft = mix(log_probs[:, :3], set_weights(ACTION[:3]))
    (gradient,) = torch.autograd.grad(distillation(logits[:3], soft, inside[:3], WEIGHTS).sum(), logits)
    before, after = (evidence.of_target(evidence.log_probs(x.detach())) for x in (logits, logits - step * gradient))
    torch.testing.assert_close(found[:3], ((after - before) / step)[:3], rtol=1e-4, atol=1e-6)
    assert found[3] == 0, "an empty set does nothing"


def test_the_sum_credits_a_set_with_what_each_of_its_members_does():
    """Plain KL is linear in the soft labels, so there the sum over members is exact."""
    evidence, log_probs, inside = case()
    given, plain = (evidence.logits, log_probs), LossWeights(tau=1.5, split=False)

    def of(first: int, second: int, credit: str) -> torch.Tensor:
        action = torch.tensor([[first, second]], dtype=torch.float64).expand(4, -1)
        return improvement(*given, action, inside, evidence.own_effect(), plain, credit=credit)

    one, other = of(1, 0, "sum"), of(0, 1, "sum")
    torch.testing.assert_close(of(1, 1, "sum"), one + other)
    torch.testing.assert_close(of(1, 1, "mean"), (one + other) / 2)
    torch.testing.assert_close(of(1, 0, "mean"), one)
    assert (of(0, 0, "sum") == 0).all()


def test_with_the_split_too_a_teacher_that_says_what_the_student_says_adds_nothing_to_the_sum():
    evidence, log_probs, inside = case()
    log_probs[1] = (evidence.logits / WEIGHTS.tau).log_softmax(1)

    def of(first: int, second: int) -> torch.Tensor:
        action = torch.tensor([[first, second]], dtype=torch.float64).expand(4, -1)
        return improvement(evidence.logits, log_probs, action, inside, evidence.own_effect(), WEIGHTS, credit="sum")

    torch.testing.assert_close(of(1, 1), of(1, 0))
    assert of(1, 0).abs().min() > 0.01


def test_known_answers_do_not_compete():
    evidence, _, _ = case()
    other = evidence.logits.clone()
    other[~evidence.rivals] = 50.0
    same = Evidence(other, evidence.target, evidence.rivals)
    torch.testing.assert_close(cross_entropy(evidence), cross_entropy(same))
    assert (evidence.own_effect()[~evidence.rivals] == 0).all()


def test_own_effect_is_the_gradient_of_the_cross_entropy():
    evidence, _, _ = case()
    logits = evidence.logits.clone().requires_grad_()
    loss = cross_entropy(Evidence(logits, evidence.target, evidence.rivals)) * 4
    torch.testing.assert_close(torch.autograd.grad(loss, logits)[0], evidence.own_effect())


def test_log_probability_gain_by_hand():
    log_probs = torch.tensor([[[0.8, 0.1, 0.1]], [[0.2, 0.4, 0.4]]], dtype=torch.float64).log()
    evidence = Evidence(torch.zeros(1, 3, dtype=torch.float64), torch.tensor([0]), torch.ones(1, 3, dtype=torch.bool))
    one = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    both = geometric(log_probs, torch.tensor([[0.5, 0.5]], dtype=torch.float64))
    products = torch.tensor([0.8 * 0.2, 0.1 * 0.4, 0.1 * 0.4], dtype=torch.float64).sqrt()
    torch.testing.assert_close(both.exp()[0], products / products.sum())
    bar = torch.maximum(torch.tensor(1 / 3, dtype=torch.float64), both.exp()[0, 0]).log()
    gain = log_probability_gain(evidence, log_probs, one, torch.ones_like(one), 1.0)
    torch.testing.assert_close(gain[0], log_probs[0, 0, 0] - bar)
    assert log_probability_gain(evidence, log_probs, 0 * one, torch.ones_like(one), 1.0) == 0


def test_the_gain_compares_with_the_student_as_soft_as_the_teachers():
    logits = torch.tensor([[6.0, 0.0, 0.0]], dtype=torch.float64)
    evidence = Evidence(logits, torch.tensor([0]), torch.ones(1, 3, dtype=torch.bool))
    log_probs = torch.tensor([[[0.95, 0.02, 0.03]], [[0.5, 0.2, 0.3]]], dtype=torch.float64).log()
    one = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    gain = log_probability_gain(evidence, log_probs, one, torch.ones_like(one), tau=2.0)
    torch.testing.assert_close(gain[0], log_probs[0, 0, 0] - (logits / 2).log_softmax(1)[0, 0])
