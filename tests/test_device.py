"""What is called from Python leaves torch's random numbers and process-wide settings as it found them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import dsomgnn
from dsomgnn.device import left_as_found, prepare_torch


def settings_of_torch() -> dict:
    return {
        "threads": torch.get_num_threads(),
        "float32": torch.get_float32_matmul_precision(),
        "deterministic": torch.get_deterministic_debug_mode(),
        "filled": torch.utils.deterministic.fill_uninitialized_memory,
        "tiny": float(torch.full((), 1e-40).mul(1.0)) > 0,
        "drawn": torch.get_rng_state().tolist(),
    }


@pytest.fixture(autouse=True)
def others():
    """Settings that no run would choose."""
    with left_as_found():
        torch.set_num_threads(3)
        torch.set_float32_matmul_precision("high")
        torch.set_deterministic_debug_mode("default")
        torch.utils.deterministic.fill_uninitialized_memory = True
        torch.set_flush_denormal(False)
        torch.manual_seed(7)
        yield


CALLS: dict[str, Callable[[Path], object]] = {
    "fit": lambda run: dsomgnn.fit_recipe(run.parents[1] / "tiny.toml", "again", ["threads=1", "student.epochs=2"]),
    "rank": lambda run: dsomgnn.rank_run(run, model="all"),
    "explain": lambda run: dsomgnn.explain_run(run, "a", "likes"),
    "predict": lambda run: dsomgnn.load(run, "teacher:st").predict("a", "likes"),
    "discover": lambda run: dsomgnn.discover(dsomgnn.load(run), 3),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_process_that_calls_dsomgnn_keeps_its_own_settings_of_torch(workshop: Path, trained: Path, name: str):
    before = settings_of_torch()
    CALLS[name](trained)
    assert settings_of_torch() == before


def test_they_are_set_back_even_after_an_error():
    before = settings_of_torch()

    @left_as_found()
    def fail():
        prepare_torch(torch.device("cpu"), threads=1, sampled=True)
        assert not {"threads", "float32", "deterministic", "filled", "tiny"} & {
            name for name, value in settings_of_torch().items() if value == before[name]
        }
        torch.rand(3)
        raise ValueError("within")

    with pytest.raises(ValueError, match="within"):
        fail()
    assert settings_of_torch() == before
