"""Lemmas are NLTK 3.8.1's, and odd words end quickly."""

from __future__ import annotations

import pytest

from benchmarks._text.wordnet import lemma


@pytest.mark.parametrize(("word", "pos", "expected"), [
    ("dogs", "n", "dog"),
    ("men", "n", "men"),            # a WordNet noun of its own
    ("geese", "n", "goose"),
    ("bearses", "n", "bear"),       # two rounds of rules, as 3.8.1
    ("was", "n", "wa"),
    ("lying", "v", "lie"),
    ("better", "a", "good"),
    ("Dogs", "n", "Dogs"),          # case is kept, and capitals are unknown
    ("xyzzy", "n", "xyzzy"),
])  # fmt: skip
def test_the_lemma_of(word: str, pos: str, expected: str) -> None:
    assert lemma(word, pos) == expected


@pytest.mark.timeout(60)  # without memory the first would not end within a lifetime
def test_endless_endings_end() -> None:
    assert lemma("es" * 95, "v") and lemma("s" * 100_000)
