"""Optimisers of a model: Adagrad for embedding tables, Adam for everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn


def _adagrad(tables: list[nn.Parameter], lr: float, sparse: bool) -> torch.optim.Optimizer:
    """In one pass over memory where this torch has it for them."""
    version = tuple(int(x) for x in torch.__version__.split("+")[0].split(".")[:2])
    fused = version >= (2, 5) and not sparse and all(table.device.type == "cpu" for table in tables)
    return torch.optim.Adagrad(tables, lr=lr, **({"fused": True} if fused else {}))


class Optimisers:
    """`tables`: parameters that Adagrad moves with `lr`; Adam moves all others with `lr_dense`.

    `sparse`: a table's gradient may be sparse; then only its rows move, as all others would stay.
    """

    def __init__(self, model: nn.Module, tables: list[nn.Parameter], lr: float, lr_dense: float, sparse: bool = False):
        ids = {id(p) for p in tables}
        dense = [p for p in model.parameters() if id(p) not in ids]
        self.parts = [_adagrad(tables, lr, sparse)]
        if dense:
            self.parts.append(torch.optim.Adam(dense, lr=lr_dense))

    def step(self, losses: Iterable[Tensor]) -> None:
        """Move the parameters against the gradient of the losses' sum, each made after the one before is gone."""
        for part in self.parts:
            part.zero_grad()
        for loss in losses:
            loss.backward()
        with torch.sparse.check_sparse_tensor_invariants(enable=False):  # of Adagrad's own making; it would warn
            for part in self.parts:
                part.step()

    def state(self) -> dict[str, Tensor]:
        return {f"{i}.{k}": v for i, part in enumerate(self.parts) for k, v in optimiser_state(part).items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        for i, part in enumerate(self.parts):
            load_optimiser(part, scoped(state, f"{i}."))


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """State tensors by "parameter.name"."""
    state = optimiser.state_dict()["state"]
    return {f"{p}.{name}": torch.as_tensor(value) for p, entry in state.items() for name, value in entry.items()}


def load_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        parameter, name = key.split(".", 1)
        state.setdefault(int(parameter), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def scoped(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose name starts with the prefix, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
