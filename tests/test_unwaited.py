"""Steps never wait for a GPU: on the meta device, whose tensors have no values, reading one back is an error.

So is here any operation on tensors of both devices. Where there is a GPU, the same steps run on it, told not to wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dsomgnn.build import Job, build, make_distiller, make_student, make_teacher
from dsomgnn.choices import Tally
from dsomgnn.distill.distiller import TAUGHT, WARM_UP
from dsomgnn.distill.teachers import freeze
from dsomgnn.epochs import optimisers_of
from dsomgnn.recipe import parse_recipe
from dsomgnn.steps import plain_step, taught_step
from dsomgnn.unwaited import counts

META = torch.device("meta")


class OneDevice(TorchDispatchMode):
    """Every operation but a copy has all its tensors on one device; numbers may be anywhere."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor) and x.dim()]
        if operation is not torch.ops.aten.copy_.default and len({x.device for x in tensors}) > 1:
            raise RuntimeError(f"{operation} of tensors on two devices")
        return operation(*args, **(kwargs or {}))


@contextmanager
def unwaited(device: torch.device) -> Iterator[None]:
    """For a while it is an error to wait for the device."""
    with OneDevice():
        if device.type == "cuda":
            torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            if device.type == "cuda":
                torch.cuda.set_sync_debug_mode("default")


NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU at hand")


@pytest.fixture(params=["meta", pytest.param("cuda", marks=NO_GPU)])
def device(request: pytest.FixtureRequest) -> torch.device:
    return torch.device(request.param)


TEACHERS = {
    "s": {"rank": 8},
    "sum": {"modalities": ["text"], "fusion": "sum", "rank": 8, "structure_dropout": 0.1},
    "gate": {"modalities": ["text"], "fusion": "gate", "rank": 8},
    "compgcn": {"modalities": ["text"], "encoder": "compgcn", "fanouts": [3, 2], "rank": 8, "modality_rank": 4},
    "rgcn": {"encoder": "rgcn", "fanouts": [3], "rank": 8, "products": "bfloat16"},
}


@cache
def data_and_features() -> Job:
    text = {"source": "text.tsv", "encoder": "tfidf-svd", "dim": 8}
    recipe = {"data": {"name": "worldfacts"}, "features": {"text": text}, "teachers": TEACHERS}
    return build(parse_recipe(recipe))


def job_on(device: torch.device, **changes: dict) -> Job:
    job = data_and_features()
    settings = job.recipe.model_dump(mode="json")
    for section, values in ({"student": {"rank": 8}} | changes).items():
        settings[section] |= values
    return replace(job, recipe=parse_recipe(settings), device=device)


@pytest.fixture
def no_adagrad(monkeypatch: pytest.MonkeyPatch):
    """With sampled candidates torch's own step waits, once: it sorts the rows of a sparse gradient."""
    monkeypatch.setattr(torch.optim.Adagrad, "step", lambda self: None)


@pytest.mark.parametrize("candidates", [0, 50])
@pytest.mark.parametrize("name", TEACHERS)
def test_a_teacher_learns(name: str, candidates: int, device: torch.device, request: pytest.FixtureRequest):
    if candidates:
        request.getfixturevalue("no_adagrad")
    job = job_on(device)
    settings = job.recipe.teachers[name].model_copy(update={"candidates": candidates})
    model = make_teacher(job, name)
    optimisers = optimisers_of(model, settings)
    with unwaited(device):
        for batch in job.training.batches(64, 2):
            assert plain_step(model, batch, optimisers, settings).device.type == device.type


VARIANTS = {
    "all": {},
    "random": {"distill": {"policy": "random"}},
    "single": {"distill": {"policy": "single:sum"}},
    "product": {"distill": {"combine": "product", "policy": "random"}},
    "tau": {"distill": {"tau": 2.0, "transfer": 1.0}},
    "plain KL": {"distill": {"neighbourhood": "none"}},
    "bfloat16": {"student": {"rank": 8, "products": "bfloat16"}},
    "candidates": {"student": {"rank": 8, "candidates": 50}},
    "agent": {"distill": {"policy": "reinforce", "transfer": 1.0}},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_student_is_taught(variant: str, device: torch.device, request: pytest.FixtureRequest):
    if variant == "candidates":
        request.getfixturevalue("no_adagrad")
    changes = VARIANTS[variant]
    job = job_on(device, **(changes | {"distill": {"policy": "all"} | changes.get("distill", {})}))
    asked = job.training if variant == "all" else None
    teachers = [freeze(name, make_teacher(job, name), asked) for name in ("s", "sum", "compgcn")]
    student = make_student(job)
    distiller = make_distiller(job, student, teachers)
    optimisers, tally = optimisers_of(student, job.recipe.student), Tally([t.name for t in teachers])
    with unwaited(device):
        for batch, stage in zip(job.training.batches(64, 4), (WARM_UP, TAUGHT) * 2, strict=True):
            taught_step(distiller, batch, stage, optimisers, tally, measure=True)
    assert tally.triples
    if device == META:
        with pytest.raises(RuntimeError, match="meta"):
            tally.event()


def test_a_value_that_is_read_back_is_an_error_on_the_meta_device():
    for read in (Tensor.item, Tensor.tolist, Tensor.cpu, torch.nonzero, Tensor.unique, torch.bincount):
        with pytest.raises((RuntimeError, NotImplementedError)):
            read(torch.zeros(1, dtype=torch.long, device=META))


def test_so_is_an_operation_on_two_devices():
    with unwaited(META), pytest.raises(RuntimeError, match="two devices"):
        torch.zeros(2, 3, device=META) @ torch.zeros(3, 2)


def test_counts_are_those_of_bincount():
    index = torch.tensor([3, 0, 3, 1])
    assert counts(index, 5).tolist() == torch.bincount(index, minlength=5).tolist() == [1, 1, 0, 2, 0]
    assert counts(index[:0], 2).tolist() == [0, 0]
