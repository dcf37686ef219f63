"""Optimisers: who is moved by what, and that a restored one goes on as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from dsomgnn.build import build, make_teacher
from dsomgnn.epochs import optimisers_of
from dsomgnn.optimise import Optimisers, scoped
from dsomgnn.recipe import load_recipe


class Toy(nn.Module):
    def __init__(self, dense: bool = True):
        super().__init__()
        self.table = nn.Parameter(torch.arange(6.0).view(3, 2))
        self.dense = nn.Linear(2, 1, bias=False) if dense else nn.Identity()

    def forward(self) -> torch.Tensor:
        return self.dense(self.table).square().sum()


def made(dense: bool = True) -> tuple[Toy, Optimisers]:
    torch.manual_seed(0)
    toy = Toy(dense)
    return toy, Optimisers(toy, [toy.table], lr=0.1, lr_dense=0.01)


def test_the_first_step_moves_tables_by_lr_and_the_rest_by_lr_dense():
    """Adagrad's and Adam's first steps are lr times the gradient's sign."""
    toy, optimisers = made()
    table, weight = toy.table.detach().clone(), toy.dense.weight.detach().clone()
    optimisers.step([toy()])
    assert torch.allclose(toy.table, table - 0.1 * toy.table.grad.sign(), atol=1e-6)
    assert torch.allclose(toy.dense.weight, weight - 0.01 * toy.dense.weight.grad.sign(), atol=1e-6)


def test_the_second_step_of_adagrad_by_hand():
    toy, optimisers = made(dense=False)
    x = 1.0
    seen = 0.0
    for _ in range(2):  # loss = sum of squares, entry (0, 1) starts at 1
        seen += (2 * x) ** 2
        x -= 0.1 * 2 * x / seen**0.5
        optimisers.step([toy()])
    assert toy.table[0, 1].item() == pytest.approx(x, rel=1e-6)


def test_gradients_do_not_pile_up_from_step_to_step():
    toy, optimisers = made(dense=False)
    for _ in range(3):
        table = toy.table.detach().clone()
        optimisers.step([toy()])
    assert torch.allclose(toy.table.grad, 2 * table)


@pytest.mark.parametrize("dense", [True, False])
def test_restored_optimisers_take_exactly_the_steps_that_the_first_would_have_taken(dense: bool):
    toy, optimisers = made(dense)
    for _ in range(3):
        optimisers.step([toy()])
    other, restored = made(dense)
    other.load_state_dict(toy.state_dict())
    restored.load({name: value.clone() for name, value in optimisers.state().items()})
    for _ in range(3):
        optimisers.step([toy()])
        restored.step([other()])
    assert all(torch.equal(a, b) for a, b in zip(toy.parameters(), other.parameters(), strict=True))


def test_scoped_keeps_only_its_own_names():
    one = torch.ones(1)
    assert scoped({"a.b.c": one, "ab.c": one, "x.a.b": one}, "a.") == {"b.c": one}


class Rows(nn.Module):
    """Some rows of a table, seen through a sparse gradient or not; a row may stand twice."""

    def __init__(self, sparse: bool):
        super().__init__()
        self.table, self.sparse = nn.Parameter(torch.arange(10.0).view(5, 2)), sparse

    def forward(self, rows: list[int]) -> torch.Tensor:
        picked = nn.functional.embedding(torch.tensor(rows), self.table, sparse=self.sparse)
        return (picked.square().sum(1) * torch.arange(1, 1 + len(rows))).sum()


def test_a_sparse_gradient_moves_its_rows_as_a_dense_one_and_comes_back_from_its_state():
    ends = []
    for sparse in (False, True):
        model = Rows(sparse)
        optimisers = Optimisers(model, [model.table], 0.1, 0.1, sparse)
        for rows in ([0, 3], [3, 1, 3], [0]):
            optimisers.step([model(rows), model(rows[:1])])
            state = {name: value.clone() for name, value in optimisers.state().items()}
            optimisers = Optimisers(model, [model.table], 0.1, 0.1, sparse)
            optimisers.load(state)
        ends.append((model.table.detach(), optimisers.state()["0.0.sum"]))
    torch.testing.assert_close(ends[0], ends[1])
    assert ends[1][0][[2, 4]].tolist() == [[4, 5], [8, 9]], "no other row moves"


def test_adagrad_moves_the_tables_of_a_model_and_adam_what_is_left(workshop: Path):
    job = build(load_recipe(Path("tiny.toml")))
    teacher = make_teacher(job, "st")
    tables, rest = optimisers_of(teacher, job.recipe.teachers["st"]).parts
    assert isinstance(tables, torch.optim.Adagrad)
    assert {id(p) for p in tables.param_groups[0]["params"]} == {id(teacher.relation), id(teacher.fusion.table)}
    assert isinstance(rest, torch.optim.Adam)
