"""What a report of an agent's choices says, against plain means."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from two_teachers import start

from dsomgnn.choices import choice_report
from dsomgnn.neighbourhood import Neighbours


def test_choices_are_means_over_triples_of_what_may_be_chosen():
    job, _, distiller, _ = start()
    data, training = job.dataset, distiller.training
    some = torch.arange(data.num_entities) % 2 == 0
    distiller.teachers[1] = dataclasses.replace(distiller.teachers[1], speaks=some)
    distiller.neighbours = Neighbours(job.teacher_mkg, "khop", hops=1)  # drawn walks would differ from call to call
    nn.init.normal_(distiller.choice.policy.net[2].weight)
    report = choice_report(distiller, data)

    batch = training.at(torch.arange(len(training)))
    p = distiller.probabilities(batch)[0].clone()
    head, relation = batch.queries[batch.row].unbind(1)
    p[~some[head], 1] = 0

    def means(rows: torch.Tensor) -> dict[str, float]:
        return dict(zip(("good", "shuffled"), p[rows].mean(0).tolist(), strict=True))

    assert report["empty"] == pytest.approx((1 - p).prod(1).mean().item(), rel=1e-4)
    assert report["overall"] == pytest.approx(means(torch.ones(len(p), dtype=torch.bool)), abs=1e-3)
    groups = {
        "relations": [job.mkg.edge_types()[i] for i in relation.tolist()],
        "kinds": [data.entities.kinds[i] for i in head.tolist()],
    }
    for group, labels in groups.items():
        assert set(report[group]) == set(labels)
        for label, told in report[group].items():
            rows = torch.tensor([word == label for word in labels])
            assert told == pytest.approx({**means(rows), "n": int(rows.sum())}, abs=1e-3)
