"""What the agent chose: counts over an epoch, overall, per relation and per kind of head."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dsomgnn.batches import rows_within, step_memory
from dsomgnn.data.triples import Dataset
from dsomgnn.distill.agent import Agent
from dsomgnn.distill.distiller import Distiller, Step
from dsomgnn.distill.reinforce import Rollout

MOST_QUERIES = 20_000


class Tally:
    """Sums over the steps of an epoch, on their device until they are asked for."""

    def __init__(self, names: list[str]):
        self.names = names
        self.triples = self.measured = 0
        self.fit: Tensor | int = 0
        self.losses: Tensor | int = 0
        self.chosen: Tensor | int = 0
        self.rounds: list[Tensor] = []

    def add(self, step: Step, measured: bool) -> None:
        """Loss and taught part count where they were measured."""
        count, none = len(step.action), step.action.sum(1, keepdim=True) == 0
        self.triples += count
        self.chosen += torch.cat([step.action, none], 1).sum(0, dtype=torch.float64)
        self.fit += step.fit.double() * count
        if measured:
            self.measured += count
            self.losses += torch.stack([step.loss.detach(), step.taught]).double() * count

    def add_lesson(self, rollout: Rollout) -> None:
        self.rounds.append(torch.stack([rollout.reward.mean(), rollout.entropy.mean()]).detach())

    def event(self) -> dict[str, Any]:
        """Loss parts, share of each teacher, share of empty sets, mean reward and entropy of the agent."""
        loss, taught = _each(self.losses, self.measured, 2)
        (fit,) = _each(self.fit, self.triples, 1)
        *shares, empty = _each(self.chosen, self.triples, len(self.names) + 1)
        event: dict[str, Any] = {"loss": loss, "fit": fit, "taught": taught}
        event |= {"share": dict(zip(self.names, shares, strict=True)), "empty": empty}
        if self.rounds:
            event["reward"], event["entropy"] = torch.stack(self.rounds).double().mean(0).tolist()
        return event


def _each(total: Tensor | int, number: int, width: int) -> list[float]:
    """Means of sums over so many, 0 where there was none."""
    return (total / number).reshape(width).tolist() if isinstance(total, Tensor) else [0.0] * width


@torch.no_grad()
def choice_report(distiller: Distiller, dataset: Dataset, batch: int = 512) -> dict[str, Any]:
    """Mean probability of each teacher over training triples: overall, per relation and side, per kind of head.

    Over at most MOST_QUERIES queries, evenly spread. Empty for a fixed choice: there is nothing to report.
    """
    if not isinstance(distiller.choice, Agent):
        return {}
    probability, empty, heads = [], [], []
    number = len(distiller.training)
    if not distiller.candidates:
        batch = min(
            batch, rows_within(dataset.num_entities, 3, torch.float32, step_memory(distiller.student.relation.device))
        )
    chosen = torch.linspace(0, number - 1, min(number, MOST_QUERIES), dtype=torch.float64).long()
    for index in chosen.split(batch):
        part = distiller.training.at(index)
        p, mask = distiller.probabilities(part)
        heads.append(part.queries[part.row])
        probability.append((p * mask).cpu())
        empty.append(((1 - p * mask).prod(1)).cpu())
    p = torch.cat(probability)
    queries = torch.cat(heads)
    names = [teacher.name for teacher in distiller.teachers]
    relations = distiller.neighbours.mkg.edge_types()
    report: dict[str, Any] = {"overall": _means(p, names), "empty": torch.cat(empty).mean().item()}
    report["relations"] = _grouped(p, names, queries[:, 1], relations)
    if dataset.entities.kinds is not None:
        kinds = sorted(set(dataset.entities.kinds))
        code = torch.tensor([kinds.index(kind) for kind in dataset.entities.kinds])
        report["kinds"] = _grouped(p, names, code[queries[:, 0]], kinds)
    return report


def _grouped(p: Tensor, names: list[str], group: Tensor, labels: list[str]) -> dict[str, dict[str, float]]:
    return {labels[g]: _means(p[group == g], names) | {"n": int((group == g).sum())} for g in group.unique().tolist()}


def _means(p: Tensor, names: list[str]) -> dict[str, float]:
    return dict(zip(names, [round(x, 4) for x in p.mean(0).tolist()], strict=True))
