"""The recipe of the run: two teachers, an agent and a student, a few hundred steps each over sampled candidates."""

from __future__ import annotations

from pathlib import Path

RECIPE = "recipe.toml"

TEXT = """\
device = "cpu"

[data]
name = "data"

[features.words]
source = "words.npy"
[features.looks]
source = "looks.npy"

[teachers.structure]
rank = 32
batch = 1000
candidates = 4000
steps = 100
epochs = 3
validate_every = 3
n3 = 0.001

[teachers.both]
modalities = ["words", "looks"]
encoder = "compgcn"
fanouts = [10]
rank = 32
modality_rank = 8
batch = 1000
candidates = 4000
steps = 100
epochs = 3
validate_every = 3
n3 = 0.001
lr_dense = 0.02

[student]
rank = 32
batch = 500
candidates = 4000
steps = 50
epochs = 4
validate_every = 4
n3 = 0.001

[distill]
warmup = 1
walks = 4

[agent]
epochs = 2
every = 5

[rank]
valid = 200
budget_mb = 256
"""


def write(folder: Path) -> None:
    (folder / RECIPE).write_text(TEXT, encoding="utf-8")
