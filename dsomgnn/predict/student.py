"""The student of a run, read from its file alone: two tables and a score function."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from dsomgnn.device import device_at_hand
from dsomgnn.errors import CheckpointError
from dsomgnn.models.score import SCORES, ScoreFunction
from dsomgnn.run import Run, refuse_diverged
from dsomgnn.sealed import STUDENT_FILE
from dsomgnn.settings import Recipe


@dataclass(frozen=True)
class Student:
    """Tables `entities` (N, d) and `relations` (2R, d); the temperature is None where none was fitted to the run."""

    score: ScoreFunction
    entities: Tensor
    relations: Tensor
    fitted: float | None = None

    @property
    def temperature(self) -> float:
        return 1.0 if self.fitted is None else self.fitted

    def vectors(self, queries: Tensor) -> Tensor:
        """Query vectors (B, d), whose products with `entities` are the scores."""
        return self.score.query(self.entities[queries[:, 0]], self.relations[queries[:, 1]])


def read_student(run: Run, recipe: Recipe, num_entities: int, num_relations: int) -> Student:
    """The student, on the GPU where the recipe and the machine allow it. Raises CheckpointError."""
    tensors, meta = run.read_tensors(STUDENT_FILE)
    score = SCORES[recipe.student.score]()
    width = recipe.student.rank * score.parts
    wanted = {"fusion.table": (num_entities, width), "relation": (2 * num_relations, width)}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != wanted:
        raise CheckpointError(
            f"{run.path / STUDENT_FILE}: holds {found}, expected {wanted} of the recipe and the id files"
        )
    refuse_diverged(tensors, str(run.path / STUDENT_FILE))
    device = device_at_hand(recipe.device)
    table, relation = (tensors[name].to(device) for name in wanted)
    return Student(score, table, relation, meta.get("temperature"))
