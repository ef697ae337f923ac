"""Word-count cosine, nouns and lengths."""

import sys
from math import sqrt

import pytest

from alignment.data.length_matching import Match
from alignment.data.noun_counts import Vocabulary
from alignment.data.similarity import BagOfWords, make_embedder
from harness.core.errors import ConfigError, DataError

NOUNS = Vocabulary.parse("person, man, people\nteddy bear\nbear\nbus\nknife\n", "nouns.txt")


def alike(a: str, b: str) -> float:
    return BagOfWords().similarities([(a, b)])[0]


def test_equal_words_are_alike_whatever_their_order():
    assert alike("Red cat, dog.", "the dog and a red CAT") == pytest.approx(1)


def test_one_of_two_content_words_changed_is_a_half():
    assert alike("a red cat", "a red dog") == pytest.approx(0.5)
    assert alike("red red cat", "red dog") == pytest.approx(2 / sqrt(5 * 2))


def test_yes_and_no_are_not_alike():
    assert alike("Yes.", "No.") == 0


def test_an_absent_embedder_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)  # as if it were not installed
    with pytest.raises(ConfigError, match="sentence-transformers"):
        make_embedder("all-mpnet-base-v2").similarities([("a", "b")])


def test_mentions_take_the_longest_entry_and_plurals():
    found = NOUNS.mentions("Two teddy bears, a bear and men with knives wait for buses.")
    assert [m.kind for m in found] == ["teddy bear", "bear", "person", "knife", "bus"]


def test_a_match_allows_what_its_tolerances_allow():
    match = Match(NOUNS, mentions=1, length=0.25)
    assert match.fits("a man and a bus here", "a man and a bear there now ok")  # 6 words of 8, 2 mentions of 2
    assert not match.fits("a man and a", "a man and a bear there now ok")
    assert not Match(NOUNS, mentions=0, length=1).fits("a man", "a man and a bear")


def test_an_empty_vocabulary_is_refused():
    with pytest.raises(DataError, match=r"nouns\.txt"):
        Vocabulary.parse("\n , \n", "nouns.txt")
