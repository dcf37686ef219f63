"""Frozen teachers: their tables and heads, and a temperature fitted on validation data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from dsomgnn.batches import TrainingQueries, rows_within
from dsomgnn.counter import Counter
from dsomgnn.models.fusion import STRUCTURE
from dsomgnn.models.model import Model
from dsomgnn.models.score import ScoreFunction
from dsomgnn.pool import EVERYONE, Pool
from dsomgnn.ragged import ragged
from dsomgnn.sampling import seed_all
from dsomgnn.threads import by_blocks
from dsomgnn.unwaited import moved

NO_ONE = torch.zeros(0, dtype=torch.long)
COLDEST, HOTTEST = 0.1, 10.0
FITTED = 2**28  # bytes that the scores a temperature is fitted on may take
TOGETHER = 64  # heads that are encoded at a time
MOST = 256  # neighbours that a head hears: a hub has as many queries as edges, and each would hear all of them anew


@dataclass(frozen=True)
class FrozenTeacher:
    """Scores of a trained teacher without its fusion and encoder.

    `entities` (N, d) candidates; `heads` (N, d) encoded heads by entity; `own_heads` (Q, d) encoded heads by training
    query, made without that query's own edges, where messages are passed (else None), or what makes them when they are
    asked for; `relations` (2R, d); `speaks` (N,) bool: whether the teacher has something to say of this head;
    `own_scores` (Q, N) by training query, where they were made beforehand: then it is asked of no others.
    """

    name: str
    score: ScoreFunction
    entities: Tensor
    heads: Tensor
    relations: Tensor
    speaks: Tensor
    own_heads: Tensor | OwnHeads | None = None
    temperature: float = 1.0
    own_scores: Tensor | None = None

    def logits(
        self,
        queries: Tensor,
        index: Tensor | None = None,
        dtype: torch.dtype | None = None,
        heat: float | Tensor = 1.0,
        pool: Pool = EVERYONE,
        onto: Tensor | None = None,
    ) -> Tensor:
        """Scores (B, P) of queries (B, 2) over `heat`, a number or (B, 1), made in `dtype`; `index` (B,): which
        training queries they are, -1 of others. Added to what is in `onto` (B, P), where it is given."""
        if index is not None and self.own_scores is not None:
            found = _cooled(self.own_scores, index, heat)
            return found if onto is None else onto.add_(found)
        dtype = dtype or self.entities.dtype
        query, candidates = (self.vectors(queries, index) / heat).to(dtype), pool.rows(self.entities).to(dtype)
        return query @ candidates.T if onto is None else onto.addmm_(query, candidates.T)

    def multiplied_in(self, dtype: torch.dtype) -> FrozenTeacher:
        """The same with entities in the number format of its products."""
        return replace(self, entities=self.entities.to(dtype))

    def over(self, asked: TrainingQueries) -> FrozenTeacher:
        """The same where not those of training are `asked`: `index` is among these."""
        own = replace(self.own_heads, training=asked) if isinstance(self.own_heads, OwnHeads) else None
        return replace(self, own_heads=own, own_scores=None)

    def vectors(self, queries: Tensor, index: Tensor | None = None) -> Tensor:
        """Query vectors (B, d), whose products with `entities` are the scores."""
        return self.score.query(self._heads(queries[:, 0], index), self.relations[queries[:, 1]])

    def _heads(self, head: Tensor, index: Tensor | None) -> Tensor:
        if index is None or self.own_heads is None:
            return self.heads[head]
        if isinstance(self.own_heads, OwnHeads):
            return self.own_heads.of(head, index)
        return torch.where((index < 0)[:, None], self.heads[head], self.own_heads[index])

    def softened(self, queries: Tensor, index: Tensor | None = None, tau: float = 1.0, pool: Pool = EVERYONE) -> Tensor:
        """Logits (B, P) of the soft labels: scores over temperature times `tau`."""
        return pool.weigh(self.logits(queries, index, pool=pool).div_(self.temperature * tau))

    def log_probs(
        self, queries: Tensor, index: Tensor | None = None, tau: float = 1.0, pool: Pool = EVERYONE
    ) -> Tensor:
        """Log soft labels (B, P): log softmax(logits / (temperature tau))."""
        return self.softened(queries, index, tau, pool).log_softmax(1)


def _cooled(scores: Tensor, index: Tensor, heat: float | Tensor) -> Tensor:
    """Rows (B, N) of scores at `index` (B,) over `heat`."""
    found, each = scores.new_empty(len(index), scores.shape[1]), scores.new_ones(len(index), 1) * heat
    by_blocks(lambda part, at, by: torch.index_select(scores, 0, at, out=part).div_(by), found, index, each)
    return found


@torch.no_grad()
def freeze(
    name: str,
    model: Model,
    training: TrainingQueries | None,
    temperature: float = 1.0,
    few: bool = False,
    asked: Tensor | None = None,
) -> FrozenTeacher:
    """Tables of a trained model, with heads of all entities, or of those that will be `asked` (n,).

    `training`: queries whose heads are encoded without their own edges, and are asked apart, all of them now, or, where
    `few` will be asked, each when it is; then no others are made.
    """
    model.eval()
    model.zero_grad()
    table, heads = model.encode_all(NO_ONE if few else asked)
    own: Tensor | OwnHeads | None = None
    if training is not None and model.encoder is not None:
        own = OwnHeads(model, table, training)
        own = own if few else own.all(name)
    return FrozenTeacher(name, model.score, table, heads, model.relation.detach(), speaks(model), own, temperature)


@dataclass(frozen=True)
class OwnHeads:
    """Encoded heads by training query, MOST neighbours used, but not through the query's own edges.

    Layers merge the queries of a batch, and hide the edges of all of them. So no head is twice in a batch: else all
    its queries would share one vector, made without any of its edges.
    """

    model: Model
    table: Tensor
    training: TrainingQueries

    @torch.no_grad()
    def of(self, head: Tensor, index: Tensor) -> Tensor:
        """Made now: (B, d) of the entities `head` (B,) as heads of the queries at `index` (B,), -1 for none of them."""
        found = self.table.new_empty(len(head), self.table.shape[1])
        head, index = head.cpu(), index.cpu()
        for some in _apart(head):
            known = index[some]
            found[moved(some, found.device)] = self._heads(head[some], known[known >= 0])
        return found

    def all(self, name: str) -> Tensor:
        """Of all queries, (Q, d); how far it is goes to stderr."""
        own, done = self.table.new_empty(len(self.training), self.table.shape[1]), 0
        seed_all(0)  # a run that goes on draws what it had drawn
        with Counter(f"{name}: heads of queries, each without its own edges") as count:
            for index in _apart(self.training.queries[:, 0]):
                own[moved(index, own.device)] = self._heads(self.training.queries[index, 0], index)
                done += len(index)
                count(done, len(own))
        return own

    def _heads(self, head: Tensor, index: Tensor) -> Tensor:
        return self.model.heads(self.table, head, self.training.at(index).pairs, most=MOST)


def _apart(head: Tensor) -> Iterator[Tensor]:
    """Positions in groups of at most TOGETHER, no head twice in one: the first query of every head, the second of every
    head that has one, and so on."""
    order = torch.argsort(head, stable=True)
    _, count = head[order].unique_consecutive(return_counts=True)
    _, rank = ragged(torch.zeros_like(count), count)
    by_rank = torch.argsort(rank, stable=True)
    return (some for turn in order[by_rank].split(torch.bincount(rank).tolist()) for some in turn.split(TOGETHER))


def speaks(model: Model) -> Tensor:
    """Whether a modality of the model is present for an entity, (N,); a model of structure alone speaks of what any
    triple that it learnt from holds."""
    fusion = model.fusion
    names = [name for name in fusion.names if name != STRUCTURE] or [STRUCTURE]
    return torch.stack([fusion.get_buffer(f"mask_{name}") for name in names]).any(0)


def fit_temperature(teacher: FrozenTeacher, triples: Tensor, num_relations: int, most: int = 512) -> float:
    """The temperature of the least cross entropy on held-out triples (n, 3), both directions.

    Among all entities, or, where their scores do not fit FITTED bytes, among a pool.
    """
    device, entities = teacher.entities.device, len(teacher.entities)
    triples = triples[torch.linspace(0, len(triples) - 1, min(most, len(triples))).long()]
    head, relation, tail = triples.unbind(1)
    sides = [
        (torch.stack([head, relation], 1), tail),
        (torch.stack([tail, relation + num_relations], 1), head),
    ]
    most = rows_within(2 * len(triples), 1, teacher.entities.dtype, FITTED)
    candidates = most if most < entities else 0
    pool = Pool.around(triples[:, [0, 2]].flatten(), candidates, entities, torch.Generator().manual_seed(0)).to(device)
    scores = [(teacher.logits(q.to(device), pool=pool), pool.place(t.to(device))) for q, t in sides]

    def loss(log_temperature: float) -> float:
        heat = math.exp(log_temperature)
        return sum(torch.nn.functional.cross_entropy(pool.weigh(s / heat), t).item() for s, t in scores)

    found = minimize_scalar(loss, bounds=(math.log(COLDEST), math.log(HOTTEST)), method="bounded")
    return float(math.exp(found.x))
