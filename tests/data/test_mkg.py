"""The multimodal knowledge graph: train edges in both directions, with the entities' features."""

from __future__ import annotations

from collections import Counter

import torch

from dsomgnn._dgl import dgl
from dsomgnn.data.features import Feature
from dsomgnn.data.mkg import MKG
from dsomgnn.data.triples import load_dataset


def triples_of(graph) -> Counter:
    """(head, name of the edge type, tail) of a heterogeneous graph."""
    found = Counter()
    for canonical in graph.canonical_etypes:
        head, tail = (x.tolist() for x in graph.edges(etype=canonical))
        found.update(zip(head, [canonical[1]] * len(head), tail, strict=True))
    return found


def test_every_relation_and_its_reciprocal_is_a_canonical_edge_type(tiny):
    graph = MKG(load_dataset(tiny)).graph()
    names = {"likes", "knows", "inverse:likes", "inverse:knows"}
    assert set(graph.canonical_etypes) == {("entity", name, "entity") for name in names}
    assert graph.num_nodes("entity") == 6


def test_a_relation_outside_train_is_an_edge_type_without_edges(tiny):
    (tiny / "test.txt").write_text("a\thates\tb\n")
    graph = MKG(load_dataset(tiny)).graph()
    assert graph.num_edges("hates") == graph.num_edges("inverse:hates") == 0
    assert len(graph.canonical_etypes) == 6


def test_edges_are_the_train_triples_and_their_reciprocals_and_nothing_of_valid_or_test(tiny):
    data = load_dataset(tiny)
    mkg, names = MKG(data), data.relations.ids
    train = [(h, names[r], t) for h, r, t in data.train.tolist()]
    wanted = Counter(train + [(t, f"inverse:{r}", h) for h, r, t in train])
    assert triples_of(mkg.graph()) == wanted
    for h, r, t in torch.cat([data.valid, data.test]).tolist():
        assert (h, names[r], t) not in wanted  # else this test holds nothing
        assert not ((mkg.edges == torch.tensor([h, r, t])).all(1)).any()


def test_a_relation_that_is_named_like_a_reciprocal_loses_no_edge(tiny):
    with (tiny / "train.txt").open("a") as file:
        file.write("a\tinverse:likes\tf\n")
    mkg = MKG(load_dataset(tiny))
    assert mkg.graph().num_edges() == len(mkg.edges) == 22


def test_the_homogeneous_view_has_the_edges_of_dgl_to_homogeneous(random_mkg):
    graph, view = random_mkg.graph(), random_mkg.homogeneous
    plain = dgl.to_homogeneous(graph)
    number = {name: i for i, name in enumerate(random_mkg.edge_types())}
    relation = [number[graph.etypes[i]] for i in plain.edata[dgl.ETYPE].tolist()]

    def edges(g, etype):
        head, tail = g.edges()
        return Counter(zip(head.tolist(), etype, tail.tolist(), strict=True))

    assert edges(view, random_mkg.edges[:, 1].tolist()) == edges(plain, relation)
    assert view.num_nodes() == plain.num_nodes() == 40


def test_the_homogeneous_view_keeps_the_order_of_edges(random_mkg):
    assert torch.equal(torch.stack(random_mkg.homogeneous.edges(), 1), random_mkg.edges[:, [0, 2]])


def test_nodes_carry_values_and_masks_of_each_modality(tiny):
    present = torch.tensor([True, False, True, True, False, True])
    feature = Feature("text", torch.randn(6, 3) * present[:, None], present)
    data = MKG(load_dataset(tiny), {"text": feature}).graph().nodes["entity"].data
    assert torch.equal(data["text"], feature.values)
    assert torch.equal(data["text_present"], present)


def test_structure_is_there_for_either_side_of_a_train_triple_only(mkg_of):
    mkg = mkg_of([[0, 0, 2], [2, 0, 3]], 5, 1)
    assert mkg.structured.tolist() == [True, False, True, True, False]


def test_a_part_of_train_gives_the_graph_of_that_part(tiny):
    data = load_dataset(tiny)
    mkg = MKG(data, train=data.train[:4])
    assert mkg.homogeneous.num_edges() == mkg.graph().num_edges() == 8
    assert mkg.structured.tolist() == [True, True, True, True, False, False]
