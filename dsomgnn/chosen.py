"""What a trained agent would choose for facts that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dsomgnn.batches import TrainingQueries
from dsomgnn.build import Job, make_states
from dsomgnn.data.answers import Answers
from dsomgnn.data.mkg import MKG
from dsomgnn.data.triples import directed, without
from dsomgnn.distill.agent import Agent, AgentOptions
from dsomgnn.distill.distiller import Distiller
from dsomgnn.distill.losses import LossWeights
from dsomgnn.distill.policy import Policy
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.models.model import Model
from dsomgnn.neighbourhood import Neighbours
from dsomgnn.run import Run, load_into
from dsomgnn.sampling import seed_all
from dsomgnn.sealed import POLICY_FILE


def asked_as_in_training(job: Job, triples: Tensor) -> tuple[TrainingQueries, Tensor]:
    """The queries of triples (n, 3), both ways, each with the train answers that training merges with these; and where
    the triples stand in their order (2n,): those whose tail is asked for, then those whose head is."""
    data, merge = job.dataset, job.recipe.student.merge
    answers = Answers.of(triples, data.num_entities, data.num_relations)
    together = torch.cat([triples, _merged_with(triples, answers, data.train)]) if merge else triples
    both_ways = TrainingQueries(MKG(data, job.mkg.features, together), merge)
    asked = both_ways.only(torch.nonzero(answers.find(both_ways.queries) >= 0)[:, 0])
    edge, order = asked.edge.sort()
    own = torch.arange(len(triples))
    return asked, order[torch.searchsorted(edge, torch.cat([own, own + len(together)]))]


def _merged_with(triples: Tensor, answers: Answers, train: Tensor) -> Tensor:
    """Other triples of train that ask for the tail, or the head, as one of these triples does."""
    queries = directed(train, answers.width // 2)[:, :2]
    train = train[(answers.find(queries) >= 0).view(2, len(train)).any(0)]
    return without(train, triples)


@torch.no_grad()
def chosen(job: Job, run: Run, student: Model, teachers: Sequence[FrozenTeacher], asked: TrainingQueries) -> Tensor:
    """Probability (T, K) of each teacher for the triples of queries that are asked.

    0 for a teacher that has nothing to say of the given entity. The greedy set is what exceeds one half. Raises
    CheckpointError.
    """
    seed_all(job.recipe.seed, 0, 0)
    distiller = _distiller(job, run, student, teachers, asked)
    found = torch.empty(asked.num_triples, len(teachers))
    size = max(1, job.budget // (4 * 4 * job.dataset.num_entities))
    for index in torch.arange(len(asked)).split(size):
        batch = asked.at(index)
        probability, mask = distiller.probabilities(batch)
        found[batch.position] = (probability * mask).cpu()
    return found


def _distiller(
    job: Job, run: Run, student: Model, teachers: Sequence[FrozenTeacher], asked: TrainingQueries
) -> Distiller:
    """The distiller of the run, over the queries that are asked in place of those of training."""
    recipe, distill = job.recipe, job.recipe.distill
    neighbours = Neighbours(job.teacher_mkg, distill.neighbourhood, distill.hops, distill.walks)
    states = make_states(job, list(teachers), neighbours, asked)
    policy = Policy(states.width(student.relation.shape[1]), len(teachers), recipe.agent.hidden).to(job.device)
    load_into(policy, run.read_tensors(POLICY_FILE)[0], str(run.path / POLICY_FILE))
    agent = Agent(policy, AgentOptions())
    given = (agent, LossWeights(), recipe.student.n3)
    return Distiller(
        student, teachers, asked, job.known, neighbours, states, *given, candidates=recipe.student.candidates
    )
