"""One step of distillation: the student's loss with its chosen teachers, and the agent's step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from dsomgnn.batches import Batch, TrainingQueries
from dsomgnn.data.answers import Answers
from dsomgnn.distill.agent import Agent, FixedChoice
from dsomgnn.distill.fused import Lecture, taught_cross_entropy
from dsomgnn.distill.kept import Tables, kept_labels, kept_teacher
from dsomgnn.distill.losses import LossWeights
from dsomgnn.distill.policy import merged_weights
from dsomgnn.distill.soft_labels import soft_labels
from dsomgnn.distill.state import StateBuilder, speak
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.distill.transfer import TransferQueries
from dsomgnn.distill.view import View, look
from dsomgnn.models.model import Model
from dsomgnn.neighbourhood import Neighbours
from dsomgnn.pool import Pool
from dsomgnn.threads import by_blocks


@dataclass(frozen=True)
class Step:
    """Loss of a student step with its parts and the sets that were chosen (T, K)."""

    loss: Tensor
    fit: Tensor
    taught: Tensor
    action: Tensor


WARM_UP, LEARN, TAUGHT = "warm-up", "learn", "taught"


@dataclass(frozen=True)
class Stages:
    """Epochs without teachers, with all of them, those in which the agent learns, then the rest: it chooses and learns
    no more."""

    alone: int = 0
    warmup: int = 3
    learn: int = 20

    @classmethod
    def within(cls, epochs: int, alone: int, warmup: int, learn: int) -> Stages:
        """Stages that leave the last epoch at least to the whole of the training triples."""
        taught = epochs - alone
        warmup = min(warmup, (taught - 1) // 3)
        return cls(alone, warmup, min(learn, taught - 1 - warmup))

    @property
    def settled(self) -> int:
        """The epochs before the reserve joins."""
        return self.alone + self.warmup + self.learn

    def untaught(self, best: int, agent: bool) -> str:
        """What a model of the `best` epoch lacks; empty where it lacks nothing."""
        if best <= self.alone:
            return "before it was taught: it is a student without teachers"
        known = not agent or (self.learn > 0 and best > self.alone + self.warmup)
        return "" if known else "before the agent had learnt: its policy knows nothing"

    def at(self, epoch: int) -> str:
        return WARM_UP if epoch <= self.alone + self.warmup else LEARN if epoch <= self.settled else TAUGHT


class Distiller:
    """Student, frozen teachers and who chooses among them.

    `held` (T,) bool marks, in training order, the triples on which the agent is rewarded: neither teachers nor, while
    the agent learns, the student train on them. Without it (None) any training triple is rewarded. `known` are the
    answers of all triples that a model learns from, an agent's reward included. `states` are needed by an agent alone.
    `candidates`: as in `Pool.around`. `transfer`: transfer queries per query of a batch. `memory`: bytes that what
    teachers say of all training queries may take.
    """

    def __init__(
        self,
        student: Model,
        teachers: Sequence[FrozenTeacher],
        training: TrainingQueries,
        known: Answers,
        neighbours: Neighbours,
        states: StateBuilder | None,
        choice: Agent | FixedChoice,
        weights: LossWeights,
        n3: float,
        stages: Stages = Stages(),
        held: Tensor | None = None,
        dtype: torch.dtype = torch.float32,
        candidates: int = 0,
        transfer: float = 0.0,
        memory: int = 0,
    ):
        self.student, self.teachers, self.training = student, list(teachers), training
        self.known, self.neighbours, self.states, self.choice = known, neighbours, states, choice
        self.candidates = candidates
        self.transfer = TransferQueries(training.queries, transfer) if transfer else None
        self.low = [teacher.multiplied_in(dtype) for teacher in teachers]
        self.weights, self.n3, self.stages, self.held, self.dtype = weights, n3, stages, held, dtype
        numbers = len(training) * student.fusion.num_entities
        self.tables = Tables.within(memory, choice.kind, len(teachers), numbers, dtype)

    def over(self, asked: TrainingQueries) -> Distiller:
        """The same where not the queries of training are `asked`, all of whose triples are held out."""
        other = copy(self)
        other.training, other.held, other.tables = asked, None, Tables()
        other.teachers, other.low = ([t.over(asked) for t in each] for each in (self.teachers, self.low))
        return other

    @cached_property
    def kept(self) -> Tensor | None:
        """Soft labels (Q, N) of all training queries, where they never change and fit."""
        if not self.tables.fitting or self.tables.by_teacher:
            return None
        assert isinstance(self.choice, FixedChoice)
        return kept_labels(self.low, self.training, self.choice, self.weights, self.dtype)

    @cached_property
    def heard(self) -> list[FrozenTeacher]:
        """The teachers as they are asked of training queries: with their scores of all, as far as these fit."""
        kept = self.tables.fitting if self.tables.by_teacher else 0
        return [*(kept_teacher(t, self.training, self.dtype) for t in self.low[:kept]), *self.low[kept:]]

    def epoch(self, size: int, epoch: int, steps: int = 0) -> Iterator[tuple[Batch, str]]:
        """The batches of an epoch, `size` queries each, with the stage it is in; only so many `steps` of it."""
        stage = self.stages.at(epoch) if isinstance(self.choice, Agent) else TAUGHT
        for batch in self.training.batches(size, steps):
            batch = batch if stage == TAUGHT else self.open(batch)
            if len(batch.row):
                yield batch, stage

    def view(self, batch: Batch, also: Tensor | None = None) -> View:
        """The student on a batch; its pool holds the entities `also` too."""
        return look(self.student, self.neighbours, batch, self.dtype, self.candidates, also)

    def step(self, batch: Batch, stage: str = TAUGHT, measure: bool = True) -> Step:
        """The student's loss: cross entropy + gamma L_nd + N3, means over the batch's triples.

        Without `measure` its value is NaN, its gradient is not: see `taught_cross_entropy`.
        """
        view, actions = self.view(self.transfer.added_to(batch) if self.transfer else batch), list[Tensor]()

        def lectures() -> Iterator[tuple[slice, Lecture]]:
            for span in view.spans:
                part = view.part(span)
                actions.append(self._actions(part, stage))
                yield span.rows, self._lecture(part, actions[-1], self._for_transfer(part, torch.cat(actions), stage))

        triples = len(view.batch.row)
        loss, fit, taught = taught_cross_entropy(
            view.query, view.table, lectures(), triples, self.weights, measure, view.pool
        )
        rest = self.n3 * self.student.regulariser(view.seen)
        return Step(loss + rest, fit, taught, torch.cat(actions))

    def _lecture(self, view: View, action: Tensor, transfer: Tensor) -> Lecture:
        """What the teachers of an action (T, K), and for transfer queries (E, K), teach."""
        sets, row = torch.cat([action, transfer]), torch.cat([view.batch.row, view.batch.transfer])
        shares, number = merged_weights(sets, row, len(view.query))
        return Lecture(view.factors, view.logits, view.asked, self._soft(view, shares), view.near, number)

    def _soft(self, view: View, shares: Tensor) -> Tensor:
        """Soft labels (B, P) of a view's queries; those of transfer queries, the last, are made in any case."""
        batch, own = view.batch, len(shares) - view.batch.transfers
        if own == len(shares):
            return self._of_training(batch, shares, view.pool)
        first = batch.part(slice(0, own), slice(0, len(batch.row)))
        last = batch.part(slice(own, len(shares)), slice(len(batch.row), None))
        made = soft_labels(self.low, last, shares[own:], self.weights, self.dtype, view.pool)
        return torch.cat([self._of_training(first, shares[:own], view.pool), made])

    def _of_training(self, batch: Batch, shares: Tensor, pool: Pool) -> Tensor:
        kept = self.kept
        if kept is None:
            return soft_labels(self.heard, batch, shares, self.weights, self.dtype, pool)
        found = kept.new_empty(len(shares), kept.shape[1])
        by_blocks(lambda part, at: torch.index_select(kept, 0, at, out=part), found, batch.index)
        return found

    def _actions(self, view: View, stage: str) -> Tensor:
        mask = self.mask(view)[view.batch.row]
        if isinstance(self.choice, FixedChoice):
            return self.choice.choose(mask)
        return mask if stage == WARM_UP else self.choice.choose(self.state(view), mask)

    def _for_transfer(self, view: View, chosen: Tensor, stage: str) -> Tensor:
        """Sets (E, K) for transfer queries: an agent, which never saw such, teaches them by sets `chosen` for triples
        (T, K)."""
        mask = self.mask(view)[view.batch.transfer]
        if isinstance(self.choice, FixedChoice):
            return self.choice.choose(mask)
        if stage == WARM_UP or not len(chosen):
            return mask
        return chosen[torch.randint(len(chosen), (len(mask),), device=mask.device)] * mask

    @torch.no_grad()
    def probabilities(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The agent's probabilities (T, K) for the batch's triples, and the mask of teachers it may choose."""
        assert isinstance(self.choice, Agent)
        view = self.view(batch)
        return self.choice.policy(self.state(view)).sigmoid(), self.mask(view)[view.batch.row]

    def mask(self, view: View) -> Tensor:
        return speak(self.teachers, view.batch.queries)

    def state(self, view: View, *triples: Tensor) -> Tensor:
        """States of the batch's triples, or of those given by row, position in training order and target's place in
        the pool, each (n,)."""
        assert self.states is not None
        row, position, target = triples or (view.batch.row, view.batch.position, view.target)
        logits = view.logits.to(view.table.dtype)
        lse = view.pool.weighed(logits).logsumexp(1)
        state = self.states.of(view, logits, lse)
        return self.states.per_triple(state, row, position, logits[row, target] - lse[row])

    def open(self, batch: Batch) -> Batch:
        """The batch without held-back triples."""
        return batch if self.held is None else batch.keep(~self.held[batch.position])
