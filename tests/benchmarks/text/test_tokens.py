"""The tokenizer gives NLTK 3.8.1's tokens, which the published scores were made with."""

from __future__ import annotations

import random

import pytest

from benchmarks._text.tokenizer import Tokenizer, _treebank


@pytest.mark.parametrize(("text", "tokens"), [
    ("The bed. A dog", ["The", "bed", ".", "A", "dog"]),
    ("it was 3.5 m. tall", ["it", "was", "3.5", "m.", "tall"]),
    ("mr. dog sat.a cat", ["mr.", "dog", "sat.a", "cat"]),
    ("don't, can't; cannot", ["do", "n't", ",", "ca", "n't", ";", "can", "not"]),
    ('a "dog" (big).', ["a", "``", "dog", "''", "(", "big", ")", "."]),
    ("a cat\u2014dog", ["a", "cat\u2014dog"]),       # newer NLTK splits at the dash
    ("the 'cat' sat", ["the", "'cat", "'", "sat"]),  # and before a quoted word
    ("dogs' and dog's", ["dogs", "'", "and", "dog", "'s"]),
    ("", []),
    (" \n ", []),
])  # fmt: skip
def test_tokens_of(text: str, tokens: list[str]) -> None:
    assert Tokenizer().words(text) == tokens


def test_piece_by_piece_equals_the_whole_sentence() -> None:
    text = "a dog. mr. 3.5 , : ; don't cannot dog's dogs' 'tis gonna d'ye -- - ... $5 #1 [x] <y> cat,dog 1,000 'a * ! ? x's"
    pieces = text.split()
    tokenizer, draw = Tokenizer(), random.Random(0)
    for _ in range(3000):
        sentence = " ".join(draw.choices(pieces, k=draw.randint(1, 8)))
        assert tokenizer._sentence_words(sentence) == _treebank(sentence)


def test_what_was_remembered_changes_nothing() -> None:
    tokenizer, text = Tokenizer(), "A dog. The cat's bed. It is 5 p.m. now!"
    assert tokenizer.words(text) == tokenizer.words(text) == Tokenizer().words(text)


def test_the_short_way_to_a_sentence_end_is_punkts_own() -> None:
    """Every abbreviation, collocation and sentence starter that Punkt knows, before and after a full stop."""
    tokenizer = Tokenizer()
    params = tokenizer._punkt._params
    words = ["dog", "cat", "Dr", "USA", "it", "a", "e", "42", "u.s", *sorted(params.abbrev_types | params.sent_starters)]
    words += [word for pair in sorted(params.collocations) for word in pair]
    draw = random.Random(0)
    for _ in range(6000):
        word, after = draw.choice(words), draw.choice(words)
        context = word + "." + draw.choice(" \n\t") + draw.choice([after, after.capitalize(), f'"{after}', f"({after}", ".."])
        assert tokenizer._is_end(context) == bool(tokenizer._punkt.text_contains_sentbreak(context)), context
