"""Which queries are shown."""

from __future__ import annotations

import torch

from dsomgnn.rank.judged import Judged
from dsomgnn.report.examples import examples


def judged(target: list[int], first: list[int], confidence: list[float], right: list[float]) -> Judged:
    answers, p = torch.tensor(first), torch.tensor(confidence)
    return Judged(torch.tensor(target), answers[:, None], p[:, None], torch.tensor(right), answers, p)


def test_sure_and_right_sure_and_wrong_and_worst(dataset_of):
    data = dataset_of(8, 3, [[0, 0, 1]], [], [[0, 0, 1], [2, 1, 3], [4, 2, 5]])
    found = examples(
        data,
        "test",
        judged([1, 3, 5, 0, 2, 4], [1, 6, 5, 7, 2, 6], [0.5, 0.9, 0.8, 0.4, 0.7, 0.2], [0.5, 0.1, 0.8, 0.3, 0.7, 0.1]),
        torch.tensor([1.0, 4, 1, 2, 1, 7]),
    )
    assert [(row["given"], row["side"]) for row in found["best"]] == [("e4", "tail"), ("e3", "head"), ("e0", "tail")]
    assert [(row["given"], row["answer"], row["best"][0]["entity"]) for row in found["mistakes"]] == [
        ("e2", "e3", "e6"), ("e1", "e0", "e7"), ("e5", "e4", "e6")
    ]  # fmt: skip
    assert [row["rank"] for row in found["worst"]] == [7, 4, 2]
    assert found["worst"][0] == {
        "side": "head", "given": "e5", "relation": "r2", "answer": "e4", "rank": 7.0,
        "probability": torch.tensor(0.1).item(),
        "best": [{"entity": "e6", "probability": torch.tensor(0.2).item()}],
    }  # fmt: skip


def test_examples_differ_in_their_entities_and_mostly_in_their_relations(dataset_of):
    triples = [[2 * i, 0, 2 * i + 1] for i in range(5)] + [[0, 1, 9]]
    data = dataset_of(10, 2, [[0, 0, 1]], [], triples)
    n = 2 * len(triples)
    everything = judged([0] * n, [1] * n, [0.5] * n, [0.5] * n)
    found = examples(data, "test", everything, torch.arange(1.0, n + 1))["worst"]
    entities = [row[key] for row in found for key in ("given", "answer")]
    assert len(entities) == len(set(entities))
    assert [row["relation"] for row in found] == ["r1", "r0", "r0"]
