"""The one place where recipe sections become objects; configuration stops here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from dsomgnn.batches import TrainingQueries
from dsomgnn.data.answers import Answers
from dsomgnn.data.mkg import MKG
from dsomgnn.data.triples import Dataset
from dsomgnn.dataset import read_dataset
from dsomgnn.device import memory_of, pick_device, prepare_torch
from dsomgnn.distill.agent import Agent, AgentOptions, FixedChoice
from dsomgnn.distill.distiller import Distiller, Stages
from dsomgnn.distill.losses import LossWeights
from dsomgnn.distill.policy import Policy
from dsomgnn.distill.start import begin_as
from dsomgnn.distill.state import StateBuilder, cache_teachers
from dsomgnn.distill.teachers import FrozenTeacher
from dsomgnn.errors import DataError
from dsomgnn.modality import make_feature
from dsomgnn.models.fusion import FUSIONS
from dsomgnn.models.model import Model
from dsomgnn.models.score import SCORES
from dsomgnn.neighbourhood import Neighbours
from dsomgnn.processor import number_format
from dsomgnn.registry import make_encoder, plugin_file
from dsomgnn.sampling import BlockSampler, seed_all
from dsomgnn.settings import Distill, Recipe, Training

RANKED_ON_GPU = 2**30  # bytes
TARGETS = 2**10  # of a query at a time, over sampled candidates: all of them are in its pool


@dataclass(frozen=True)
class Job:
    """A recipe's data and device. `mkg` holds all train triples, `teacher_mkg` those that teachers may see."""

    recipe: Recipe
    folder: Path
    dataset: Dataset
    mkg: MKG
    teacher_mkg: MKG
    device: torch.device

    @cached_property
    def training(self) -> TrainingQueries:
        return queries_of(self.mkg, self.recipe.student)

    @property
    def budget(self) -> int:
        """Bytes that scores may take at a time while ranking: a GPU would be idle over few."""
        of_recipe = self.recipe.rank.budget_mb << 20
        return of_recipe if self.device.type == "cpu" else max(of_recipe, RANKED_ON_GPU)

    @cached_property
    def known(self) -> Answers:
        """Answers known from any split: what filtered ranks leave out."""
        data = self.dataset
        return Answers.of(data.known, data.num_entities, data.num_relations)

    @property
    def learnt_from(self) -> Answers:
        """Answers of train, and of the valid triples where the agent is rewarded on them."""
        data, rewarded = self.dataset, [self.selecting] if self.recipe.agent.reward_on == "valid" else []
        return Answers.of(torch.cat([data.train, *rewarded]), data.num_entities, data.num_relations)

    @cached_property
    def selecting(self) -> Tensor:
        """The valid triples (n, 3) that models are selected on."""
        valid, size, generator = self.dataset.valid, self.recipe.rank.valid, torch.Generator()
        if not 0 < size < len(valid):
            return valid
        drawn = torch.randperm(len(valid), generator=generator.manual_seed(self.recipe.seed))[:size]
        return valid[drawn.sort().values]

    @cached_property
    def held(self) -> Tensor | None:
        """Mask, in training order, of the triples held back from teachers; None where there is no reserve."""
        if not self.recipe.reserve:
            return None
        n = len(self.dataset.train)
        held = torch.zeros(n, dtype=torch.bool)
        held[_reserved_rows(self.recipe, n)] = True
        return held[self.training.edge % n]


def build(
    recipe: Recipe,
    folder: str | Path = ".",
    dataset: Dataset | None = None,
    with_features: bool = True,
) -> Job:
    """Load what a recipe names, but for its data set where that is there; `folder` is where the recipe lies. A student
    needs no features.

    Raises DataError, PluginError, RecipeError.
    """
    folder = Path(folder)
    device = pick_device(recipe.device)
    prepare_torch(device, recipe.threads, recipe.sampled)
    dataset = dataset or read_dataset(recipe, folder)
    wanted = {name for teacher in recipe.pool.values() for name in teacher.modalities if with_features}
    features = {n: make_feature(n, f, dataset, recipe.seed, device) for n, f in recipe.features.items() if n in wanted}
    mkg = MKG(dataset, features)
    return Job(recipe, folder, dataset, mkg, _without_reserve(recipe, mkg), device)


def _reserved_rows(recipe: Recipe, n: int) -> Tensor:
    """Rows of train held back from teachers: a random share, the same for the same seed."""
    generator = torch.Generator().manual_seed(recipe.seed)
    return torch.randperm(n, generator=generator)[: max(1, round(recipe.reserve * n))]


def _without_reserve(recipe: Recipe, mkg: MKG) -> MKG:
    if not recipe.reserve:
        return mkg
    keep = torch.ones(len(mkg.train), dtype=torch.bool)
    keep[_reserved_rows(recipe, len(mkg.train))] = False
    if not keep.any():
        raise DataError(
            f"{mkg.dataset.folder}: the reserve takes all {len(keep)} train triples and leaves the teachers none; "
            'say agent.reward_on = "train"'
        )
    return MKG(mkg.dataset, mkg.features, mkg.train[keep])


