"""What the processor is good at: float32 products are exact on it, however they are multiplied."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from dsomgnn.device import prepare_torch
from dsomgnn.processor import float32_precision, products


@pytest.fixture
def as_before():
    before = torch.get_float32_matmul_precision(), torch.get_deterministic_debug_mode()
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.set_deterministic_debug_mode(before[1])


def error(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one @ other.T - one.double() @ other.double().T).abs().max())


def test_products_of_a_run_are_as_exact_as_float32_can_be(as_before):
    """Where a processor has tiles for bfloat16, the fastest setting of torch rounds to it: 1,000 times the error."""
    one, other = torch.randn(300, 400), torch.randn(2000, 400)
    prepare_torch(torch.device("cpu"), threads=0, sampled=True)
    found = error(one, other)
    with products("highest"):
        assert found <= 4 * error(one, other)


def test_numbers_too_small_for_float32_are_0_in_every_thread_of_a_run():
    """Extreme scores leave such numbers in a softmax; Intel processors multiply them 100 times slower."""
    code = """
import torch
from dsomgnn.device import prepare_torch
prepare_torch(torch.device("cpu"), threads=2, sampled=True)
tiny = torch.full((4_000_000,), 1e-40)
print(int((tiny * 1.0).count_nonzero()))
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "0"


@pytest.mark.parametrize(("rounding", "expected"), [(False, "medium"), (True, "highest")])
def test_the_fast_setting_is_taken_only_where_it_does_not_round(monkeypatch, rounding, expected):
    setting, matmul = [], torch.Tensor.__matmul__

    def multiply(one, other):
        rounds = rounding and setting and setting[-1] == "medium" and one.dtype == torch.float32
        return matmul(one.bfloat16().float(), other.bfloat16().float()) if rounds else matmul(one, other)

    monkeypatch.setattr(torch, "set_float32_matmul_precision", setting.append)
    monkeypatch.setattr(torch.Tensor, "__matmul__", multiply)
    assert float32_precision.__wrapped__() == expected


def test_products_are_set_back_even_after_an_error():
    before, during = torch.get_float32_matmul_precision(), []

    @products("medium" if before == "highest" else "highest")
    def fail():
        during.append(torch.get_float32_matmul_precision())
        raise ValueError("within")

    with pytest.raises(ValueError, match="within"):
        fail()
    assert during != [before]
    assert torch.get_float32_matmul_precision() == before
