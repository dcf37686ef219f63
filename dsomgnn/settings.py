"""The settings of a run, section by section, with their defaults and bounds."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from dsomgnn.allowed import dotted, known_encoder, known_tracker, searchable
from dsomgnn.bounded import Count, Fanouts, NoneOrMore, Positive, Share, Weight
from dsomgnn.errors import nearest


class NamedError(ValueError):
    """A ValueError that knows the dotted key it is about."""

    def __init__(self, key: str, message: str):
        super().__init__(message)
        self.key = key


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Data(Section):
    """Which data set: a name to look up, or a path.

    `holdout`: the share of train that models are selected on in place of valid.txt, where that cannot be trusted.
    """

    name: str
    holdout: Share = 0.0


class FeatureRecipe(Section):
    """How one modality becomes features. `source` and `ids` are files of the data set's folder, or one of pictures.

    `keep` is the share of the entities that have it which keep it; the rest lose it (a test of robustness).
    """

    source: str
    encoder: Annotated[str, AfterValidator(known_encoder)] = "array"
    ids: str | None = None
    dim: Count | None = None
    keep: Annotated[float, Field(gt=0, le=1)] = 1.0


class Training(Section):
    """Optimisation of a model: Adagrad with `lr` for tables, Adam with `lr_dense` for the rest.

    `steps`: batches of an epoch, at most; 0: all. `candidates`: entities that a batch is compared with, drawn at random
    besides its own; 0: all (`dsomgnn.pool`). `products`: whether the products with them, and those with projections of
    modalities, may be bfloat16: they are where the device is faster at it. Tables and optimisers stay float32.
    """

    epochs: Count = 60
    batch: Count = 400
    steps: NoneOrMore = 0
    candidates: NoneOrMore = 0
    merge: bool = True
    lr: Positive = 0.1
    lr_dense: Positive = 1e-3
    n3: Weight = 0.05
    init: Positive = 1e-3
    products: Literal["float32", "bfloat16"] = "float32"
    validate_every: Count = 5
    patience: Count = 4


class Student(Training):
    """The unimodal student."""

    score: Literal["complex", "distmult"] = "complex"
    rank: Count = 100


class TeacherRecipe(Training):
    """One teacher: modalities, fusion, encoder. `modality_rank` is for `blocks` alone: else all share one width."""

    modalities: tuple[str, ...] = ()
    structure: bool = True
    score: Literal["complex", "distmult"] = "complex"
    rank: Count = 200
    modality_rank: Count = 56
    fusion: Literal["blocks", "gate", "sum"] = "blocks"
    structure_dropout: Share = 0.0
    encoder: str = "lookup"
    options: dict[str, Any] = Field(default_factory=dict)
    fanouts: Fanouts = (10,)


class Distill(Section):
    """Decoupled distillation, and who chooses the teachers.

    `combine`: the soft labels of several teachers are the mean of their distributions, or the normalised product.
    `transfer`: so many draws, per query of train, of queries that it does not ask: teachers alone teach those.
    `begin`: the teacher with whose vectors the student begins, where that teaches; "": with random ones.
    `alone`: so many epochs of the student's, the first ones, are without teachers, which costs less.
    `kept`: the share of the machine's memory that soft labels of all train queries may take. Where they fit, they are
    made once, not in every epoch; 0: never. For a policy that chooses anew in every step scores of each teacher are
    kept instead, of as many as fit.
    """

    policy: str = "reinforce"
    combine: Literal["mean", "product"] = "mean"
    gamma: Weight = 1.0
    tau: Positive = 1.0
    alpha: Weight = 1.0
    beta: Weight = 1.0
    binary: bool = True
    neighbourhood: Literal["sampled", "khop", "answers", "random", "target", "none"] = "sampled"
    hops: Count = 2
    walks: Count = 16
    begin: str = ""
    alone: NoneOrMore = 0
    warmup: NoneOrMore = 3
    transfer: Annotated[float, Field(ge=0, le=100)] = 0.0
    kept: Share = 0.4


class AgentRecipe(Section):
    """The policy and its REINFORCE steps, one `every` so many batches; only read with policy = "reinforce".

    `reward`: for how much more probability a set of teachers gives a right answer than all do, or for how much a step
    on what it teaches improves the student. `reward_on`: a `reserve` of train that no model learns from meanwhile,
    train itself, or the valid split, so that no teacher does without a part of train; then what selects models has
    chosen their teachers too. `credit`: whether a set earns what its soft labels do together, or the sum of what each
    does alone. `prior`: the probability of every teacher at first; `entropy` weighs the pull back there.
    """

    reward: Literal["improvement", "log-probability"] = "log-probability"
    reward_on: Literal["train", "reserve", "valid"] = "reserve"
    credit: Literal["mean", "sum"] = "mean"
    reserve: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    epochs: Count = 20
    every: Count = 1
    baseline: Literal["mean", "greedy"] = "mean"
    state: Literal["context", "target"] = "context"
    rows: Count = 256
    hidden: Count = 128
    prior: Annotated[float, Field(gt=0, lt=1)] = 0.9
    entropy: Weight = 0.1
    lr: Positive = 1e-3
    clip: Positive = 1.0


class Rank(Section):
    """How ranks are read.

    `valid`: triples of the valid split, drawn by the seed, that models are selected on; 0: all. `budget_mb`: memory for
    scores at a time; on a GPU at least 1,024.
    """

    ties: Literal["realistic", "optimistic", "pessimistic"] = "realistic"
    budget_mb: Count = 12
    valid: NoneOrMore = 0


Searched = Annotated[tuple[Any, ...], AfterValidator(searchable)]


class Recipe(Section):
    """All settings of a run.

    `tracker` hears what the run logs. `sweep`: what `dsomgnn sweep` searches, by dotted key: two numbers are a range,
    on a log scale where "log" comes third; anything else is a list of choices.
    """

    data: Data
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    device: str = "auto"
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    features: dict[str, FeatureRecipe] = Field(default_factory=dict)
    teachers: dict[str, TeacherRecipe] = Field(default_factory=dict)
    student: Student = Field(default_factory=Student)
    distill: Distill = Field(default_factory=Distill)
    agent: AgentRecipe = Field(default_factory=AgentRecipe)
    rank: Rank = Field(default_factory=Rank)
    tracker: Annotated[str, AfterValidator(known_tracker)] | None = None
    sweep: Annotated[dict[str, Searched], BeforeValidator(dotted)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_fit(self) -> Recipe:
        for table, names, taken in (("teachers", self.teachers, "student"), ("features", self.features, "structure")):
            for name in names:
                if name == taken or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
                    raise NamedError(f"{table}.{name}", f'a name is letters, digits, "_" and "-", but not "{taken}"')
        for name, teacher in self.teachers.items():
            if 0 in teacher.fanouts:
                raise NamedError(f"teachers.{name}.fanouts", "a fan-out is at least 1, or -1 for all neighbours")
            for modality in teacher.modalities:
                if teacher.modalities.count(modality) > 1:
                    raise NamedError(f"teachers.{name}.modalities", f'"{modality}" is named twice')
                if modality not in self.features:
                    raise NamedError(
                        f"teachers.{name}.modalities",
                        f"no [features.{modality}].{nearest(modality, self.features)}",
                    )
            if not teacher.modalities and not teacher.structure:
                raise NamedError(f"teachers.{name}", "has neither structure nor modalities")
        if self.agent.state == "target" and self.student.candidates:
            raise NamedError("agent.state", '"target" is of ranks among all entities: it needs student.candidates = 0')
        policy = self.distill.policy
        kinds = ["reinforce", "all", "random", "none", *(f"single:{name}" for name in self.teachers)]
        if policy not in kinds:
            raise NamedError("distill.policy", f'unknown policy "{policy}".{nearest(policy, kinds)}')
        if policy != "none" and not self.teachers:
            raise NamedError(
                "distill.policy",
                f'"{policy}" needs at least one [teachers.NAME]; without teachers say "none"',
            )
        if (begin := self.distill.begin) and begin not in self.teachers:
            raise NamedError("distill.begin", f"no [teachers.{begin}].{nearest(begin, self.teachers)}")
        if begin and self.teachers[begin].score != self.student.score:
            raise NamedError("distill.begin", f'"{begin}" has another score than the student')
        alone, epochs = self.distill.alone, self.student.epochs
        if policy != "none" and alone >= epochs:
            raise NamedError("distill.alone", f"{alone} leaves none of the student's {epochs} epochs to be taught in")
        return self

    @property
    def pool(self) -> dict[str, TeacherRecipe]:
        """The teachers that the policy needs."""
        policy = self.distill.policy
        if policy == "none":
            return {}
        if policy.startswith("single:"):
            name = policy.removeprefix("single:")
            return {name: self.teachers[name]}
        return self.teachers

    @property
    def trained(self) -> dict[str, Training]:
        """How each model of a run is trained."""
        return {**self.pool, "student": self.student}

    @property
    def sampled(self) -> bool:
        """Whether some model is trained over sampled candidates."""
        return any(training.candidates for training in self.trained.values())

    @property
    def reserve(self) -> float:
        """The share of train that teachers never see."""
        return self.agent.reserve if self.distill.policy == "reinforce" and self.agent.reward_on == "reserve" else 0.0

    def sha256(self) -> str:
        """Of all that a run's figures depend on."""
        return hashlib.sha256(self.model_dump_json(exclude={"tracker", "sweep"}).encode()).hexdigest()
