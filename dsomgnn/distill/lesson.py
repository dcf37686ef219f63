"""One lesson for the agent: choose teachers for some triples, see what they did for the student, learn."""

from __future__ import annotations

import torch
from torch import Tensor

from dsomgnn.batches import Batch, TrainingQueries
from dsomgnn.distill.agent import Agent
from dsomgnn.distill.distiller import Distiller
from dsomgnn.distill.losses import inside_mask
from dsomgnn.distill.reinforce import Rollout
from dsomgnn.distill.rewards import Evidence, improvement, log_probability_gain
from dsomgnn.distill.view import View
from dsomgnn.unwaited import moved


class Lesson:
    """Lessons on the triples of a distiller whose choice is an agent.

    Rewards are measured on the triples of `others`, queries that are not of training; without them on training triples
    themselves, or, where the distiller holds some back, on those.
    """

    def __init__(self, distiller: Distiller, agent: Agent, others: TrainingQueries | None = None):
        self.distiller, self.agent = distiller, agent
        self.asked, held = others or distiller.training, distiller.held
        everything = torch.arange(distiller.training.num_triples)
        self.trained = everything if held is None else everything[~held]
        self.held = torch.arange(others.num_triples) if others else None if held is None else everything[held]

    def give(self) -> Rollout:
        """One REINFORCE step of the agent on `rows` random triples."""
        distiller, weights = self.distiller, self.distiller.weights
        by_gain, credit = self.agent.options.reward == "log-probability", self.agent.options.credit
        view, row, position, target = self._view(self.held if by_gain and self.held is not None else self.trained)
        log_probs = distiller.log_probs(view.batch, view.pool)[:, row]
        evidence, mask = self._evidence(view, row, target), distiller.mask(view)[row]
        if by_gain:

            def delta(action: Tensor) -> Tensor:
                return log_probability_gain(evidence, log_probs, action, mask, weights.tau)
        else:
            effect = evidence.own_effect() if self.held is None else self.held_out_effect(view)[row]
            inside = inside_mask(view.near, view.logits)[row]

            def delta(action: Tensor) -> Tensor:
                return improvement(evidence.logits, log_probs, action, inside, effect, weights, view.pool, credit)

        return self.agent.learn(distiller.state(view, row, position, target), mask, delta)

    @torch.no_grad()
    def _view(self, triples: Tensor) -> tuple[View, Tensor, Tensor, Tensor]:
        """The student on the queries of some of the triples; each one's row, its training position, and its target's
        place in the pool."""
        position = triples[torch.randint(len(triples), (self.agent.options.rows,))]
        batch, row = self._around(self.distiller.training, position)
        target = self.distiller.training.target[position]
        view = self.distiller.view(self.distiller.open(batch), target)
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
        (batch, row), target = self._around(self.asked, position), self.asked.target[position]
        with torch.enable_grad():
            also = [target, *([] if view.pool.ids is None else [view.pool.ids.cpu()])]
            held = self.distiller.view(batch, torch.cat(also))
        row, target = (moved(x, held.query.device) for x in (row, target))
        effect = self._evidence(held, row, held.pool.place(target)).own_effect() / len(row)
        by_row = torch.zeros_like(held.logits, dtype=effect.dtype).index_add_(0, row, effect)
        products = by_row @ held.table.detach(), by_row.T @ held.query.detach()
        to_table, to_relation = torch.autograd.grad((held.query, held.table), (table, relation), products)
        if to_table.is_sparse:  # its rows are those of the pool, in order
            to_table = to_table.coalesce().values()
        head, wanted = view.batch.queries.unbind(1)
        pushed = student.score.query(to_table[held.pool.place(head)], view.seen.relation)
        pushed = pushed + student.score.query(view.seen.head, to_relation[wanted])
        if view.pool.ids is not None:
            to_table = to_table[held.pool.place(view.pool.ids)]
        return pushed @ view.table.T + view.query @ to_table.T

    def _evidence(self, view: View, row: Tensor, target: Tensor) -> Evidence:
        """`target` (n,): places in the pool."""
        device, pool, answers = view.logits.device, view.pool, self.distiller.known
        known_row, known = (x.to(device) for x in answers.gather(answers.find(view.batch.queries.cpu())))
        there = pool.holds(known)
        rivals = torch.ones_like(view.logits, dtype=torch.bool)
        rivals[known_row[there], pool.place(known[there])] = False
        rivals = rivals[row]
        rivals[torch.arange(len(target), device=device), target] = True
        return Evidence(view.logits[row].to(view.table.dtype), target, rivals, pool)
