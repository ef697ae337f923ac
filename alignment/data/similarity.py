"""How alike two answers are: the test that keeps rephrasings out of the preference pairs.

The study uses the cosine of all-mpnet-base-v2 embeddings (sentence-transformers). The default here is a cosine over
word counts that needs no download; function words are left out of it, since in a short caption they would hide the
one noun that changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import sqrt
from typing import Any, Protocol

from harness.core.errors import ConfigError

_FUNCTION_WORDS = """
a an the this that these those there here it its is are was were be been being am do does did has have had and or but
as of in on at to for with by from into over under near next beside behind i you he she they we his her their our your
which who what where when while can could will would may might also some any
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
MPNET = "all-mpnet-base-v2"


class Embedder(Protocol):
    """Cosine similarity of texts, in [-1, 1]."""

    name: str

    def similarities(self, texts: Sequence[tuple[str, str]]) -> list[float]: ...


class BagOfWords:
    """Cosine of word counts without function words; two texts without any content word are alike if equal."""

    name = "bag_of_words"

    def similarities(self, texts: Sequence[tuple[str, str]]) -> list[float]:
        return [self._one(_content(a), _content(b)) for a, b in texts]

    def _one(self, a: Counter[str], b: Counter[str]) -> float:
        if not a or not b:
            return float(a == b)
        dot = sum(n * b[word] for word, n in a.items())
        return dot / sqrt(sum(n * n for n in a.values()) * sum(n * n for n in b.values()))


class SentenceTransformer:
    """Cosine of sentence-transformers embeddings; the model is loaded at the first use."""

    def __init__(self, name: str = MPNET) -> None:
        self.name = name
        self._model: Any = None  # an optional dependency without types

    def similarities(self, texts: Sequence[tuple[str, str]]) -> list[float]:
        if not texts:
            return []
        model = self._loaded()
        left = model.encode([a for a, _ in texts], normalize_embeddings=True)
        right = model.encode([b for _, b in texts], normalize_embeddings=True)
        return [float(value) for value in (left * right).sum(axis=1)]

    def _loaded(self) -> Any:  # Any: an optional package without types
        if self._model is None:
            try:
                from sentence_transformers import SentenceTransformer as Model  # type: ignore[import-not-found,unused-ignore]
            except ImportError as error:
                raise ConfigError(
                    f"The embedder {self.name!r} needs sentence-transformers, which is not installed. "
                    "Install it, or use embedder: bag_of_words."
                ) from error
            self._model = Model(self.name)
        return self._model


def make_embedder(name: str) -> Embedder:
    """`bag_of_words`, or the name of a sentence-transformers model such as all-mpnet-base-v2."""
    return BagOfWords() if name == BagOfWords.name else SentenceTransformer(name)


def _content(text: str) -> Counter[str]:
    words = re.findall(r"[^\W_]+", text.lower())
    # a bare "Yes." or "It is." must not be empty, or every such pair would be alike
    return Counter(w for w in words if w not in FUNCTION_WORDS) or Counter(words)
