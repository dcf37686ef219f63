"""Lessons of a recipe's agent, rewarded on train, on a reserve of it, or on the valid triples."""

from __future__ import annotations

from dsomgnn.build import Job, make_states
from dsomgnn.chosen import asked_as_in_training
from dsomgnn.distill.agent import Agent
from dsomgnn.distill.distiller import Distiller
from dsomgnn.distill.lesson import Lesson


def make_lesson(job: Job, distiller: Distiller) -> Lesson | None:
    """None where no agent chooses."""
    if not isinstance(distiller.choice, Agent):
        return None
    if job.recipe.agent.reward_on != "valid":
        return Lesson(distiller, distiller.choice)
    asked, rewarded = asked_as_in_training(job, job.selecting)
    over = distiller.over(asked)
    if job.recipe.agent.reward == "log-probability":
        over.states = make_states(job, over.teachers, over.neighbours, asked)
    return Lesson(distiller, distiller.choice, over, rewarded)
