"""Queries worth a look: answered surely and rightly, ranked worst, and answered surely and wrongly."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor

from dsomgnn.data.triples import Dataset
from dsomgnn.rank.judged import Judged

EACH = 4
SAME = 2  # of one relation, at most


def examples(data: Dataset, split: str, judged: Judged, rank: Tensor) -> dict[str, list[dict[str, Any]]]:
    """{"best", "mistakes", "worst"}: queries of a split with the right answer, its rank (2n,) and the best answers.

    Entities and relations by identifier.
    """
    first = judged.probability[:, 0]
    orders = {
        "best": _order(judged.right, rank == 1),
        "mistakes": _order(first, rank > 1),
        "worst": _order(rank, rank > 1),
    }
    triples = data.split(split)
    chosen = {title: _varied(order, triples) for title, order in orders.items()}
    return {title: [_example(data, triples, judged, rank, q) for q in queries] for title, queries in chosen.items()}


def _order(value: Tensor, among: Tensor) -> list[int]:
    """Positions where `among` holds, by falling value."""
    order = torch.argsort(value, descending=True, stable=True)
    return order[among[order]].tolist()


def _varied(order: list[int], triples: Tensor) -> list[int]:
    """The first few that share neither given entity nor answer, and a relation with one other at most."""
    seen: set[int] = set()
    times: Counter[int] = Counter()
    found: list[int] = []
    for query in order:
        head, relation, tail = triples[query % len(triples)].tolist()
        if len(found) == EACH:
            break
        if times[relation] < SAME and not seen & {head, tail}:
            found.append(query)
            times[relation] += 1
            seen |= {head, tail}
    return found


def _example(data: Dataset, triples: Tensor, judged: Judged, rank: Tensor, query: int) -> dict[str, Any]:
    head, relation, tail = triples[query % len(triples)].tolist()
    side = "tail" if query < len(triples) else "head"
    given, answer = (head, tail) if side == "tail" else (tail, head)
    ids = data.entities.ids
    best = zip(judged.best[query].tolist(), judged.probability[query].tolist(), strict=True)
    return {
        "side": side,
        "given": ids[given],
        "relation": data.relations.ids[relation],
        "answer": ids[answer],
        "rank": rank[query].item(),
        "probability": judged.right[query].item(),
        "best": [{"entity": ids[e], "probability": p} for e, p in best],
    }
