"""Data set folders: identifiers, splits, and what is refused."""

from __future__ import annotations

import gzip

import pytest
import torch

from dsomgnn.data.triples import degrees, directed, hold_out, load_dataset
from dsomgnn.errors import DataError


def test_ids_are_sorted_where_no_file_gives_their_order(tiny):
    data = load_dataset(tiny)
    assert data.entities.ids == tuple("abcdef")
    assert data.relations.ids == ("knows", "likes")
    assert data.train[0].tolist() == [0, 1, 1]  # a likes b
    assert data.test.tolist() == [[2, 1, 0], [4, 1, 3]]


def test_the_order_and_names_of_entities_tsv_hold(tiny):
    (tiny / "entities.tsv").write_text("f\tFrida\ne\nd\t\nc\nb\na\tAnna\nz\tnever used\n")
    data = load_dataset(tiny)
    assert data.train[0].tolist() == [5, 1, 4]
    assert data.entities.names[:3] == ("Frida", "e", "d")
    assert data.num_entities == 7  # counts come from the file, not from the triples


def test_the_reciprocal_of_row_i_is_row_i_plus_n():
    triples = torch.tensor([[0, 1, 2], [3, 0, 3]])
    assert directed(triples, 4).tolist() == [[0, 1, 2], [3, 0, 3], [2, 5, 0], [3, 4, 3]]


def test_a_triple_of_an_entity_with_itself_counts_once():
    triples = torch.tensor([[0, 0, 1], [1, 0, 1], [1, 1, 1], [3, 0, 0]])
    assert degrees(triples, 5).tolist() == [2, 3, 0, 1, 0]
    assert degrees(triples).tolist() == [2, 3, 0, 1]
    assert degrees(triples[:0]).tolist() == []


def test_an_identifier_given_twice_is_refused_with_both_lines(tiny):
    (tiny / "entities.tsv").write_text("a\nb\nc\nb\nd\ne\nf\n")
    with pytest.raises(DataError, match=r'entities\.tsv:4: "b" stands a second time \(first in line 2\)'):
        load_dataset(tiny)


HEADER = "head\trelation\ttail"


@pytest.mark.parametrize("below", [f"{HEADER}\n", "a\trelation\tb\n", "tail\tlikes\ta\n"])
def test_a_first_row_whose_words_stand_in_others_too_is_a_triple(tiny, below):
    (tiny / "train.txt").write_text(f"{HEADER}\n{(tiny / 'train.txt').read_text()}")
    with pytest.raises(DataError, match=r"train\.txt:1: a header \(head, relation, tail\): delete this line"):
        load_dataset(tiny)
    with (tiny / "valid.txt").open("a") as file:
        file.write(below)
    assert {"head", "tail"} <= set(load_dataset(tiny).entities.ids)


@pytest.mark.parametrize("first", ["id\tname", "Entity", "entity\tlabel\ttype"])
def test_a_header_of_entities_is_refused_unless_it_is_an_entity_of_some_triple(tiny, first):
    (tiny / "entities.tsv").write_text("\n".join([first, *"abcdef", ""]))
    with pytest.raises(DataError, match=r"entities\.tsv:1: a header"):
        load_dataset(tiny)
    with (tiny / "valid.txt").open("a") as file:
        file.write(f"a\tlikes\t{first.partition(chr(9))[0]}\n")
    assert load_dataset(tiny).num_entities == 7


@pytest.mark.parametrize("first", ["id\tid", "id\tName of it", "name\tlabel"])
def test_an_entity_in_no_triple_that_is_called_like_a_column_is_kept(tiny, first):
    (tiny / "entities.tsv").write_text("\n".join([first, *"abcdef", ""]))
    assert load_dataset(tiny).num_entities == 7


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_an_empty_split_is_refused(tiny, split):
    (tiny / f"{split}.txt").write_text("\n")
    with pytest.raises(DataError, match=rf"{split}\.txt: empty"):
        load_dataset(tiny)


