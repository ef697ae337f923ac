"""AMBER's generative part: which annotated objects does a description cover, and which does it invent?

Wang et al. 2023, arXiv:2311.07397; rules as in junyangwang0410/AMBER inference.py, oddities kept: a noun that is an
object to be invented marks it, and then the first such object of similar meaning is marked as well; a safe word is
never an invention but stays in the denominator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Similar = Callable[[str, str], bool]  # do two words mean nearly the same?


@dataclass(frozen=True, slots=True)
class Found:
    """Of one response: kept nouns, those among them that are invented, and which targets were hit."""

    nouns: tuple[str, ...]
    invented: tuple[str, ...]
    covered: int  # true objects named
    baited: int  # objects of the "hallu" list named


class _Targets:
    """A list of objects, each with its association words; a hit marks the object."""

    def __init__(self, objects: Sequence[str], association: Mapping[str, Sequence[str]]) -> None:
        # Associations come first, as in the original: the first match decides.
        self.words = [(word, i) for i, name in enumerate(objects) for word in association[name]]
        self.words += [(name, i) for i, name in enumerate(objects)]
        self.hit: set[int] = set()

    def mark_equal(self, noun: str) -> bool:
        return self._mark(lambda word: word == noun)

    def mark_similar(self, noun: str, similar: Similar) -> bool:
        return self._mark(lambda word: similar(noun, word))

    def _mark(self, matches: Callable[[str], bool]) -> bool:
        index = next((i for word, i in self.words if matches(word)), None)
        if index is not None:
            self.hit.add(index)
        return index is not None


def find_objects(
    nouns: Sequence[str],
    truth: Sequence[str],
    hallu: Sequence[str],
    association: Mapping[str, Sequence[str]],
    safe_words: frozenset[str],
    vocabulary: frozenset[str],
    similar: Similar,
) -> Found:
    """Walk the nouns of a response (WordNet lemmas, in order, repeats kept) once."""
    kept = [noun for noun in nouns if noun in vocabulary]
    true, bait = _Targets(truth, association), _Targets(hallu, association)
    invented = []
    for noun in kept:
        if noun in safe_words or true.mark_equal(noun):
            continue
        bait.mark_equal(noun)
        bait.mark_similar(noun, similar)
        if not true.mark_similar(noun, similar):
            invented.append(noun)
    return Found(tuple(kept), tuple(invented), len(true.hit), len(bait.hit))
