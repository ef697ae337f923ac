"""Word-count cosine, nouns and lengths."""

import sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from math import sqrt
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from alignment.data.bdhs_drafts import Draft, Part, Rules, meta_of, new_draft, reopened, taken
from alignment.data.length_matching import Match, check_match
from alignment.data.noun_counts import Vocabulary
from alignment.data.prompts import Prompt
from alignment.data.similarity import BagOfWords, make_embedder
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Answer

NOUNS = Vocabulary.parse("person, man, people\nteddy bear\nbear\nbus\nknife\n", "nouns.txt")


def alike(a: str, b: str) -> float:
    return BagOfWords().similarities([(a, b)])[0]


def test_equal_words_are_alike_whatever_their_order():
    assert alike("Red cat, dog.", "the dog and a red CAT") == pytest.approx(1)


def test_one_of_two_content_words_changed_is_a_half():
    assert alike("a red cat", "a red dog") == pytest.approx(0.5)
    assert alike("red red cat", "red dog") == alike("red dog", "red red cat") == pytest.approx(2 / sqrt(5 * 2))


def test_yes_and_no_are_not_alike():
    assert alike("Yes.", "No.") == 0


def test_texts_without_a_word_are_alike_and_nothing_is_like_a_text_without_one():
    assert alike("...", "...") == 1 and alike("...", "a cat") == 0 and alike("a cat", "") == 0


def test_embeddings_are_compared_by_their_cosine_whatever_their_lengths(monkeypatch):
    loaded = list[str]()

    class Model:
        def __init__(self, name: str) -> None:
            loaded.append(name)

        def encode(self, texts, normalize_embeddings=False):
            found = np.array([{"a": [3.0, 4.0], "b": [8.0, 6.0]}[text] for text in texts])
            return found / np.linalg.norm(found, axis=1, keepdims=True) if normalize_embeddings else found

    module = ModuleType("sentence_transformers")
    module.__spec__, module.SentenceTransformer = ModuleSpec(module.__name__, None), Model
    monkeypatch.setitem(sys.modules, module.__name__, module)
    made = make_embedder("all-mpnet-base-v2")
    assert made.similarities([("a", "b"), ("a", "a")]) == pytest.approx([0.96, 1.0])  # (24 + 24) / (5 * 10)
    assert made.similarities([]) == [] and loaded == ["all-mpnet-base-v2"]
    made.check(load=False)
    assert len(loaded) == 1
    made.check(load=True)
    assert len(loaded) == 2


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
    assert not Match(NOUNS, mentions=0, length=9).fits("a man and a bear", "a man")  # more is no better than less
    assert not Match(NOUNS, mentions=9, length=0.25).fits(
        "a man and a bear there now ok so it is", "a man and a bear there now ok"
    )
    assert Match(NOUNS, mentions=0, length=0.25).fits("a man waits here now", "a man waits here")  # 1 word of 4


def test_a_tolerance_that_yaml_reads_as_text_is_a_number():
    assert check_match({"mentions": 1, "length": "2e-1"}) == {"mentions": 1, "length": 0.2}


@pytest.mark.parametrize(
    "wrong",
    [{"unit": "word"}, {"mentions": -1}, {"length": -0.1}, {"length": "0.2"}, {"mentions": None}, {"length": float("nan")}],
)
def test_tolerances_that_nothing_could_meet_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        check_match(wrong)


def test_an_empty_vocabulary_is_refused():
    with pytest.raises(DataError, match=r"nouns\.txt"):
        Vocabulary.parse("\n , \n", "nouns.txt")


def drafted(*parts: Part) -> Draft:
    """The first try of an answer of two sentences."""
    prompt = Prompt("1", "a.png", "", Path("a.png"), "Describe it.", "A man waits. A bus stops.")
    return replace(new_draft(prompt, 0, Rules()), parts=parts, attempt=1)


def test_what_a_draft_cost_and_whether_it_was_cut_off_is_stated():
    for stopped, unfinished in (("stop", False), ("length", True)):
        first = replace(drafted(), parts=(None, None), attempt=0)
        draft = taken(first, [Answer("", " a.", 2, "stop"), Answer("", " b", 5, stopped)], Rules(), 0)
        assert (draft.n_tokens, meta_of(draft, Rules())["unfinished"]) == (7, unfinished)
    last = taken(replace(draft, attempt=4), [Answer("", "A bear.", 3, "end")], Rules(), 0)
    assert last.free and (last.n_tokens, last.unfinished) == (10, False)
    uncounted = taken(first, [Answer("", " a.", -1, "stop"), Answer("", " b.", 5, "stop")], Rules(), 0)
    assert taken(replace(uncounted, attempt=4), [Answer("", "A bear.", 3, "end")], Rules(), 0).n_tokens is None


def test_by_sentence_those_that_fit_are_kept_but_for_those_that_changed_nothing():
    same, other = Part("A man", " waits."), Part("A", " knife falls.")
    one = Match(NOUNS, mentions=0, length=0.5, unit="sentence")
    rules = Rules(match=one)
    assert reopened(drafted(same, other), rules, too_similar=True).parts == (None, other)  # it makes the answers alike
    assert reopened(drafted(same, other), rules, too_similar=False).parts == (None, None)  # all fit: all are drawn anew
    assert reopened(drafted(other, other), rules, too_similar=True).parts == (None, None)
    two_nouns = Part("A bus", " and a man.")
    assert reopened(drafted(same, two_nouns), rules, too_similar=True).parts == (same, None)  # what does not fit, first
    whole = Rules(match=replace(one, unit="answer"))
    assert reopened(drafted(same, other), whole, too_similar=True).parts == (None, None)
    assert reopened(replace(drafted(same, other), attempt=4), rules, too_similar=True).parts == (None, None)  # the free try
