"""Right answers among what is not known to be one: by hand, by autograd, and where there are no rivals at all."""

import torch

from dsomgnn.distill.rivals import Rivals

ROW, TARGET = torch.tensor([0, 0, 2, 2, 3]), torch.tensor([1, 4, 0, 3, 5])
KNOWN = {0: [1, 4, 2], 1: [0], 2: [0, 3], 3: [2]}  # the last target is not among its row's answers
RIVALS = Rivals(ROW, TARGET, *torch.tensor([(row, one) for row, known in KNOWN.items() for one in known]).unbind(1))


def scores(spread: float = 3.0) -> torch.Tensor:
    return spread * torch.randn(4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def plain(given: torch.Tensor) -> torch.Tensor:
    """-log p(target), one triple at a time."""
    found = []
    for row, target in zip(ROW.tolist(), TARGET.tolist(), strict=True):
        rivals = [e for e in range(6) if e == target or e not in KNOWN[row]]
        found.append(given[row, rivals].logsumexp(0) - given[row, target])
    return torch.stack(found)


def test_only_what_is_no_known_answer_competes():
    torch.testing.assert_close(RIVALS.log_share(scores().softmax(1)), -plain(scores()))


def test_the_slope_is_the_gradient_of_the_sum_over_triples():
    given = scores().requires_grad_()
    (wanted,) = torch.autograd.grad(plain(given).sum(), given)
    found = RIVALS.slope(scores())
    torch.testing.assert_close(found, wanted)
    assert (found[1] == 0).all(), "a row that no triple asks"


def test_a_target_without_rivals_is_certain():
    every = torch.arange(6)
    alone = Rivals(torch.tensor([0]), torch.tensor([2]), torch.zeros(6, dtype=torch.long), every)
    assert alone.log_share(scores().float().softmax(1)).item() == 0
    assert (alone.slope(scores().float())[0] == 0).all()


def test_a_target_without_any_probability_is_unlikely_not_impossible():
    p = torch.zeros(4, 6)
    p[:, 5] = 1.0
    found = RIVALS.log_share(p)
    assert found.isfinite().all()
    assert (found[:4] < -80).all()


def test_a_sure_student_still_learns_what_it_lacks():
    """What a target leaves to its rivals is not lost to rounding, as 1 - p would be."""
    given = torch.zeros(4, 6)
    given[ROW, TARGET] = 30.0
    exact = RIVALS.slope(given.double())
    torch.testing.assert_close(RIVALS.slope(given), exact.float(), rtol=1e-4, atol=0)
    assert (exact[ROW, TARGET] < 0).all()
