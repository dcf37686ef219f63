"""What is called from Python leaves torch's random numbers and process-wide settings as it found them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
import torch

import dsomgnn
from dsomgnn.device import _left_as_found, left_as_found, prepare_torch
from dsomgnn.processor import products


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
    with contextmanager(_left_as_found)():  # which no other thread waits for
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
    "compare": lambda run: dsomgnn.compare_runs([str(run), str(run)], resamples=100),
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


def test_threads_wait_for_one_another_and_find_what_each_finds_alone(workshop: Path):
    """Random numbers are of the whole process: two that draw at once would draw each other's."""

    def figures(seed: int, run: str) -> tuple:
        record = dsomgnn.fit_recipe("tiny.toml", f"{run}{seed}", [f"seed={seed}", "threads=1"])
        return seed, record["phases"]["student"]["valid_mrr"], dsomgnn.rank_run(f"{run}{seed}", model="all")["models"]

    one_by_one = [figures(seed, "alone") for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(figures, range(3), ["together"] * 3)) == one_by_one


def test_products_are_as_before_once_the_last_thread_has_gone():
    before, first_is_in, second_is_in, first_is_out = torch.get_float32_matmul_precision(), *(Event() for _ in range(3))
    other, during = ("medium" if before == "highest" else "highest"), []

    def first() -> None:
        with products(other):
            first_is_in.set()
            second_is_in.wait(20)
        first_is_out.set()

    def second() -> None:
        first_is_in.wait(20)
        with products(other):
            second_is_in.set()
            first_is_out.wait(20)
            during.append(torch.get_float32_matmul_precision())

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work) for work in (first, second)]:
            done.result()
    assert during == [other]
    assert torch.get_float32_matmul_precision() == before


def test_products_within_others_are_theirs_until_they_end():
    with products("medium"):
        with products("highest"):
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "medium"
    assert torch.get_float32_matmul_precision() == "high"
