"""The limit: the matrix products that a step cannot do without, into buffers made beforehand, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from dsomgnn.processor import fast_dtype, float32_precision
from speed.work import Done, Work

Product = Callable[[], object]


def training(work: Work, dtype: str, taught: bool = False) -> Iterator[Done | None]:
    """A step's three products with all entities, forward and backward, and one forward for each teacher."""
    query, table, scores = _operands(work, getattr(torch, dtype), work.sizes.batch)
    to_query, to_table = torch.ones_like(query), torch.ones_like(table)
    others = [torch.randn_like(table) for _ in range(work.sizes.teachers if taught else 0)]
    products: list[Product] = [
        lambda: torch.mm(query, table.T, out=scores),
        lambda: torch.mm(scores, table, out=to_query),
        lambda: torch.mm(scores.T, query, out=to_table),
        *(lambda other=other: torch.mm(query, other.T, out=scores) for other in others),
    ]
    yield from _turns(products, work.sizes.batch, work.sizes.steps)


def ranking(work: Work) -> Iterator[Done | None]:
    """The product of as many queries as the test split asks, in pieces, in the faster number format."""
    size = 256
    query, table, scores = _operands(work, fast_dtype(), size)
    yield from _turns([lambda: torch.mm(query, table.T, out=scores)], size, -(-2 * len(work.test) // size))


def _operands(work: Work, dtype: torch.dtype, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries (rows, d), entities (N, d), and a buffer of scores (rows, N)."""
    width = 2 * work.sizes.rank
    query, table = torch.randn(rows, width, dtype=dtype), torch.randn(work.entities, width, dtype=dtype)
    return query, table, torch.ones(rows, work.entities, dtype=dtype)


def _turns(products: Sequence[Product], rows: int, times: int) -> Iterator[Done | None]:
    """Turns in whichever setting of torch multiplies faster, and float32 exactly."""
    yield None
    setting = min(("highest", float32_precision()), key=lambda name: _seconds(name, products))
    while True:
        torch.set_float32_matmul_precision(setting)
        for _ in range(times):
            for product in products:
                product()
        yield Done(rows * times)


def _seconds(setting: str, products: Sequence[Product]) -> float:
    torch.set_float32_matmul_precision(setting)
    products[0]()
    started = time.perf_counter()
    for product in products:
        product()
    return time.perf_counter() - started
