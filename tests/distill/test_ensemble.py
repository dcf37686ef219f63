"""All teachers as one: the mean of their probabilities, or their product."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dsomgnn.distill.ensemble import Ensemble
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.models.score import DistMult
from dsomgnn.ranking import open_ranking

N, R, D = 6, 2, 4


def teacher(seed: int, speaks: list[bool], temperature: float) -> FrozenTeacher:
    generator = torch.Generator().manual_seed(seed)
    entities, relations = torch.randn(N, D, generator=generator), torch.randn(2 * R, D, generator=generator)
    return FrozenTeacher("x", DistMult(), entities, entities, relations, torch.tensor(speaks), None, temperature)


def test_it_is_the_mean_of_those_that_speak_of_the_head_or_of_all_where_none_does():
    one = teacher(0, [True, True, False, False, True, True], 0.7)
    two = teacher(1, [True, False, True, False, True, True], 2.0)
    queries = torch.tensor([[0, 0], [1, 1], [2, 3], [3, 0]])
    p, q = (t.logits(queries).div(t.temperature).softmax(1) for t in (one, two))
    wanted = torch.stack([(p[0] + q[0]) / 2, p[1], q[2], (p[3] + q[3]) / 2])
    assert torch.allclose(Ensemble([one, two]).logits(queries).exp(), wanted, atol=1e-6)


def test_it_is_the_normalised_product_where_they_are_multiplied():
    one = teacher(0, [True, True, False, False, True, True], 0.7)
    two = teacher(1, [True, False, True, False, True, True], 2.0)
    queries = torch.tensor([[0, 0], [1, 1], [2, 3], [3, 0]])
    p, q = (t.logits(queries).div(t.temperature).softmax(1) for t in (one, two))
    both = (p * q).sqrt()
    both /= both.sum(1, keepdim=True)
    wanted = torch.stack([both[0], p[1], q[2], both[3]])
    assert torch.allclose(Ensemble([one, two], "product").logits(queries).exp(), wanted, atol=1e-6)


def test_answers_too_improbable_for_a_float_are_still_told_apart():
    certain = teacher(0, [True] * N, 1e-3)
    found = Ensemble([certain, teacher(1, [True] * N, 1e-3)]).logits(torch.tensor([[0, 0]]))[0]
    assert (found.exp() == 0).sum() > 1
    assert found.isfinite().all()
    assert len(found.unique()) == N - 1  # the first of either teacher has half of all


@pytest.mark.parametrize("combine", ["mean", "product"])
def test_a_run_is_ranked_by_the_ensemble_that_its_student_was_taught_by(combine: str, workshop: Path, call):
    assert call("fit", "tiny.toml", "--run", "run", "--set", f"distill.combine={combine}").code == 0
    ranking = open_ranking("run", ["ensemble"])
    ensemble = ranking.model("ensemble")
    teachers = [ranking.model(name) for name in ranking.teachers]
    queries = torch.tensor([[0, 0], [1, 1], [2, 0]])
    assert len(teachers) > 1
    torch.testing.assert_close(ensemble.logits(queries), Ensemble(teachers, combine).logits(queries))
    other = "product" if combine == "mean" else "mean"
    assert not torch.allclose(ensemble.logits(queries), Ensemble(teachers, other).logits(queries))
