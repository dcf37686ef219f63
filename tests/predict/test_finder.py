"""Words find what they mean, or say what they could have meant."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsomgnn.data.triples import Vocabulary, load_dataset
from dsomgnn.errors import RecipeError
from dsomgnn.predict.finder import Finder

WORDS = Vocabulary(
    ("q1", "q2", "q3", "q4", "Kenya"),
    ("Kenya", "play", "play", "Play", "an odd one"),
    ("place", "verb", "noun", "noun", "odd"),
)
FINDER = Finder(WORDS, "entity")


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("q1", [0]),
        ("Kenya", [4]),  # an identifier goes before a name
        ("kenya", [0, 4]),
        ("Play", [3]),  # as it is written, before other cases
        ("play", [1, 2]),
        ("PLAY", [1, 2, 3]),
        ("Q2", [1]),
        ("AN ODD ONE", [4]),
        ("nothing", []),
    ],
)
def test_identifiers_go_before_names_and_these_before_other_cases(word: str, found: list[int]):
    assert FINDER.find(word) == found


def test_an_accent_may_be_a_character_of_its_own():
    composed, apart = "Caf\u00e9", "Cafe\u0301"
    for own, asked in ((composed, apart), (apart, composed)):
        finder = Finder(Vocabulary(("q1", "q2"), (own, "Tea")), "entity")
        assert finder.find(asked) == finder.find(asked.upper()) == [0]


def test_an_ambiguous_name_lists_identifiers_and_kinds():
    with pytest.raises(RecipeError) as error:
        FINDER.one("play")
    assert str(error.value).splitlines() == [
        '2 entities are called "play"; give the identifier of one:',
        "  q2  play  (verb)",
        "  q3  play  (noun)",
    ]


@pytest.mark.parametrize(("word", "near"), [("odd", "Kenya  an odd one"), ("Kenia", "q1  Kenya"), ("plya", "q2  play")])
def test_a_miss_offers_names_that_hold_the_word_or_are_spelt_like_it(word: str, near: str):
    with pytest.raises(RecipeError, match=f'no entity "{word}". Did you mean\n.*{near}'):
        FINDER.one(word)


def test_a_miss_with_nothing_near_says_where_all_are_listed():
    with pytest.raises(RecipeError, match=r'^no relation "xyzzy"\. The run\'s relations\.tsv lists them all$'):
        Finder(Vocabulary(("likes",), ("is fond of",)), "relation").one("xyzzy")


def test_at_most_ten_of_many_are_shown():
    many = Finder(Vocabulary(tuple(f"i{n}" for n in range(25)), ("same",) * 25), "entity")
    with pytest.raises(RecipeError, match=r"25 entities are called .*(\n  i\d+  same){10}\n  and 15 more$"):
        many.one("same")


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), min_size=1, unique_by=lambda pair: pair[0]))
def test_every_identifier_finds_itself_and_every_name_at_least_its_own(pairs: list[tuple[str, str]]):
    ids, names = zip(*pairs, strict=True)
    finder = Finder(Vocabulary(ids, names), "entity")
    assert [finder.one(word) for word in ids] == list(range(len(ids)))
    assert all(i in finder.find(name) or name in ids for i, name in enumerate(names))


def test_real_names_that_several_share_are_told_apart_by_identifier(real_data):
    entities = load_dataset(real_data("fb15k-237")).entities
    finder = Finder(entities, "entity")
    seven = r'7 entities are called "Washington County".*(\n  /m/[a-z0-9_]+  Washington County){7}$'
    with pytest.raises(RecipeError, match=seven):
        finder.one("Washington County")
    assert entities.names[finder.one("the beatles")] == "The Beatles"
