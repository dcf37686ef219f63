"""Reliability by hand."""

from __future__ import annotations

import pytest
import torch

from dsomgnn.rank.calibration import calibration


def test_bins_and_error_by_hand():
    confidence = torch.tensor([0.05, 0.15, 0.75, 0.79, 1.0])
    correct = torch.tensor([False, True, True, False, True])
    found = calibration(confidence, correct)
    assert [(b["low"], b["high"], b["n"], b["accuracy"]) for b in found["bins"]] == [
        (0.0, 0.1, 1, 0.0), (0.1, 0.2, 1, 1.0), (0.7, 0.8, 2, 0.5), (0.9, 1.0, 1, 1.0)
    ]  # fmt: skip
    assert found["bins"][2]["confidence"] == pytest.approx(0.77)
    assert found["ece"] == pytest.approx((0.05 + 0.85 + 2 * 0.27 + 0) / 5)
    assert (found["accuracy"], found["n"]) == (0.6, 5)


def test_probabilities_that_mean_what_they_say_have_no_error():
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(40_000, generator=generator)
    correct = torch.rand(40_000, generator=generator) < confidence
    assert calibration(confidence, correct)["ece"] < 0.02
    assert calibration(confidence, ~correct)["ece"] > 0.4
