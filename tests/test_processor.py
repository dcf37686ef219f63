"""What the processor is good at: float32 products are exact on it, however they are multiplied."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import dsomgnn.processor
from dsomgnn.device import prepare_torch
from dsomgnn.processor import fast_dtype, float32_precision, number_format, products


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


CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_bfloat16_is_taken_only_where_it_is_asked_for_and_faster(monkeypatch):
    for faster, capability in ((torch.float32, (7, 5)), (torch.bfloat16, (9, 0))):
        monkeypatch.setattr(dsomgnn.processor, "fast_dtype", lambda faster=faster: faster)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, found=capability: found)
        assert number_format("bfloat16", CPU) == number_format("bfloat16", GPU) == faster
        assert {number_format("float32", device) for device in (CPU, GPU)} == {torch.float32}


def test_the_faster_format_is_the_one_that_multiplies_sooner(monkeypatch):
    for slow in (torch.float32, torch.bfloat16):
        monkeypatch.setattr(dsomgnn.processor, "_seconds", lambda dtype, slow=slow: 2.0 if dtype == slow else 1.0)
        assert fast_dtype.__wrapped__() != slow


def test_a_run_on_a_processor_that_is_slower_at_bfloat16_is_one_in_float32_and_says_so(
    workshop: Path, call, monkeypatch
):
    """All models of it, teachers with projections and the taught student too: torch would take 75 times as long."""
    monkeypatch.setattr(dsomgnn.processor, "fast_dtype", lambda: torch.float32)
    asked = [f"{name}.products=bfloat16" for name in ("teachers.s", "teachers.st", "student")]
    told = call("fit", "tiny.toml", "--run", "low", *(word for change in asked for word in ("--set", change)))
    assert "products are float32: this processor is slower at bfloat16" in told.err
    assert "float32:" not in call("fit", "tiny.toml", "--run", "full").err
    used = json.loads(Path("low/record.json").read_text())["products"]
    assert used == dict.fromkeys(("s", "st", "student"), "float32")
    told = call("check", "tiny.toml", "--set", asked[0]).out
    assert "products  float32\n" in told
    monkeypatch.setattr(dsomgnn.processor, "fast_dtype", lambda: torch.bfloat16)
    told = call("check", "tiny.toml", "--set", asked[0]).out
    assert "products  bfloat16 of s; float32 of st, student\n" in told
    low, full = (load_file(f"{run}/student.safetensors") for run in ("low", "full"))
    assert all(torch.equal(low[name], full[name]) for name in full)