@pytest.mark.parametrize(
    ("row", "message"),
    [("a\tlikes\tbb", r'valid\.txt:2: unknown entity "bb"'), ("a\tlike\tb", r'unknown relation "like".*"likes"')],
)
def test_a_triple_outside_the_given_vocabulary_is_refused(tiny, row, message):
    (tiny / "entities.tsv").write_text("a\nb\nc\nd\ne\nf\n")
    (tiny / "relations.tsv").write_text("likes\nknows\n")
    (tiny / "valid.txt").write_text(f"a\tlikes\td\n{row}\n")
    with pytest.raises(DataError, match=message):
        load_dataset(tiny)


def test_a_repeated_train_triple_is_used_once_in_its_first_place(tiny):
    once = load_dataset(tiny)
    with (tiny / "train.txt").open("a") as file:
        file.write("b\tlikes\tc\na\tlikes\tb\n")
    twice = load_dataset(tiny)
    assert torch.equal(once.train, twice.train)
    assert "2 repeated" in twice.warnings[0]


def test_the_rows_of_train_as_published_are_its_lines(tiny):
    with (tiny / "train.txt").open("a") as file:
        file.write("b\tlikes\tc\n")
    data = load_dataset(tiny, repeats=True)
    assert (len(data.train), data.train[-1].tolist(), data.warnings) == (11, [1, 1, 2], ())


def test_the_digest_is_of_the_facts_not_of_their_packing(tiny):
    plain = load_dataset(tiny).sha256
    packed = tiny / "test.txt"
    (tiny / "test.txt.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    assert load_dataset(tiny).sha256 == plain
    (tiny / "test.txt.gz").write_bytes(gzip.compress(b"c\tlikes\ta\ne\tlikes\tf\n"))
    assert load_dataset(tiny).sha256 != plain


def test_a_held_out_part_of_train_takes_the_place_of_valid(worldfacts):
    whole = load_dataset(worldfacts)
    data = hold_out(whole, 0.1)
    assert (len(data.train), len(data.valid)) == (len(whole.train) - 1401, 1401)
    assert torch.equal(torch.cat([data.train, data.valid]).unique(dim=0), whole.train.unique(dim=0))
    assert torch.equal(data.unused, whole.valid)
    assert torch.equal(data.test, whole.test)
    assert torch.equal(hold_out(whole, 0.1).valid, data.valid)
    assert data.sha256 != whole.sha256


def test_facts_that_are_only_filtered_are_part_of_what_a_data_set_is(tiny):
    before = hold_out(load_dataset(tiny), 0.2)
    (tiny / "valid.txt").write_text("a\tlikes\td\n")
    after = hold_out(load_dataset(tiny), 0.2)
    assert torch.equal(before.valid, after.valid)
    assert before.sha256 != after.sha256


def test_filtering_knows_all_published_triples_whatever_is_held_out(tiny):
    whole = load_dataset(tiny)
    assert torch.equal(hold_out(whole, 0.2).known.unique(dim=0), whole.known.unique(dim=0))


def test_unseen_entities_are_those_without_a_train_triple_also_after_holding_out(tiny):
    (tiny / "entities.tsv").write_text("a\nb\nc\nd\ne\nf\nz\n")
    assert load_dataset(tiny).unseen.tolist() == [False] * 6 + [True]
    (tiny / "train.txt").write_text("a\tlikes\tb\nc\tlikes\td\n")
    data = hold_out(load_dataset(tiny), 0.5)
    assert data.unseen[data.train[:, [0, 2]]].sum() == 0
    assert data.unseen[data.valid[:, [0, 2]]].all()


def test_holding_out_all_is_refused(tiny):
    (tiny / "train.txt").write_text("a\tlikes\tb\n")
    with pytest.raises(DataError, match=r"data.holdout = 0.5 leaves no triple"):
        hold_out(load_dataset(tiny), 0.5)
