"""Paths of one or two train facts between two entities: what a model could have inferred an answer from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice, product

from torch import Tensor

from dsomgnn.data.triples import degrees

MOST = 10


@dataclass(frozen=True)
class Path:
    """`relations` in turn, r + R for one that is walked backwards; `through` the entity between, of `degree` facts."""

    relations: tuple[int, ...]
    through: int | None = None
    degree: int = 0


@dataclass(frozen=True)
class Paths:
    """At most MOST paths, direct ones first, then those through entities of few facts; and how many there are."""

    shown: tuple[Path, ...]
    count: int


def paths(edges: Tensor, start: int, relation: int, end: int) -> Paths:
    """Paths from `start` to `end` over directed edges (2n, 3), edge i + n being the reciprocal of edge i.

    The fact itself, `start` and `end` under `relation`, is no path; no path visits a place twice.
    """
    if start == end:
        return Paths((), 0)
    edges = edges[~_either_way(edges, (start, relation, end))]
    out, back = edges[edges[:, 0] == start], edges[edges[:, 2] == end]
    direct = [Path((step,)) for step in out[out[:, 2] == end, 1].tolist()]
    there, on = _grouped(out[:, 2], out[:, 1]), _grouped(back[:, 0], back[:, 1])
    between = (there.keys() & on.keys()) - {start, end}
    degree = degrees(edges[: len(edges) // 2])
    indirect = (
        Path(steps, node, int(degree[node]))
        for node in sorted(between, key=lambda node: (int(degree[node]), node))
        for steps in product(there[node], on[node])
    )
    count = len(direct) + sum(len(there[node]) * len(on[node]) for node in between)
    return Paths(tuple(islice(chain(direct, indirect), MOST)), count)


def _either_way(edges: Tensor, fact: tuple[int, int, int]) -> Tensor:
    """Whether an edge is the fact or its reciprocal, (2n,) bool."""
    same = (edges == edges.new_tensor(fact)).all(1)
    return same | same.roll(len(edges) // 2)


def _grouped(node: Tensor, relation: Tensor) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = {}
    for key, value in zip(node.tolist(), relation.tolist(), strict=True):
        groups.setdefault(key, []).append(value)
    return groups
