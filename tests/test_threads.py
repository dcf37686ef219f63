"""Work in threads of its own: all of it done, torch as it was, and what goes wrong told."""

from __future__ import annotations

import threading

import pytest
import torch

from dsomgnn.threads import apart


@pytest.mark.parametrize("threads", [1, 3])
def test_every_part_is_worked_on_once(threads):
    done = []
    apart(done.append, range(50), threads)
    assert sorted(done) == list(range(50))


def test_each_thread_computes_alone_and_torch_is_as_before():
    before, seen, meet = torch.get_num_threads(), [], threading.Barrier(2, timeout=20)

    def look(_: int) -> None:
        meet.wait()  # both threads are at work at the same time
        seen.append((threading.get_ident(), torch.get_num_threads(), torch.is_grad_enabled()))

    with torch.no_grad():
        apart(look, range(2), 2)
    assert len({thread for thread, _, _ in seen}) == 2
    assert [what for _, *what in seen] == [[1, False]] * 2
    assert torch.get_num_threads() == before
    assert torch.is_grad_enabled()


def test_an_error_in_a_thread_is_raised_and_the_rest_left():
    before, done = torch.get_num_threads(), []

    def work(part: int) -> None:
        if part == 0:
            raise ValueError("part 0")
        done.append(part)

    with pytest.raises(ValueError, match="part 0"):
        apart(work, range(10_000), 2)
    assert len(done) < 10_000
    assert torch.get_num_threads() == before
