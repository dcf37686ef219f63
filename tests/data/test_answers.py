"""Known answers in CSR form are those of a plain dict of sets."""

from __future__ import annotations

from collections import defaultdict

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dsomgnn.data.answers import Answers
from dsomgnn.data.triples import load_dataset

N, R = 7, 3
TRIPLE = st.tuples(st.integers(0, N - 1), st.integers(0, R - 1), st.integers(0, N - 1))


def plain(triples, num_relations):
    answers = defaultdict(set)
    for head, relation, tail in triples:
        answers[head, relation].add(tail)
        answers[tail, relation + num_relations].add(head)
    return answers


def looked_up(answers: Answers, queries) -> list[list[int]]:
    row, tail = answers.gather(answers.find(torch.tensor(queries)))
    return [tail[row == i].tolist() for i in range(len(queries))]


@settings(max_examples=60, deadline=None)
@given(st.lists(TRIPLE, max_size=40))
def test_answers_of_every_query_are_those_of_a_dict_of_sets(triples):
    answers = Answers.of(torch.tensor(triples, dtype=torch.long).view(-1, 3), N, R)
    wanted = plain(triples, R)
    queries = [(h, r) for h in range(N) for r in range(2 * R)]  # unknown ones too: they have none
    assert looked_up(answers, queries) == [sorted(wanted[query]) for query in queries]
    assert {tuple(query) for query in answers.queries.tolist()} == {query for query in queries if wanted[query]}


def test_a_query_asked_twice_is_answered_twice():
    answers = Answers.of(torch.tensor([[0, 0, 1], [0, 0, 2]]), 3, 1)
    assert looked_up(answers, [(0, 0), (2, 0), (0, 0), (1, 1)]) == [[1, 2], [], [1, 2], [0]]


def test_fb15k_237_has_the_answers_of_the_plain_way(real_data):
    data = load_dataset(real_data("fb15k-237"))
    triples = torch.cat([data.train, data.valid, data.test])
    answers = Answers.of(triples, data.num_entities, data.num_relations)
    wanted = plain(triples.tolist(), data.num_relations)
    assert len(answers) == len(wanted)
    sample = answers.queries[:: len(answers) // 500].tolist()
    assert looked_up(answers, sample) == [sorted(wanted[tuple(query)]) for query in sample]
