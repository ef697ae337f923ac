"""From words to COCO's 80 objects: CHAIR's synonym list, its double words and its special cases.

Rohrbach et al. 2018, arXiv:1809.02156; rules as in LisaAnne/Hallucination utils/chair.py, quirks kept:
two entries start with a space and never match, "iPhone" never matches lower-cased text, three-word entries never merge.
`refined()` is the list of RLHF-V's Object HalBench: the same, corrected, and five words more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from harness.core.digests import text_digest

_DOUBLE_WORDS = """
motor bike, motor cycle, air plane, traffic light, street light, traffic signal, stop light, fire hydrant, stop sign,
parking meter, suit case, sports ball, baseball bat, baseball glove, tennis racket, wine glass, hot dog, cell phone,
mobile phone, teddy bear, hair drier, potted plant, bow tie, laptop computer, home plate, train track"""
_ANIMALS = ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "animal", "cub")
_ADDED = {"person": ["brother", "pedestrian"], "dining table": ["coffee table"], "remote": ["remote control"]}


class Mention(NamedTuple):
    """One vocabulary word of a text: the word, its object, and the tokens [first, last) it was made from."""

    word: str
    node: str
    first: int
    last: int


class Vocabulary:
    """word -> object ("node": the first word of its line), and pairs of words that count as one."""

    def __init__(self, lines: Iterable[Sequence[str]], doubles: Mapping[str, str]) -> None:
        self.node_of = {word: line[0] for line in lines for word in line}
        self.doubles = dict(doubles)
        self._may_start_double = {double.split(" ")[0] for double in doubles}

    def merge(self, words: Sequence[str]) -> tuple[list[str], list[int]]:
        """Words with pairs merged, greedily from the left, and the index of the first token of each.

        `words` are singular forms or lemmas.
        """
        merged: list[str] = []
        starts: list[int] = []
        index, last = 0, len(words) - 1
        while index <= last:
            word, starts_at = words[index], index
            if word in self._may_start_double and index < last:
                double = self.doubles.get(f"{word} {words[index + 1]}")
                if double is not None:
                    word = double
                    index += 1
            merged.append(word)
            starts.append(starts_at)
            index += 1
        return merged, starts

    def mentions(self, words: Sequence[str]) -> tuple[list[Mention], int]:
        """Vocabulary words in order, repeats kept, and the number of words after merging (OPERA's length)."""
        merged, starts = self.merge(words)
        # "the seat of the toilet" is no chair
        toilet_seat = "seat" in merged and "toilet" in merged
        nodes, ends = self.node_of, [*starts[1:], len(words)]
        found = [
            Mention(word, nodes[word], starts[i], ends[i])
            for i, word in enumerate(merged)
            if word in nodes and not (toilet_seat and word == "seat")
        ]
        return found, len(merged)


def _doubles(listed: Iterable[str]) -> dict[str, str]:
    doubles = {word: word for word in listed}
    doubles |= {f"{age} {animal}": animal for age in ("baby", "adult") for animal in _ANIMALS}
    doubles |= {f"passenger {vehicle}": vehicle for vehicle in ("jet", "train")}
    # "wine glas": the singulariser has made "glas" of "glass"
    return doubles | {"bow tie": "tie", "toilet seat": "toilet", "wine glas": "wine glass"}


@lru_cache(maxsize=1)
def _lines() -> list[list[str]]:
    text = files("benchmarks").joinpath("data/chair_synonyms.txt").read_text(encoding="utf-8")
    return [line.strip().split(", ") for line in text.splitlines()]


@lru_cache(maxsize=1)
def chair() -> Vocabulary:
    """CHAIR's vocabulary, exactly as its code reads it."""
    return Vocabulary(_lines(), _doubles(word.strip() for word in _DOUBLE_WORDS.split(",")))


@lru_cache(maxsize=1)
def refined() -> Vocabulary:
    """RLHF-V's synonyms_refine.txt: entries stripped, five words added; every two-word entry is a double word."""
    lines = [[word.strip() for word in line] for line in _lines()]
    lines = [[*line, *_ADDED.get(line[0], [])] for line in lines]
    listed = [word for line in lines for word in line if " " in word]
    return Vocabulary(lines, _doubles([*listed, "home plate", "train track"]))


@lru_cache(maxsize=1)
def digest() -> str:
    """sha256 of the word list, for the protocol."""
    return text_digest("\n".join(", ".join(line) for line in _lines()))
