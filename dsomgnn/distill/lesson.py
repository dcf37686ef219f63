"""One lesson for the agent: choose teachers for some triples, see what they did for the student, learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from dsomgnn.batches import Batch, TrainingQueries
from dsomgnn.distill.agent import Agent
from dsomgnn.distill.distiller import Distiller
from dsomgnn.distill.policy import set_weights
from dsomgnn.distill.reinforce import Rollout
from dsomgnn.distill.rewards import SoftLabels, improvement, log_probability_gain
from dsomgnn.distill.rivals import Rivals
from dsomgnn.distill.soft_labels import soft_labels
from dsomgnn.distill.view import View
from dsomgnn.unwaited import moved

Delta = Callable[[Tensor], Tensor]


class Lesson:
    """Lessons on the triples of a distiller whose choice is an agent.

    Rewards are measured on the triples `rewarded` (n,) of `over`, the distiller over queries that are not of training;
    without them on training triples themselves, or, where the distiller holds some back, on those.
    """

    def __init__(
        self, distiller: Distiller, agent: Agent, over: Distiller | None = None, rewarded: Tensor | None = None
    ):
        self.distiller, self.agent, self.over = distiller, agent, over or distiller
        everything, held = torch.arange(distiller.training.num_triples), distiller.held
        self.trained = everything if held is None else everything[~held]
        self.held = rewarded if over else None if held is None else everything[held]

    def give(self) -> Rollout:
        """One REINFORCE step of the agent on `rows` random triples."""
        by_gain = self.agent.options.reward == "log-probability"
        asked, triples = self.distiller, self.trained
        if by_gain and self.held is not None:
            asked, triples = self.over, self.held
        view, row, position, target = self._view(asked, triples)
        state, mask = asked.state(view, row, position, target), asked.mask(view)[row]
        delta = self._gain(view, row, target, mask) if by_gain else self._improvement(view, row, target)
        return self.agent.learn(state, mask, delta)

    @torch.no_grad()
    def _view(self, asked: Distiller, triples: Tensor) -> tuple[View, Tensor, Tensor, Tensor]:
        """The student on the queries of some of the triples; each one's row, its position, and its target's place in
        the pool."""
        position = triples[torch.randint(len(triples), (self.agent.options.rows,))]
        batch, row = self._around(asked.training, position)
        target = asked.training.target[position]
        view = asked.view(asked.open(batch), target)
        row, position, target = (moved(x, view.query.device) for x in (row, position, target))
        return view, row, position, view.pool.place(target)

    def _around(self, queries: TrainingQueries, position: Tensor) -> tuple[Batch, Tensor]:
        """The batch of the queries that triples ask, and the row of each triple in it. Over sampled candidates other
        triples are left out: a triple drawn at random is likely one of a query with many, all of which would be in the
        pool."""
        batch, row = queries.around(position)
        if self.distiller.candidates:
            batch = batch.keep(torch.isin(batch.position, position))
        return batch, row

    def _improvement(self, view: View, row: Tensor, target: Tensor) -> Delta:
        """What sets of teachers do for the cross entropy of held-out triples, or else of the triples themselves."""
        effect = self.own_effect(view, row, target) if self.held is None else self.held_out_effect(view)[row]
        soft = self._soft(self.distiller, view, row)
        taught, weights = (view.logits[row], soft, view.near.of_rows(row)), self.distiller.weights
        return lambda action: improvement(action, *taught, effect, weights, view.pool, self.agent.options.credit)

    def _gain(self, view: View, row: Tensor, target: Tensor, mask: Tensor) -> Delta:
        """How much more sets of teachers give the targets than all teachers do."""
        (rivals, logits), soft = self._each(view, row, target), self._soft(self.over, view, row)
        student = rivals.log_share(view.pool.weigh(logits / self.distiller.weights.tau).softmax(1))
        everyone = rivals.log_share(soft(set_weights(mask)))
        return lambda action: log_probability_gain(action, rivals, soft, everyone, student)

    def _soft(self, asked: Distiller, view: View, row: Tensor) -> SoftLabels:
        """Makes soft labels of triples, by their rows, for teachers' shares."""
        batch = replace(view.batch, queries=view.batch.queries[row], index=view.batch.index[row])

        def soft(shares: Tensor) -> Tensor:
            return soft_labels(asked.heard, batch, shares, asked.weights, asked.dtype, view.pool)

        return soft

    def own_effect(self, view: View, row: Tensor, target: Tensor) -> Tensor:
        """Derivative of each triple's own cross entropy along its scores, (n, N)."""
        rivals, logits = self._each(view, row, target)
        return rivals.slope(view.pool.weigh(logits))

    @torch.no_grad()
    def held_out_effect(self, view: View) -> Tensor:
        """Derivative of the held-out cross entropy along the scores of the view's rows, (B, N).

        With G the gradient of that cross entropy by the student's entities and relations, it is how fast each score
        moves when the parameters move along G. Score functions are linear in head, in relation and in tail, so that
        is the sum of three scores, each with one of them replaced by its part of G.
        """
        student = self.distiller.student
        table, relation = student.fusion.table, student.relation
        assert self.held is not None and table is not None  # noqa: PT018
        position = self.held[torch.randint(len(self.held), (4 * self.agent.options.rows,))]
        asked = self.over.training
        (batch, row), target = self._around(asked, position), asked.target[position]
        with torch.enable_grad():
            also = [target, *([] if view.pool.ids is None else [view.pool.ids.cpu()])]
            held = self.distiller.view(batch, torch.cat(also))
        to_table, to_relation = torch.autograd.grad(
            (held.query, held.table), (table, relation), self._slopes(held, row, target)
        )
        if to_table.is_sparse:  # its rows are those of the pool, in order
            to_table = to_table.coalesce().values()
        head, wanted = view.batch.queries.unbind(1)
        pushed = student.score.query(to_table[held.pool.place(head)], view.seen.relation)
        pushed = pushed + student.score.query(view.seen.head, to_relation[wanted])
        if view.pool.ids is not None:
            to_table = to_table[held.pool.place(view.pool.ids)]
        return (pushed @ view.table.T).addmm_(view.query, to_table.T)

    def _slopes(self, held: View, row: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Derivative of the cross entropy of held-out triples, their mean, by query vectors and candidates."""
        row, target = (moved(x, held.query.device) for x in (row, target))
        rivals = self._rivals(held, held.batch.queries, row, held.pool.place(target))
        query, candidates = held.factors
        scores = rivals.slope(held.pool.weigh(held.logits.to(held.table.dtype))).to(query.dtype)
        products = scores @ candidates, scores.T @ query
        to_query, to_table = (product.to(held.table.dtype) / len(row) for product in products)
        return to_query, to_table

    def _each(self, view: View, row: Tensor, target: Tensor) -> tuple[Rivals, Tensor]:
        """Triples with a row of scores (n, N) of their own, and these."""
        own = torch.arange(len(row), device=row.device)
        rivals = self._rivals(view, view.batch.queries[row], own, target)
        return rivals, view.logits[row].to(view.table.dtype)

    def _rivals(self, view: View, queries: Tensor, row: Tensor, target: Tensor) -> Rivals:
        """Of triples (n,) that ask a `row` of `queries` (B, 2) for a `target`, a place in the view's pool."""
        answers, pool = self.distiller.known, view.pool
        known_row, known = (x.to(row.device) for x in answers.gather(answers.find(queries.cpu())))
        there = pool.holds(known)
        return Rivals(row, target, known_row[there], pool.place(known[there]))
