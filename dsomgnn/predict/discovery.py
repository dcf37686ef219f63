"""Facts that a graph most likely lacks: the best answers to all queries of train, judged from both of their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dsomgnn.counter import Counter
from dsomgnn.data.answers import Answers
from dsomgnn.errors import at_least
from dsomgnn.predict.best import BUDGET, Scorer, all_scores, scores_of, top
from dsomgnn.predict.loaded import Loaded

BEST = 50  # answers of a query that are looked at
POOL, LEAST = 20, 2_000  # candidates for each fact that is wanted, and at the least, that are judged from both ends
CHUNK = 1 << 12  # queries


@dataclass(frozen=True)
class Discovery:
    """Facts (n, 3) that no split holds, the most plausible first, with their `plausibility`, and the probabilities of
    the tail and of the head, (n,) each.

    Plausibility: (c + 1) p, for an answer of probability p to a query with c answers in train, which is 1 where the
    known answers and this one share all probability alike; of the two queries that ask for a fact's ends the smaller
    one. `confirmed`: so many facts that are as plausible stand in valid or test, though not in train.
    """

    facts: Tensor
    plausibility: Tensor
    of_tail: Tensor
    of_head: Tensor
    confirmed: int


@torch.no_grad()
def discover(model: Loaded, n: int = 100, relations: str | Sequence[str] = ()) -> Discovery:
    """The n facts that are most plausible and in no split, of the named relations or of all.

    Candidates are the 50 best answers to each query that train asks, and of those the 20 n that are most plausible from
    the end that they were asked from. Raises RecipeError, and DataError where the data set is not at hand.
    """
    at_least("-n", n, 1)
    named = [relations] if isinstance(relations, str) else relations
    wanted = torch.tensor([model.relation.one(word) for word in named], dtype=torch.long)
    facts, scorer = model.need_facts(), model.scorer
    train = Answers.of(facts.dataset.train, facts.dataset.num_entities, model.num_relations)
    found = _candidates(scorer, train, wanted, max(POOL * n, LEAST), facts.dataset.train)
    head, relation, tail = found.unbind(1)
    asks_tail, asks_head = torch.stack([head, relation], 1), torch.stack([tail, relation + model.num_relations], 1)
    of_tail, of_head = _probabilities(scorer, asks_tail, tail), _probabilities(scorer, asks_head, head)
    plausible = torch.minimum(_shared(train, asks_tail) * of_tail, _shared(train, asks_head) * of_head)
    order = plausible.argsort(descending=True, stable=True)
    new = facts.split_of(found[order]) < 0
    kept = order[new][:n]
    looked_at = int(torch.nonzero(new)[:n].max()) + 1 if len(kept) else len(order)
    return Discovery(found[kept], plausible[kept], of_tail[kept], of_head[kept], looked_at - len(kept))


def _candidates(scorer: Scorer, train: Answers, wanted: Tensor, size: int, triples: Tensor) -> Tensor:
    """Triples (size, 3) that train does not hold, the most plausible from the end that they are asked from. None joins
    an entity with itself, unless train holds such a fact of the relation."""
    half = train.width // 2
    loops = triples[triples[:, 0] == triples[:, 2], 1].unique()
    queries = train.queries
    if len(wanted):
        queries = queries[torch.isin(queries[:, 1] % half, wanted)]
    pool, plausible, done = triples[:0], torch.zeros(0), 0
    with Counter("queries asked") as count:
        for part in queries.split(CHUNK):
            best = top(scorer, part, BEST, train)
            facts = _facts(part, best.entity, half)
            looped = facts[..., 0] == facts[..., 2]
            left = (best.score > -torch.inf) & (~looped | torch.isin(facts[..., 1], loops))
            near = (_shared(train, part)[:, None] * best.probability)[left]
            pool = torch.cat([pool, facts[left]])
            plausible, kept = torch.cat([plausible, near]).topk(min(size, len(pool)))
            pool, done = pool[kept], done + len(part)
            count(done, len(queries))
    return pool.unique(dim=0)


def _facts(queries: Tensor, answers: Tensor, relations: int) -> Tensor:
    """Triples (B, k, 3) that answers (B, k) make of queries (B, 2)."""
    given, asked = (column[:, None].expand_as(answers) for column in queries.unbind(1))
    back = asked >= relations
    return torch.stack([torch.where(back, answers, given), asked % relations, torch.where(back, given, answers)], -1)


def _shared(train: Answers, queries: Tensor) -> Tensor:
    """How many would share a query's probability: its answers in train, and one more, (B,)."""
    at = train.find(queries)
    return torch.where(at < 0, 1, train.indptr[at + 1] - train.indptr[at] + 1)


def _probabilities(scorer: Scorer, queries: Tensor, answers: Tensor) -> Tensor:
    """Probabilities (n,) of one answer (n,) to each of the queries (n, 2), among all entities."""
    distinct, place = queries.unique(dim=0, return_inverse=True)
    rows = max(1, BUDGET // (4 * len(scorer.entities)))
    parts = [(all_scores(scorer, part) / scorer.temperature).logsumexp(1).cpu() for part in distinct.split(rows)]
    return (scores_of(scorer, queries, answers) / scorer.temperature - torch.cat(parts)[place]).exp()