def queries_of(mkg: MKG, settings: Training) -> TrainingQueries:
    """The queries that a model is trained on."""
    return TrainingQueries(mkg, settings.merge, TARGETS if settings.candidates else 0)


def make_student(job: Job, phase: int = 0, teachers: Sequence[FrozenTeacher] = ()) -> Model:
    """A new student; it begins as the one of the `teachers` that the recipe says."""
    seed_all(job.recipe.seed, phase, 0)
    settings = job.recipe.student
    score = SCORES[settings.score]()
    everyone = torch.ones(job.dataset.num_entities, dtype=torch.bool)
    fusion = FUSIONS["blocks"](everyone, {}, settings.rank, 1, score.parts, init=settings.init)
    student = Model(score, fusion, job.dataset.num_relations, init=settings.init).to(job.device)
    for teacher in teachers:
        if teacher.name == job.recipe.distill.begin:
            begin_as(student, teacher, job.teacher_mkg.train)
    return student


def make_teacher(job: Job, name: str, phase: int = 0) -> Model:
    seed_all(job.recipe.seed, phase, 0)
    settings = job.recipe.teachers[name]
    score = SCORES[settings.score]()
    mkg = job.teacher_mkg
    fusion = FUSIONS[settings.fusion](
        mkg.structured,
        {m: mkg.features[m] for m in settings.modalities},
        settings.rank,
        settings.modality_rank,
        score.parts,
        structure=settings.structure,
        structure_dropout=settings.structure_dropout,
        init=settings.init,
        products=number_format(settings.products, job.device),
    )
    encoder = sampler = None
    if settings.encoder != "lookup":
        depth, width = len(settings.fanouts), fusion.width
        relations = 2 * job.dataset.num_relations
        encoder = make_encoder(settings.encoder, job.folder, relations, width, width, depth, dict(settings.options))
        sampler = BlockSampler(mkg, settings.fanouts)
    return Model(score, fusion, job.dataset.num_relations, encoder, sampler, settings.init).to(job.device)


def asks_few(job: Job) -> bool:
    """Whether the student's epochs, all together, ask fewer queries than there are; an agent that is told of its
    teachers beforehand asks all."""
    student, policy = job.recipe.student, job.recipe.distill.policy
    few = 0 < student.steps * student.batch * student.epochs < len(job.training)
    return few and (policy != "reinforce" or student.candidates > 0)


def label_memory(job: Job) -> int:
    """Bytes that soft labels of all training queries may take: none where each is asked once at the most."""
    student, distill = job.recipe.student, job.recipe.distill
    once = student.epochs - distill.alone < 2
    if student.candidates or once or asks_few(job):
        return 0
    return int(distill.kept * memory_of(job.device))


def make_distiller(job: Job, student: Model, teachers: list[FrozenTeacher]) -> Distiller:
    """The distiller of a recipe whose policy is not "none"."""
    recipe, distill = job.recipe, job.recipe.distill
    neighbours = Neighbours(job.teacher_mkg, distill.neighbourhood, distill.hops, distill.walks)
    states: StateBuilder | None = None
    choice: Agent | FixedChoice
    if distill.policy == "reinforce":
        states = make_states(job, teachers, neighbours)
        choice = _make_agent(job, states.width(student.relation.shape[1]), len(teachers))
    else:
        choice = FixedChoice(distill.policy, [teacher.name for teacher in teachers])
    return Distiller(
        student,
        teachers,
        job.training,
        job.learnt_from,
        neighbours,
        states,
        choice,
        _loss_weights(distill),
        recipe.student.n3,
        Stages.within(recipe.student.epochs, distill.alone, distill.warmup, recipe.agent.epochs),
        job.held,
        number_format(recipe.student.products, job.device),
        recipe.student.candidates,
        distill.transfer,
        label_memory(job),
    )


def _make_agent(job: Job, width: int, teachers: int) -> Agent:
    agent = job.recipe.agent
    options = AgentOptions(**agent.model_dump(include={field.name for field in fields(AgentOptions)}))
    return Agent(Policy(width, teachers, agent.hidden, agent.prior).to(job.device), options)


def _loss_weights(distill: Distill) -> LossWeights:
    split = distill.neighbourhood != "none"
    return LossWeights(distill.gamma, distill.tau, distill.alpha, distill.beta, distill.binary, split, distill.combine)


def make_states(
    job: Job, teachers: list[FrozenTeacher], neighbours: Neighbours, asked: TrainingQueries | None = None
) -> StateBuilder:
    """States of training queries, or of those that are `asked`; over sampled candidates nothing is known of them
    beforehand."""
    queries, targets = asked or job.training, job.recipe.agent.state == "target"
    cache = None if job.recipe.student.candidates else cache_teachers(teachers, queries, neighbours, targets)
    return StateBuilder(job.mkg, job.training, teachers, cache, asked)


def plugins(recipe: Recipe, folder: Path) -> dict[str, Path]:
    """Files of the user's own encoders and tracker, by their spec."""
    specs = [teacher.encoder for teacher in recipe.teachers.values()] + [recipe.tracker or ""]
    files = {spec: plugin_file(spec, folder) for spec in specs}
    return {spec: file for spec, file in files.items() if file is not None}
