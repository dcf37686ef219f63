"""Scores against bounds: by bits the same as by value."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dsomgnn.rank.bounds import above, at_least

EDGES = [0.0, -0.0, 1e-45, -1e-45, 1e-40, -1e-40, 1.0, -1.0, 1.0 + 2**-20, -1.0 - 2**-20, 3e38, -3e38]


def every_bfloat16() -> torch.Tensor:
    """All 65,536 values but NaN."""
    values = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)
    return values[~values.isnan()]


def bounds_to_try() -> torch.Tensor:
    drawn = torch.randn(200, generator=torch.Generator().manual_seed(0)) * torch.logspace(-30, 30, 200)
    return torch.cat([torch.tensor([*EDGES, torch.inf, -torch.inf]), drawn, drawn.bfloat16().float()])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_every_value_against_every_kind_of_bound(dtype):
    bound, values = bounds_to_try(), every_bfloat16().to(dtype)
    scores = values.expand(len(bound), -1).contiguous()
    exact, limit = values.double().numpy()[None], bound.double().numpy()[:, None]
    assert np.array_equal(at_least(scores, bound), exact >= limit)
    assert np.array_equal(above(scores, bound), exact > limit)


def test_each_row_has_its_own_bound():
    scores = torch.tensor([[-2.0, -1.0, 0.0, 1.0], [-2.0, -1.0, 0.0, 1.0]], dtype=torch.bfloat16)
    for found in (at_least(scores, torch.tensor([1.0, -1.0])), above(scores, torch.tensor([0.0, -2.0]))):
        assert found.tolist() == [[False] * 3 + [True], [False, True, True, True]]
