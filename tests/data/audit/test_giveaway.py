"""Texts that name the other side of a fact."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dsomgnn.data.audit.giveaway import named_in_text


def named(names: list[str], texts: list[str], head: int = 0, tail: int = 1) -> list[bool]:
    found = named_in_text(torch.tensor([[head, 0, tail]]), names, texts)
    return [found["text_names_tail"].item(), found["text_names_head"].item()]


@pytest.mark.parametrize(
    ("name", "text", "there"),
    [
        ("New York", "a park in new york, on the Hudson", True),
        ("New York", "a park in New Yorkshire", False),
        ("New_York", "NEW-YORK", True),  # what stands between words does not matter
        ("New York", "York is new", False),
        ("Ürümqi", "capital: ÜRÜMQI.", True),
        ("Rio", "the city of Rio", False),  # three letters stand there by chance
        ("F 16 C", "the F 16 C", False),
        ("Rome", "", False),
        ("", "anything", False),
    ],
)
def test_a_name_counts_as_whole_words_in_any_case(name: str, text: str, there: bool):
    assert named(["Central Park", name], [text, ""]) == [there, False]
    assert named([name, "Central Park"], ["", text]) == [False, there]


def test_a_self_loop_has_no_other_side(dataset_of):
    assert named(["Paris"], ["Paris is Paris"], 0, 0) == [False, False]


WORDS = ["rome", "paris", "new york", "york", "new", "ro me", "it"]
phrases = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)


@settings(deadline=None)
@given(st.lists(phrases, min_size=3, max_size=3), st.lists(phrases, min_size=3, max_size=3))
def test_it_is_the_search_for_a_run_of_words(names: list[str], texts: list[str]):
    def run_of_words(name: str, text: str) -> bool:
        a, b = name.split(), text.split()
        return sum(map(len, a)) >= 4 and any(b[i : i + len(a)] == a for i in range(len(b)))

    pairs = [(h, t) for h in range(3) for t in range(3) if h != t]
    found = named_in_text(torch.tensor([(h, 0, t) for h, t in pairs]), names, texts)
    assert found["text_names_tail"].tolist() == [run_of_words(names[t], texts[h]) for h, t in pairs]
    assert found["text_names_head"].tolist() == [run_of_words(names[h], texts[t]) for h, t in pairs]
