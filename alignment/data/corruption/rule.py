"""Corruption without a model: a share of an answer's objects, numbers and positions is exchanged, the rest stays.

For the miniature world and machines without a network. An object gives way to one that the set's other chosen answers mention
beside those of this answer, as often as they do, so that what is invented is what such a place usually has; a number becomes
its neighbour, a position its opposite. An answer that opens with yes or no has that word turned round instead.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import ceil

from alignment.data.noun_counts import Mention, Vocabulary, with_kind
from alignment.data.sentences import swap_opening

NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine")
_OPPOSITES = (("left", "right"), ("above", "below"), ("over", "under"), ("in front of", "behind"), ("inside", "outside"))
_OPPOSITE = {word: other for pair in _OPPOSITES for word, other in (pair, pair[::-1])}
_WORDS = re.compile(rf"\b({'|'.join([*NUMBERS, *_OPPOSITE])})\b", re.IGNORECASE)
Edit = tuple[int, Callable[[str], str]]  # where it begins, and the text with it; edits behind it were made before


class Rule:
    """Corrupts answers of one set. Args: `answers` all chosen answers of the set."""

    def __init__(self, vocabulary: Vocabulary, answers: Iterable[str], share: float) -> None:
        self._vocabulary, self._share = vocabulary, share
        self._beside: Counter[tuple[str, str]] = Counter()
        for answer in answers:
            kinds = {mention.kind for mention in vocabulary.mentions(answer)}
            self._beside.update((one, other) for one in kinds for other in kinds if one != other)

    def corrupted(self, answer: str, draw: random.Random) -> str:
        """The answer with a share of its places exchanged, rounded up; itself where it has none."""
        swapped = swap_opening(answer)
        if swapped != answer:
            return swapped
        places = self._places(answer, draw)
        chosen = draw.sample(places, ceil(self._share * len(places)))
        for _, edit in sorted(chosen, key=lambda place: -place[0]):  # from the end, so that offsets stay true
            answer = edit(answer)
        return answer

    def _places(self, answer: str, draw: random.Random) -> list[Edit]:
        mentions = self._vocabulary.mentions(answer)
        kinds = {mention.kind for mention in mentions}
        edits: list[Edit] = []
        for mention in mentions:
            if (kind := self._other(kinds, draw)) is not None:
                kinds.add(kind)  # no object is invented twice
                edits.append((mention.start, self._exchange(mention, kind)))
        taken = [range(mention.start, mention.end) for mention in mentions]
        for word in _WORDS.finditer(answer):
            if not any(word.start() in own for own in taken):
                edits.append((word.start(), _replace(word.start(), word.end(), _other_word(word[0], draw))))
        return edits

    def _exchange(self, mention: Mention, kind: str) -> Callable[[str], str]:
        return lambda text: with_kind(text, mention, kind, self._vocabulary)

    def _other(self, kinds: set[str], draw: random.Random) -> str | None:
        """A kind that the answer does not mention, by how often it stands beside its kinds in the set; any where none does."""
        others = [kind for kind in self._vocabulary.kinds if kind not in kinds]
        weights = [sum(self._beside[own, other] for own in kinds) for other in others]
        if not others:
            return None
        return draw.choices(others, weights if any(weights) else None)[0]


def _replace(start: int, end: int, new: str) -> Callable[[str], str]:
    return lambda text: text[:start] + new + text[end:]


def _other_word(word: str, draw: random.Random) -> str:
    low = word.lower()
    new = _OPPOSITE[low] if low in _OPPOSITE else _neighbour(NUMBERS, low, draw)
    return new.capitalize() if word[0].isupper() else new


def _neighbour(words: Sequence[str], word: str, draw: random.Random) -> str:
    place = words.index(word)
    return words[draw.choice([n for n in (place - 1, place + 1) if 0 <= n < len(words)])]
