"""Parts of speech by NLTK's tagger, lemmas by part of speech, and a guess which words are nouns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from benchmarks._wordnet import lemma, missing_data

_POS = {"J": "a", "V": "v", "N": "n", "R": "r"}  # first letter of a Penn tag -> WordNet's letter; else noun
# nouns of every description that name nothing one could point at
_NO_OBJECTS = """
image images picture pictures photo photos photograph scene view background foreground side left right top bottom front
back middle center centre corner edge area part end way lot number variety group couple pair row rest day time
atmosphere setting appearance addition something someone everyone anything nothing one ones
"""


def tagged(tokens: Sequence[str]) -> list[tuple[str, str]]:
    """(token, Penn tag) pairs by NLTK's perceptron tagger. Raises DataError where its data is missing."""
    try:
        return [(word, tag) for word, tag in _tagger().tag(tokens)]
    except LookupError as error:
        raise missing_data("averaged_perceptron_tagger_eng") from error


def lemmas(tokens: Sequence[str]) -> list[str]:
    """WordNet lemmas by part of speech, as OPERA's chair.py takes them."""
    return [lemma(word, _POS.get(tag[:1], "n")) for word, tag in tagged(tokens)]


@lru_cache(maxsize=1)
def _tagger() -> Any:
    from nltk.tag.perceptron import PerceptronTagger

    return PerceptronTagger(lang="eng")


@lru_cache(maxsize=1)
def _no_objects() -> frozenset[str]:
    return frozenset(_NO_OBJECTS.split())


class NounGuess:
    """Is this word a noun that names something? What the tagger says of the word alone; good enough to highlight.

    Tagging a word costs as much as all else in a caption, and most of that goes into features of the (empty) context.
    They are added up once here; only the word's own four remain. `name` says what judged, for the protocol: without the
    tagger's data nothing is called a noun.
    """

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}
        self.name = "none (no tagger data)"
        try:
            tagger = _tagger()
        except LookupError:
            return
        self.name = "perceptron tagger, word by word"
        self._weights, self._usual = tagger.model.weights, tagger.tagdict
        start = list(tagger.START)
        context = tagger._get_features(0, "x", [*start, "x", *tagger.END], *start)
        self._start = start[0]
        self._empty = dict.fromkeys(tagger.classes, 0.0)
        for feature in set(context) - set(self._own_features("x")):
            self._add(self._empty, feature)

    def among(self, words: Sequence[str]) -> list[int]:
        """Indices of the nouns."""
        known = self._known
        for word in set(words).difference(known):
            known[word] = self._guess(word)
        return [i for i, word in enumerate(words) if known[word]]

    def _guess(self, word: str) -> bool:
        if self.name.startswith("none") or len(word) < 3 or not word.isalpha() or word in _no_objects():
            return False
        tag = self._usual.get(word)
        if tag is None:
            scores = self._empty.copy()
            for feature in self._own_features(word):
                self._add(scores, feature)
            tag = max(scores, key=lambda label: (scores[label], label))
        return tag in ("NN", "NNS")

    def _own_features(self, word: str) -> tuple[str, ...]:
        low = word.lower()
        return f"i suffix {word[-3:]}", f"i pref1 {word[0]}", f"i word {low}", f"i-1 tag+i word {self._start} {low}"

    def _add(self, scores: dict[str, float], feature: str) -> None:
        for label, weight in self._weights.get(feature, {}).items():
            scores[label] += weight
