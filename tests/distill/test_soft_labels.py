"""Soft labels of chosen sets of teachers: equal to the plain mean and to the plain product."""

from __future__ import annotations

import pytest
import torch

from dsomgnn.batches import Batch
from dsomgnn.distill.losses import LossWeights, geometric, mix
from dsomgnn.distill.soft_labels import soft_labels
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.models.score import ComplEx
from dsomgnn.pool import EVERYONE, Pool

N, K = 9, 3
LOW_AND_FULL = (torch.bfloat16, torch.float32)
COMBINED = {"mean": mix, "product": geometric}


def teachers():
    generator = torch.Generator().manual_seed(0)
    return [
        FrozenTeacher(
            str(k), ComplEx(), *(torch.randn(n, 6, generator=generator) for n in (N, N, 4)),
            torch.ones(N, dtype=torch.bool), temperature=1.0 + k,
        )
        for k in range(K)
    ]  # fmt: skip


def asked(rows: int) -> Batch:
    queries = torch.stack([torch.arange(rows), torch.arange(rows) % 4], 1)
    return Batch(queries, *(torch.zeros(0, dtype=torch.long),) * 2, torch.arange(rows), torch.zeros(0))


def pools() -> list[Pool]:
    return [EVERYONE, Pool.around(torch.tensor([1, 4, 7]), 3, N, torch.Generator().manual_seed(2))]


@pytest.mark.parametrize("pool", pools(), ids=["everyone", "pool"])
@pytest.mark.parametrize("combine", COMBINED)
@pytest.mark.parametrize("sets", [[[1, 1, 1]], [[0, 1, 0]], [[1, 0, 1], [1, 1, 1]], [[0, 0, 1], [1, 0, 1], [0, 1, 1]]])
def test_soft_labels_of_every_kind_of_set_equal_the_plain_form(sets, combine, pool):
    shares = torch.tensor(sets * 2, dtype=torch.float32)
    shares /= shares.sum(1, keepdim=True)
    batch = asked(len(shares))
    found = soft_labels(teachers(), batch, shares, LossWeights(tau=2.0, combine=combine), pool=pool)
    log_probs = torch.stack([t.log_probs(batch.queries, None, 2.0, pool) for t in teachers()])
    torch.testing.assert_close(found, COMBINED[combine](log_probs, shares).exp())
    torch.testing.assert_close(found.sum(1), torch.ones(len(shares)))


@pytest.mark.parametrize("sets", [[[1, 0, 1], [0, 0, 0]], [[0, 0, 0]]])
def test_the_mean_of_no_teachers_is_zero(sets):
    action = torch.tensor(sets * 2, dtype=torch.float32)
    shares = action / action.sum(1, keepdim=True).clamp(min=1)
    batch = asked(len(shares))
    expected = mix(torch.stack([t.log_probs(batch.queries, None, 2.0) for t in teachers()]), shares).exp()
    torch.testing.assert_close(soft_labels(teachers(), batch, shares, LossWeights(tau=2.0)), expected)
    assert (expected[action.sum(1) == 0] == 0).all()


@pytest.mark.parametrize("combine", COMBINED)
def test_only_rows_that_chose_a_teacher_are_multiplied(combine, monkeypatch):
    asked_for, real = [], FrozenTeacher.logits

    def counted(self, queries, *rest):
        asked_for.append((self.name, len(queries)))
        return real(self, queries, *rest)

    monkeypatch.setattr(FrozenTeacher, "logits", counted)
    shares = torch.tensor([[0.5, 0.0, 0.5], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    soft_labels(teachers(), asked(3), shares, LossWeights(combine=combine))
    assert asked_for == [("0", 1), ("2", 2)]


@pytest.mark.parametrize("combine", COMBINED)
def test_a_batch_that_chose_no_teacher_has_finite_soft_labels(combine):
    found = soft_labels(teachers(), asked(2), torch.zeros(2, K), LossWeights(combine=combine))
    assert found.shape == (2, N)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("combine", COMBINED)
def test_in_bfloat16_they_are_nearly_the_same(combine):
    shares = torch.full((4, K), 1 / K)
    low, full = (soft_labels(teachers(), asked(4), shares, LossWeights(combine=combine), t) for t in LOW_AND_FULL)
    assert low.dtype == torch.bfloat16
    assert (low.float() - full).abs().max() < 0.02


def test_a_product_can_favour_what_no_member_favours_most():
    """Two teachers are torn between the right answer and a wrong one of their own: both know the right one."""
    log_probs = torch.tensor([[[0.45, 0.54, 0.01]], [[0.45, 0.01, 0.54]]]).log()
    half = torch.tensor([[0.5, 0.5]])
    assert geometric(log_probs, half).exp()[0, 0] > 0.7
    assert mix(log_probs, half).exp()[0, 0] == pytest.approx(0.45)
