"""A trained model from Python: `load(run)`, then ask it. The student needs neither its data set nor dgl."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dsomgnn.asked import ASKED, check_answers, one_end_asked
from dsomgnn.data.tables import read_rows
from dsomgnn.data.triples import Vocabulary
from dsomgnn.dataset import dataset_of
from dsomgnn.device import left_as_found
from dsomgnn.errors import CheckpointError, DataError, RecipeError, nearest
from dsomgnn.predict.best import Scorer, all_scores, scores_of, top
from dsomgnn.predict.facts import NAMES, Facts
from dsomgnn.predict.finder import PLURALS, Finder
from dsomgnn.predict.student import Student, read_student
from dsomgnn.processor import products
from dsomgnn.run import Run
from dsomgnn.settings import Recipe


@dataclass(frozen=True)
class Question:
    """Which head or which tail (`side`) goes with a `given` entity under a relation, by their ids."""

    given: int
    relation: int
    side: str

    def query(self, num_relations: int) -> Tensor:
        """The query (1, 2): that for a head is (tail, relation + R)."""
        return torch.tensor([[self.given, self.relation + (num_relations if self.side == "head" else 0)]])

    def triples(self, answers: Tensor) -> Tensor:
        """The triples (n, 3) that answers (n,) would make."""
        given, relation = torch.full_like(answers, self.given), torch.full_like(answers, self.relation)
        return torch.stack([given, relation, answers] if self.side == "tail" else [answers, relation, given], 1)


@dataclass(frozen=True)
class Answer:
    """`known`: the split that the fact stands in; None where it is new, or the data set is not at hand."""

    rank: int
    entity: str
    name: str
    score: float
    probability: float
    known: str | None


@dataclass(frozen=True, repr=False)
class Loaded:
    """A model of a run, and the words it is asked in: entities and relations by identifier or name."""

    run: Run
    record: dict[str, Any]
    recipe: Recipe
    name: str
    scorer: Scorer
    entity: Finder
    relation: Finder

    def __repr__(self) -> str:
        sizes = f"{len(self.entity.words):,} entities, {self.num_relations:,} relations"
        return f"<{self.name} of {self.run.path}: {sizes}>"

    def predict(
        self,
        head: str | None = None,
        relation: str | None = None,
        tail: str | None = None,
        k: int = 10,
        new: bool = False,
    ) -> list[Answer]:
        """The k best tails of a head, or heads of a tail, best first. `new` leaves out known facts.

        Raises RecipeError for an unknown or ambiguous word, and k below 1; DataError for `new` without the data set.
        """
        return self.answer(self.ask(head, relation, tail), k, new)

    def score(self, triples: Sequence[Sequence[str]] | Sequence[Sequence[int]] | np.ndarray | Tensor) -> Tensor:
        """Scores (n,) of triples, as words or as ids (n, 3), a tensor, array or list: of the tail, as the answer of
        head and relation.

        The id of a relation + R asks the other way round. Raises RecipeError for what is no triple of this model.
        """
        if isinstance(triples, np.ndarray) and triples.dtype.kind in "OU":
            triples = triples.tolist()
        if not isinstance(triples, Iterable):
            raise RecipeError(f"{triples!r}: expected triples, (head, relation, tail) each")
        rows: Any = triples if hasattr(triples, "dtype") else [_three(triple) for triple in triples]
        numbers = hasattr(triples, "dtype") or any(isinstance(word, Integral) for row in rows for word in row)
        ids = self._known(_tensor(rows)) if numbers else self._ids(rows)
        return scores_of(self.scorer, ids[:, :2], ids[:, 2])

    def probabilities(self, head: str | None = None, relation: str | None = None, tail: str | None = None) -> Tensor:
        """Probabilities (N,) of all entities as the tail of a head, or as the head of a tail, in the order of ids."""
        query = self.ask(head, relation, tail).query(self.num_relations)
        return (all_scores(self.scorer, query)[0] / self.scorer.temperature).softmax(0).cpu()

    def ask(self, head: str | None, relation: str | None, tail: str | None) -> Question:
        """The question in ids; what is None, empty or "?" is asked for. Raises RecipeError."""
        if not one_end_asked(head, relation, tail):
            raise RecipeError(
                'name a relation, and either the head or the tail: the other one, left out or "?", is asked for'
            )
        given, side = (head, "tail") if tail in ASKED else (tail, "head")
        return Question(self.entity.one(str(given)), self.relation.one(str(relation)), side)

    def answer(self, question: Question, k: int = 10, new: bool = False) -> list[Answer]:
        """`predict` for a question in ids."""
        check_answers(k)
        best = top(self.scorer, question.query(self.num_relations), k, self.need_facts().answers if new else None)
        entity, score, probability = best.entity[0], best.score[0], best.probability[0]
        known = self.splits(question.triples(entity))
        words = self.entity.words
        rows = zip(entity.tolist(), score.tolist(), probability.tolist(), known, strict=True)
        left = [(words.ids[e], words.names[e], s, p, split) for e, s, p, split in rows if s > -torch.inf]
        return [Answer(rank, *row) for rank, row in enumerate(left, 1)]

    @property
    def num_relations(self) -> int:
        return len(self.relation.words)

    @property
    def facts(self) -> Facts | None:
        """The facts of the data set; None where it is not at hand."""
        return None if isinstance(self._facts, DataError) else self._facts

    def need_facts(self) -> Facts:
        """The facts of the data set. Raises DataError where it is not at hand."""
        if isinstance(self._facts, DataError):
            raise self._facts
        return self._facts

    def splits(self, triples: Tensor) -> list[str | None]:
        """The split that each triple (n, 3) stands in; None: in none, or it cannot be told."""
        if self.facts is None:
            return [None] * len(triples)
        return [(*NAMES, None)[split] for split in self.facts.split_of(triples).tolist()]

    def notes(self, *entities: int) -> list[str]:
        """What to keep in mind when reading answers, those that are about these entities."""
        notes = []
        if isinstance(self._facts, DataError):
            notes.append(f"no known fact is marked: {str(self._facts).splitlines()[0]}")
        if not isinstance(self.scorer, Student):
            return notes
        if self.scorer.fitted is None:
            notes.append("this run holds no fitted temperature: probabilities are those at temperature 1")
        unseen = [i for i in entities if self.facts is not None and self.facts.dataset.unseen[i]]
        names = [self.entity.words.names[i] for i in unseen]
        notes += [f"{name} has no fact in train: the student knows nothing of it" for name in names]
        return notes

    @cached_property
    def _facts(self) -> Facts | DataError:
        try:
            return Facts(dataset_of(self.recipe, self.run.path, self.record))
        except DataError as error:
            return error

    def _ids(self, triples: Sequence[Any]) -> Tensor:
        words = [(self.entity.one(h), self.relation.one(r), self.entity.one(t)) for h, r, t in triples]
        return torch.tensor(words, dtype=torch.long).view(-1, 3)

    def _known(self, ids: Tensor) -> Tensor:
        """The ids on the CPU, if they are triples of this model."""
        if ids.is_floating_point() or ids.dim() != 2 or ids.shape[1] != 3:
            raise RecipeError(f"ids {tuple(ids.shape)} of {ids.dtype}: triples are whole numbers (n, 3)")
        ids, entities = ids.cpu().long(), len(self.entity.words)
        unknown = ids[((ids < 0) | (ids >= torch.tensor([entities, 2 * self.num_relations, entities]))).any(1)]
        if len(unknown):
            sizes = f"{entities:,} entities and {self.num_relations:,} relations"
            raise RecipeError(f"ids {unknown[0].tolist()}: no triple of the model's {sizes}; ids begin at 0")
        return ids


@left_as_found()
def load(run: str | Path, model: str = "student") -> Loaded:
    """The student of a run, or teacher:NAME, for which data set and features must be at hand.

    Raises CheckpointError where the run is not finished or damaged, RecipeError for an unknown model.
    """
    folder = Run.open(Path(run))
    record, recipe = folder.record(), folder.recipe()
    known = ["student", *(f"teacher:{name}" for name in recipe.pool)]
    if model not in known:
        raise RecipeError(f"--model {model}: this run has no such model.{nearest(model, known)}")
    if model.removeprefix("teacher:") not in record["phases"]:
        how = f"Go on: dsomgnn fit --resume {folder.path}"
        raise CheckpointError(f"{folder.path}: {model} is not trained to the end. {how}")
    entity, relation = (Finder(_words(folder, f"{plural}.tsv"), what) for what, plural in PLURALS.items())
    if model == "student":
        scorer: Scorer = read_student(folder, recipe, len(entity.words), len(relation.words))
    else:
        scorer = _teacher(folder, record, model)
    return Loaded(folder, record, recipe, model, scorer, entity, relation)


def _teacher(run: Run, record: dict[str, Any], model: str) -> Scorer:
    from dsomgnn.ranking import open_job, open_model  # dgl: a student does without it

    job = open_job(run, record, with_features=True)
    with products():
        return open_model(job, run, model)


def _three(triple: Any) -> Any:
    if isinstance(triple, str) or not isinstance(triple, Sequence) or len(triple) != 3:
        raise RecipeError(f"{triple!r}: a triple is (head, relation, tail)")
    return triple


def _tensor(ids: Any) -> Tensor:
    try:
        return torch.as_tensor(ids)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"ids: a tensor, array or list of whole numbers (n, 3): {error}") from None


def _words(run: Run, name: str) -> Vocabulary:
    path = run.sealed(name)
    try:
        return Vocabulary(*zip(*read_rows(path, 2, 3), strict=True))
    except (DataError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: not the id file of a run: {error}") from None
