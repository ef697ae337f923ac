"""How alike two answers are: the test that keeps rephrasings out of the preference pairs.

The study uses the cosine of all-mpnet-base-v2 embeddings (sentence-transformers). The default here is a cosine over
word counts that needs no download; function words are left out of it, since in a short caption they would hide the
one noun that changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from math import sqrt
from typing import Any, Protocol, runtime_checkable

from harness.core.edge.foreign import refused_as
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

    def check(
        self, load: bool
    ) -> None: ...  # ConfigError where it cannot be used; `load`: also where its model cannot be loaded
    def similarities(self, texts: Sequence[tuple[str, str]]) -> list[float]: ...


@runtime_checkable
class UsesEmbedder(Protocol):
    """A source or an aligner that compares texts."""

    @property
    def embedder(self) -> Embedder: ...


class BagOfWords:
    """Cosine of word counts without function words; two texts without any content word are alike if equal."""

    name = "bag_of_words"

    def check(self, load: bool) -> None:
        """Nothing can be missing."""

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

    def check(self, load: bool) -> None:
        """Raise ConfigError where the package is not installed or, with `load`, the model cannot be loaded; it is not kept."""
        if find_spec("sentence_transformers") is None:
            raise ConfigError(
                f"The embedder {self.name!r} needs sentence-transformers, which is not installed. "
                "Install it, or use embedder: bag_of_words."
            )
        if load:
            self._made()

    def _loaded(self) -> Any:  # Any: an optional package without types
        if self._model is None:
            self.check(load=False)
            self._model = self._made()
        return self._model

    def _made(self) -> Any:  # Any: an optional package without types
        advice = "Put the model into the cache of this machine, give its folder, or use embedder: bag_of_words."
        with refused_as(ConfigError, f"The embedder {self.name!r} cannot be loaded", advice):
            from sentence_transformers import SentenceTransformer as Model  # type: ignore[import-not-found,unused-ignore]

            return Model(self.name)


def make_embedder(name: str) -> Embedder:
    """`bag_of_words`, or the name of a sentence-transformers model such as all-mpnet-base-v2."""
    return BagOfWords() if name == BagOfWords.name else SentenceTransformer(name)


def _content(text: str) -> Counter[str]:
    words = re.findall(r"[^\W_]+", text.lower())
    # a bare "Yes." or "It is." must not be empty, or every such pair would be alike
    return Counter(w for w in words if w not in FUNCTION_WORDS) or Counter(words)
