"""Sampled layers: their shape, their randomness, and what a training query must never see in them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
import torch

from dsomgnn.batches import TrainingQueries
from dsomgnn.data.mkg import MKG
from dsomgnn.data.triples import load_dataset
from dsomgnn.sampling import BlockSampler, seed_all

FANOUTS = pytest.mark.parametrize("fanouts", [[3], [2, 4], [-1, -1], [5, 1, 2]], ids=str)


def edges_of(layer) -> list[tuple[int, int, int]]:
    """Directed triples along which messages flow."""
    nodes = layer.nodes
    columns = nodes[layer.src].tolist(), layer.etype.tolist(), nodes[: layer.num_dst][layer.dst].tolist()
    return list(zip(*columns, strict=True))


@FANOUTS
def test_destinations_come_first_and_the_last_are_the_seeds(random_mkg, fanouts):
    seeds = torch.tensor([7, 39, 0, 21])
    layers = BlockSampler(random_mkg, fanouts).layers(seeds)
    assert len(layers) == len(fanouts)
    for outer, inner in pairwise(layers):
        assert torch.equal(outer.nodes[: outer.num_dst], inner.nodes)
    assert torch.equal(layers[-1].nodes[: layers[-1].num_dst], seeds)


@FANOUTS
def test_each_layer_takes_its_fan_out_of_distinct_train_edges(random_mkg, fanouts):
    train = set(map(tuple, random_mkg.edges.tolist()))
    degree = Counter(random_mkg.edges[:, 2].tolist())
    for fanout, layer in zip(fanouts, BlockSampler(random_mkg, fanouts).layers(torch.arange(40)), strict=True):
        edges = edges_of(layer)
        assert set(edges) <= train
        assert len(set(edges)) == len(edges)
        count = Counter(tail for _, _, tail in edges)
        limit = max(degree.values()) if fanout == -1 else fanout
        assert all(count[node] == min(degree[node], limit) for node in layer.nodes[: layer.num_dst].tolist())


def test_full_takes_every_edge_at_the_same_depth(random_mkg):
    layers = BlockSampler(random_mkg, [1, 2]).of(-1).layers(torch.arange(40))
    assert [Counter(edges_of(layer)) for layer in layers] == [Counter(map(tuple, random_mkg.edges.tolist()))] * 2


def test_layers_are_those_of_their_seed(worldfacts):
    sampler = BlockSampler(MKG(load_dataset(worldfacts)), [5, 10])

    def sampled(*seed):
        seed_all(*seed)
        return [edges_of(layer) for layer in sampler.layers(torch.arange(300))]

    assert sampled(0, 1) == sampled(0, 1)
    assert sampled(0, 1) != sampled(0, 2)


@FANOUTS
@pytest.mark.parametrize("merge", [True, False], ids=["merged", "apart"])
def test_no_layer_holds_an_edge_between_a_query_and_its_target(random_mkg, fanouts, merge):
    """Own edge, reciprocal, mirrored pair and any other relation between the two, in both directions, in all layers."""
    training, sampler = TrainingQueries(random_mkg, merge), BlockSampler(random_mkg, fanouts)
    seed_all(0)
    seen_otherwise = 0
    for batch in training.batches(16):
        seeds = batch.queries[:, 0].unique()
        own = {frozenset(pair) for pair in batch.pairs.tolist()}
        for layer in sampler.layers(seeds, batch.pairs):
            assert not own & {frozenset((head, tail)) for head, _, tail in edges_of(layer)}
        for layer in sampler.layers(seeds):
            seen_otherwise += len(own & {frozenset((head, tail)) for head, _, tail in edges_of(layer)})
    assert seen_otherwise > 100  # else nothing would have been hidden


def test_hiding_takes_nothing_but_the_own_pairs_and_forgets_them_afterwards(random_mkg):
    sampler, everyone = BlockSampler(random_mkg, [-1]), torch.arange(40)
    train = Counter(map(tuple, random_mkg.edges.tolist()))
    without_edge = torch.tensor([[39, 0], [3, 39]])
    for own in (random_mkg.train[:9, [2, 0]], random_mkg.train[20:25, [0, 2]], random_mkg.train[:0, [0, 2]]):
        pairs = {frozenset(pair) for pair in own.tolist()}
        kept = Counter({(h, r, t): n for (h, r, t), n in train.items() if frozenset((h, t)) not in pairs})
        assert (len(kept) < len(train)) == bool(pairs)
        assert Counter(edges_of(sampler.layers(everyone, torch.cat([own, without_edge]))[0])) == kept
