"""Facts that a graph most likely lacks: the best answers to all queries of train, judged from both of their ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dsomgnn.counter import Counter
from dsomgnn.data.answers import Answers
from dsomgnn.data.triples import directed, without
from dsomgnn.errors import at_least
from dsomgnn.predict.best import BUDGET, Scorer, all_scores, scores_of, top
from dsomgnn.predict.facts import Facts, facts_of
from dsomgnn.predict.loaded import Loaded

BEST, MORE = 50, 4  # answers of a query that are looked at; so many times as many where that was too few
COLUMNS = ("facts", "plausibility", "of_tail", "of_head")
POOL, LEAST = 20, 2_000  # candidates for each fact that is wanted, and at the least, that are judged from both ends
CHUNK = 1 << 12  # queries, of BEST answers each


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
    confirmed: int = 0


@torch.no_grad()
def discover(model: Loaded, n: int = 100, relations: str | Sequence[str] = ()) -> Discovery:
    """The n facts that are most plausible and in no split, of the named relations or of all.

    Candidates are the 50 best answers, of those that no split holds, to each query that train asks, and of these the
    20 n that are most plausible from the end that they were asked from; where others could be among the n, they are
    looked at, too. Raises RecipeError, and DataError where the data set is not at hand.
    """
    at_least("-n", n, 1)
    named = [relations] if isinstance(relations, str) else relations
    wanted = torch.tensor([model.relation.one(word) for word in named], dtype=torch.long)
    facts, scorer = model.need_facts(), model.scorer
    data = facts.dataset
    train = Answers.of(data.train, data.num_entities, model.num_relations)
    queries = _of(wanted, train.queries, model.num_relations)
    pool, bound = _candidates(scorer, train, facts, queries, max(POOL * n, LEAST))
    found = _completed(scorer, train, facts, _best(n, _judged(scorer, train, pool)), queries, bound, n)
    held = _judged(scorer, train, _of(wanted, _held(facts, train), model.num_relations))
    confirmed = (held.plausibility >= found.plausibility[-1]).sum() if len(found.facts) else 0
    return replace(found, confirmed=int(confirmed))


def _candidates(scorer: Scorer, train: Answers, facts: Facts, queries: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Triples (size, 3) that no split holds, the most plausible from the end that they are asked from; and how
    plausible at most, from there, those answers to the queries (B, 2) are that are left out, (B,)."""
    pool, plausible, least, bounds = facts.dataset.train[:0], torch.zeros(0), 0.0, [torch.zeros(0)]
    for found, near, bound in _answers(scorer, train, facts, queries, BEST):
        pool, plausible = torch.cat([pool, found]), torch.cat([plausible, near])
        if len(pool) > size:
            plausible, kept = plausible.topk(size)
            pool, least = pool[kept], float(plausible[-1])
        bounds.append(bound)
    return pool.unique(dim=0), torch.cat(bounds).clamp(min=least)


def _completed(
    scorer: Scorer, train: Answers, facts: Facts, found: Discovery, queries: Tensor, bound: Tensor, n: int
) -> Discovery:
    """With what was left out, though it is more plausible than the n-th: `bound` (B,) of each query's answers."""
    k = BEST
    while len(queries := queries[bound > _least(found, n)]):
        k, bounds = MORE * k, []
        for new, near, rest in _answers(scorer, train, facts, queries, k):
            better = without(new[near > _least(found, n)].unique(dim=0), found.facts)
            found = _best(n, found, _judged(scorer, train, better)) if len(better) else found
            bounds.append(rest)
        bound = torch.cat(bounds)
    return found


def _answers(
    scorer: Scorer, train: Answers, facts: Facts, queries: Tensor, k: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Part by part of the queries: their k best triples (m, 3) that no split holds, how plausible these are from the
    end that they are asked from (m,), and for each query how plausible at most the others are. None joins an entity
    with itself, unless train holds such a fact of the relation."""
    triples = facts.dataset.train
    loops, done = triples[triples[:, 0] == triples[:, 2], 1].unique(), 0
    with Counter("queries asked") as count:
        for part in queries.split(max(1, CHUNK * BEST // k)):
            best = top(scorer, part, k, facts.answers)
            found = facts_of(part[:, None], best.entity, train.width // 2)
            looped = found[..., 0] == found[..., 2]
            left = (best.score > -torch.inf) & (~looped | torch.isin(found[..., 1], loops))
            near = _shared(train, part)[:, None] * best.probability
            yield found[left], near[left], near[:, -1] * (k < len(scorer.entities))
            done += len(part)
            count(done, len(queries))


def _best(n: int, *parts: Discovery) -> Discovery:
    """The n most plausible facts of all."""
    facts, plausible, of_tail, of_head = (torch.cat([getattr(p, name) for p in parts]) for name in COLUMNS)
    order = plausible.argsort(descending=True, stable=True)[:n]
    return Discovery(facts[order], plausible[order], of_tail[order], of_head[order])


def _least(found: Discovery, n: int) -> float:
    """How plausible the n-th is; 0 where there are fewer."""
    return float(found.plausibility[n - 1]) if len(found.facts) >= n else 0.0


def _held(facts: Facts, train: Answers) -> Tensor:
    """Facts of valid and test that train does not hold, but asks for one end of."""
    held = torch.cat([facts.dataset.valid, facts.dataset.test]).unique(dim=0)
    held = held[facts.split_of(held) > 0]
    asked = train.find(directed(held, train.width // 2)[:, :2]) >= 0
    return held[asked.view(2, len(held)).any(0)]


def _of(wanted: Tensor, rows: Tensor, relations: int) -> Tensor:
    """Those rows, relations second, that are of a wanted relation; all where none is named."""
    return rows[torch.isin(rows[:, 1] % relations, wanted)] if len(wanted) else rows


def _judged(scorer: Scorer, train: Answers, facts: Tensor) -> Discovery:
    """Facts (n, 3) as they are, with their plausibility from both ends."""
    asked = directed(facts, train.width // 2)
    queries, probability = asked[:, :2], _probabilities(scorer, asked[:, :2], asked[:, 2])
    plausible = (_shared(train, queries) * probability).view(2, len(facts)).amin(0)
    return Discovery(facts, plausible, *probability.view(2, len(facts)))


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
