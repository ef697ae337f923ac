"""Nouns that answers are counted by: how many things does an answer mention, and how long is it?

A vocabulary file has one kind a line, its synonyms separated by commas, the first being the kind's name:

    person, man, woman, child
    teddy bear, plush bear
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.errors import DataError

IRREGULAR = {"people": "person", "men": "man", "women": "woman", "children": "child", "mice": "mouse"}


@dataclass(frozen=True, slots=True)
class Mention:
    """Words [start, end) of an answer name a kind."""

    start: int  # character offsets
    end: int
    kind: str


class Vocabulary:
    """Finds mentions: the longest entry wins, entries of several words count once, plain plurals count too."""

    def __init__(self, kinds: Sequence[Sequence[str]]) -> None:
        self.kinds = [names[0] for names in kinds]
        self._kind_of = {tuple(name.lower().split()): names[0] for names in kinds for name in names}
        self._longest = max(map(len, self._kind_of))

    @staticmethod
    def parse(text: str, where: str) -> Vocabulary:
        """Read a vocabulary file's text. Raises DataError where it holds no word."""
        lines = [[name.strip() for name in line.split(",") if name.strip()] for line in text.split("\n")]
        kinds = [names for names in lines if names]
        if not kinds:
            raise DataError(f"The vocabulary {where} has no words; it needs one kind a line.")
        return Vocabulary(kinds)

    def mentions(self, text: str) -> list[Mention]:
        words = [(m.start(), m.end(), m.group().lower()) for m in re.finditer(r"[^\W_]+", text)]
        found, i = list[Mention](), 0
        while i < len(words):
            n, kind = self._at([w for _, _, w in words[i : i + self._longest]])
            if n:
                found.append(Mention(words[i][0], words[i + n - 1][1], kind))
            i += max(n, 1)
        return found

    def is_plural(self, name: str) -> bool:
        """Whether a mention's words are the plural of an entry, by the rules that `mentions` reads with."""
        words = name.lower().split()
        return any((*words[:-1], form) in self._kind_of for form in _singulars(words[-1])[1:])

    def _at(self, words: list[str]) -> tuple[int, str]:
        """The longest entry that the words begin with: (number of words, kind), (0, "") for none."""
        for n in range(len(words), 0, -1):
            for last in _singulars(words[n - 1]):
                kind = self._kind_of.get((*words[: n - 1], last))
                if kind is not None:
                    return n, kind
        return 0, ""


def n_words(text: str) -> int:
    """Length of an answer in words."""
    return len(re.findall(r"[^\W_]+", text))


def with_kind(text: str, mention: Mention, kind: str, vocabulary: Vocabulary) -> str:
    """The text with a mention replaced, its number and its article kept, which would else give the edit away."""
    old = text[mention.start : mention.end]
    word = plural(kind) if vocabulary.is_plural(old) else kind
    before = text[: mention.start]
    article = re.search(r"\b([Aa])n?\s+$", before)
    if article:
        before = before[: article.start(1)] + article.group(1) + ("n " if word[0] in "aeiou" else " ")
    return before + word + text[mention.end :]


def plural(kind: str) -> str:
    """English plural by the common rules; enough for COCO's nouns."""
    if kind == "person":
        return "people"
    if kind.endswith("knife"):
        return kind[:-2] + "ves"
    if kind.endswith("mouse"):
        return kind[:-5] + "mice"
    return kind + ("es" if kind.endswith(("s", "x", "ch", "sh")) else "s")


def _singulars(word: str) -> list[str]:
    forms = [word]
    if word in IRREGULAR:
        forms.append(IRREGULAR[word])
    if word.endswith("s"):
        forms.append(word[:-1])
    if word.endswith("es"):
        forms.append(word[:-2])
    if word.endswith("ves"):
        forms.append(word[:-3] + "fe")
    return forms
