"""What the agent chose: counts over an epoch, overall, per relation and per kind of head."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dsomgnn.data.triples import Dataset
from dsomgnn.distill.agent import Agent
from dsomgnn.distill.distiller import Distiller, Step
from dsomgnn.distill.reinforce import Rollout

MOST_QUERIES = 20_000


class Tally:
    """Sums over the steps of an epoch."""

    def __init__(self, names: list[str]):
        self.names = names
        self.triples = self.measured = self.empty = 0
        self.loss = self.fit = self.taught = 0.0
        self.chosen = torch.zeros(len(names))
        self.rounds: list[tuple[float, float]] = []

    def add(self, step: Step) -> None:
        count, taught = len(step.action), step.taught.item()
        self.triples += count
        self.empty += int((step.action.sum(1) == 0).sum())
        self.chosen += step.action.sum(0).cpu()
        self.fit += step.fit.item() * count
        if taught == taught:  # measured, not NaN
            self.measured += count
            self.loss += step.loss.item() * count
            self.taught += taught * count

    def add_lesson(self, rollout: Rollout) -> None:
        self.rounds.append((rollout.reward.mean().item(), rollout.entropy.mean().item()))

    def event(self) -> dict[str, Any]:
        """Loss parts, share of each teacher, share of empty sets, mean reward and entropy of the agent."""
        n = max(1, self.triples)
        measured = max(1, self.measured)
        event: dict[str, Any] = {"loss": self.loss / measured, "fit": self.fit / n, "taught": self.taught / measured}
        event["share"] = dict(zip(self.names, (self.chosen / n).tolist(), strict=True))
        event["empty"] = self.empty / n
        if self.rounds:
            event["reward"], event["entropy"] = (sum(x) / len(x) for x in zip(*self.rounds, strict=True))
        return event


@torch.no_grad()
def choice_report(distiller: Distiller, dataset: Dataset, batch: int = 512) -> dict[str, Any]:
    """Mean probability of each teacher over training triples: overall, per relation and side, per kind of head.

    Over at most MOST_QUERIES queries, evenly spread. Empty for a fixed choice: there is nothing to report.
    """
    if not isinstance(distiller.choice, Agent):
        return {}
    probability, empty, heads = [], [], []
    number = len(distiller.training)
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
