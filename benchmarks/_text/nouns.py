"""Parts of speech by NLTK's tagger, lemmas by part of speech, and a guess which words are nouns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from benchmarks._text.language_data import perceptron_tagger
from benchmarks._text.wordnet import is_noun, lemma
from harness.core.edge.processes import until_idle

_POS = {"J": "a", "V": "v", "N": "n", "R": "r"}  # first letter of a Penn tag -> WordNet's letter; else noun
# nouns of every description that name nothing one could point at
_NO_OBJECTS = """
image images picture pictures photo photos photograph scene view background foreground side left right top bottom front
back middle center centre corner edge area part end way lot number variety group couple pair row rest day time
atmosphere setting appearance addition something someone everyone anything nothing one ones
"""
# of every description, too: verbs that the tagger takes for nouns where it sees the word alone, or behind an adjective
_VERBS = """
adds appears captures creates depicts features hangs holds lies look looks rests seems shows sits stands suggests wears
"""


def tagged(tokens: Sequence[str]) -> list[tuple[str, str]]:
    """(token, Penn tag) pairs by NLTK's perceptron tagger."""
    return [(word, tag) for word, tag in _tagger().tag(tokens)]


def lemmas(tokens: Sequence[str]) -> list[str]:
    """WordNet lemmas by part of speech, as OPERA's chair.py takes them."""
    return [lemma(word, _POS.get(tag[:1], "n")) for word, tag in tagged(tokens)]


@until_idle
def _tagger() -> Any:  # Any: NLTK has no types
    return perceptron_tagger()


@lru_cache(maxsize=1)
def _no_objects() -> frozenset[str]:
    return frozenset(_NO_OBJECTS.split())


@lru_cache(maxsize=1)
def _verbs() -> frozenset[str]:
    return frozenset(_VERBS.split())


def is_usual_verb(word: str) -> bool:
    """One of the verbs of every description ("sits"), which the tagger takes for nouns behind an adjective."""
    return word in _verbs()


def object_nouns(tokens: Sequence[str]) -> list[int]:
    """Indices of common nouns that name something, by the tagger in their context and by WordNet ("sits" is tagged NNS)."""
    nouns = (i for i, (_, tag) in enumerate(tagged(tokens)) if tag in ("NN", "NNS"))
    return [i for i in nouns if _names_something(tokens[i]) and is_noun(tokens[i])]


def _names_something(word: str) -> bool:
    return len(word) >= 3 and word.isalpha() and word not in _no_objects()


class _Known(dict[str, bool]):
    """word -> guess, made when it is first asked for."""

    def __init__(self, guess: Callable[[str], bool]) -> None:
        self._guess = guess

    def __missing__(self, word: str) -> bool:
        value = self[word] = self._guess(word)
        return value


class NounGuess:
    """Is this word a noun that names something? What the tagger says of the word alone; good enough to highlight, and no
    more: rarer verbs ("cuts", "watches") pass as nouns. In its context a word would cost ten times what the scoring of a
    caption does.

    Tagging a word costs as much as all else in a caption, and most of that goes into features of the (empty) context.
    They are added up once here; only the word's own four remain, of which ending and first letter are soon all known.
    `name` is what made the guess, for the protocol.
    """

    name = "perceptron tagger, word by word"

    def __init__(self) -> None:
        self._known = _Known(self._guess)
        tagger = _tagger()
        self._weights, self._usual = tagger.model.weights, tagger.tagdict
        self._classes = sorted(tagger.classes, reverse=True)  # of equal scores the last in the alphabet wins
        start = list(tagger.START)
        context = tagger._get_features(0, "x", [*start, "x", *tagger.END], *start)
        self._start = start[0]
        self._parts: dict[str, np.ndarray[Any, Any]] = {}
        self._empty = sum(map(self._vector, set(context) - set(self._own_features("x"))), np.zeros(len(self._classes)))

    def among(self, words: Sequence[str]) -> list[int]:
        """Indices of the nouns."""
        known = self._known
        return [i for i, word in enumerate(words) if known[word]]

    def _guess(self, word: str) -> bool:
        if not _names_something(word) or is_usual_verb(word):
            return False
        tag = self._usual.get(word)
        if tag is None:
            scores = self._empty.copy()
            for feature in self._own_features(word):
                if feature in self._weights:
                    scores += self._vector(feature)
            tag = self._classes[int(scores.argmax())]
        return tag in ("NN", "NNS")

    def _own_features(self, word: str) -> tuple[str, ...]:
        low = word.lower()
        return f"i suffix {word[-3:]}", f"i pref1 {word[0]}", f"i word {low}", f"i-1 tag+i word {self._start} {low}"

    def _vector(self, feature: str) -> np.ndarray[Any, Any]:
        """A feature's weights, (classes,); of a feature that other words share (ending, first letter) remembered."""
        known = self._parts.get(feature)
        if known is None:
            weights = self._weights.get(feature, {})
            known = self._parts[feature] = np.array([weights.get(label, 0.0) for label in self._classes])
        return known
