"""The peers, each through its own training loop, evaluator or sampler, with the same sizes and threads."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

import numpy as np
import torch
from torch.nn.functional import softplus

from speed.work import Done, Work, batches


class Enough(Exception):  # noqa: N818
    """Raised in a peer's training loop to leave it."""


def pykeen_train(work: Work) -> Iterator[Done | None]:
    """LCWA: one row per distinct query, every entity a candidate. The first step of a turn is not timed."""
    from pykeen.training import LCWATrainingLoop, TrainingCallback

    class Watch(TrainingCallback):
        def __init__(self, steps: int):
            super().__init__()
            self.steps = steps
            self.times: list[tuple[float, float]] = []  # of the clock, and of processors

        def post_batch(self, **_) -> None:
            self.times.append((time.perf_counter(), time.process_time()))
            if len(self.times) > self.steps:
                raise Enough

    model, triples = _pykeen_model(work)
    optimiser = torch.optim.Adagrad(model.parameters(), lr=0.1)
    loop = LCWATrainingLoop(model=model, triples_factory=triples, optimizer=optimiser)
    settings = {"batch_size": work.sizes.batch, "use_tqdm": False, "use_tqdm_batch": False, "pin_memory": False}
    yield None
    while True:
        watch = Watch(work.sizes.slow_steps)
        with suppress(Enough):
            loop.train(triples, num_epochs=1, callbacks=watch, **settings)
        (begun, begun_cpu), (ended, ended_cpu) = watch.times[0], watch.times[-1]
        yield Done(work.sizes.batch * (len(watch.times) - 1), seconds=ended - begun, cpu=ended_cpu - begun_cpu)


def pykeen_rank(work: Work) -> Iterator[Done | None]:
    """Its evaluator, filtered, on the test split in both directions; the first turn asks a few queries only."""
    from pykeen.evaluation import RankBasedEvaluator

    model, _ = _pykeen_model(work)
    tables = [torch.from_numpy(t) for t in (work.entity_table, work.relation_table)]
    tables[1] = torch.stack(tables[1].split(work.relations), 1).flatten(0, 1)  # it counts r, its inverse, r + 1, ...
    parts = model.entity_representations[0], model.relation_representations[0]
    with torch.no_grad():
        for part, table in zip(parts, tables, strict=True):
            part._embeddings.weight.copy_(torch.stack(table.chunk(2, 1), -1).flatten(1))
    test, known = torch.from_numpy(work.test), [torch.from_numpy(t) for t in work.splits]
    evaluator = RankBasedEvaluator(filtered=True, clear_on_finalize=True)
    asked = test[: work.sizes.slow_queries]
    yield None
    while True:
        found = evaluator.evaluate(model, asked, batch_size=512, additional_filter_triples=known, use_tqdm=False)
        yield Done(2 * len(asked), mrr=found.get_metric("both.pessimistic.inverse_harmonic_mean_rank"))
        asked = test


def _pykeen_model(work: Work):
    logging.disable(logging.WARNING)
    from pykeen.models import ComplEx
    from pykeen.triples import CoreTriplesFactory

    triples = CoreTriplesFactory(
        torch.from_numpy(work.train), work.entities, work.relations, create_inverse_triples=True
    )
    model = ComplEx(
        triples_factory=triples,
        embedding_dim=work.sizes.rank,
        loss="crossentropy",
        regularizer="lp",
        regularizer_kwargs={"weight": 0.05, "p": 3.0, "apply_only_once": False},
        random_seed=0,
    )
    return model, triples


def torchkge_rank(work: Work) -> Iterator[Done | None]:
    """Its evaluator, raw and filtered at once, on a few test triples in both directions."""
    from torchkge.evaluation import LinkPredictionEvaluator

    size = work.sizes.slow_queries // 2
    everything = np.concatenate(work.splits)
    _, asked = _torchkge_graph(work, everything).split_kg(sizes=(len(everything) - size, size))
    evaluator = LinkPredictionEvaluator(_torchkge_model(work), asked)
    yield None
    while True:
        with torch.no_grad():
            evaluator.evaluate(b_size=32, verbose=False)
        yield Done(2 * size)


def torchkge_negatives(work: Work) -> Iterator[Done | None]:
    """Its uniform sampler and logistic loss."""
    from torchkge.sampling import UniformNegativeSampler
    from torchkge.utils import LogisticLoss

    sampler, loss = (
        UniformNegativeSampler(_torchkge_graph(work, work.train), n_neg=work.sizes.negatives),
        LogisticLoss(),
    )
    model = _torchkge_model(work)

    def loss_of(h, r, t):
        return loss(*model(h, t, r, *sampler.corrupt_batch(h, t, r, n_neg=work.sizes.negatives)))

    yield from _negatives(work, model, loss_of)


def _torchkge_model(work: Work):
    from torchkge.models import ComplExModel

    return ComplExModel(work.sizes.rank, work.entities, work.relations)


def _torchkge_graph(work: Work, triples: np.ndarray):
    from torchkge.data_structures import KnowledgeGraph

    head, relation, tail = torch.from_numpy(triples).unbind(1)
    ids = [{i: i for i in range(n)} for n in (work.entities, work.relations)]
    return KnowledgeGraph(kg={"heads": head, "tails": tail, "relations": relation}, ent2ix=ids[0], rel2ix=ids[1])


def pyg_rank(work: Work) -> Iterator[Done | None]:
    """Its own test(): unfiltered, tails only, one query at a time."""
    model = _pyg_model(work)
    head, relation, tail = torch.from_numpy(work.test[: work.sizes.slow_queries // 4]).unbind(1)
    yield None
    while True:
        model.test(head, relation, tail, batch_size=20_000, log=False)
        yield Done(len(head))


def pyg_negatives(work: Work) -> Iterator[Done | None]:
    """Its scores of positives and of random negatives, half of the heads, half of the tails."""
    model, many = _pyg_model(work), work.sizes.negatives

    def loss_of(h, r, t):
        heads, tails = (x.repeat_interleave(many) for x in (h, t))
        random = torch.randint(work.entities, heads.shape)
        half = len(heads) // 2
        heads, tails = torch.cat([random[:half], heads[half:]]), torch.cat([tails[:half], random[half:]])
        return softplus(-model(h, r, t)).mean() + softplus(model(heads, r.repeat_interleave(many), tails)).mean()

    yield from _negatives(work, model, loss_of)


def _pyg_model(work: Work):
    from torch_geometric.nn.kge import ComplEx

    return ComplEx(work.entities, work.relations, work.sizes.rank)


def _negatives(work: Work, model: torch.nn.Module, loss_of) -> Iterator[Done | None]:
    triples, order = torch.from_numpy(work.train), batches(len(work.train), work.sizes.batch)
    optimiser = torch.optim.Adagrad(model.parameters(), lr=0.1)
    yield None
    while True:
        rows = 0
        for index in islice(order, work.sizes.slow_steps):
            optimiser.zero_grad()
            loss_of(*triples[torch.from_numpy(index)].unbind(1)).backward()
            optimiser.step()
            rows += len(index)
        yield Done(rows)
