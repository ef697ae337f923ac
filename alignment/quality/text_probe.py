"""Can the better answer be told from the worse without looking at the image? A bag-of-words probe, cross-validated.

A model that is trained on pairs can learn whatever tells their sides apart. Where words alone do (a style, a length, a phrase
that only one side has), it may learn these instead of what is in the image. The probe is naive Bayes on the words' presence: a
pair is told right where the chosen answer has the larger sum of log-odds. Five folds, all pairs of an image in one; the
interval is over images.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from alignment.data.sampling import by_images
from harness.core.digests import parts_digest
from harness.core.preference import PreferencePair

MOST = 5_000  # pairs that are looked at, a uniform subsample by their ids
FEWEST = 20  # pairs and images below which nothing is said
FOLDS = 5
WARN_ABOVE = 0.8
_RESAMPLES = 1_000
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Probe:
    """Share of held-out pairs whose better answer words alone tell (a tie counts half), with its 95 % interval over images.

    giveaways: words that stand on one side far more often, (word, chosen answers that have it, rejected ones), strongest first.
    """

    pairs: int
    accuracy: float
    low: float
    high: float
    giveaways: tuple[tuple[str, int, int], ...]

    @property
    def warning(self) -> str:
        """A sentence for the run where the probe exceeds the limit, "" elsewhere."""
        if self.accuracy <= WARN_ABOVE:
            return ""
        words = ", ".join(f"{word!r} ({c} chosen, {r} rejected)" for word, c, r in self.giveaways[:5])
        return (
            f"Words alone tell the chosen from the rejected answer in {self.accuracy:.0%} of the pairs ({self.low:.0%} to "
            f"{self.high:.0%}), without the image: the training may learn style instead of what is in the image. Most telling: "
            f"{words}."
        )


def text_probe(pairs: Sequence[PreferencePair]) -> Probe | None:
    """None where there are too few pairs or images."""
    kept = probed(pairs)
    images = by_images(kept)
    if len(set(images)) < FEWEST:
        return None
    fold = [int(parts_digest("fold", image)[:8], 16) % FOLDS for image in images]
    words = [(_words(p.chosen), _words(p.rejected[0])) for p in kept]
    right: dict[str, list[float]] = {}
    for held in range(FOLDS):
        weights = _weights([w for w, f in zip(words, fold, strict=True) if f != held])
        for (chosen, rejected), image, own in zip(words, images, fold, strict=True):
            if own == held:
                margin = sum(weights.get(w, 0.0) for w in chosen) - sum(weights.get(w, 0.0) for w in rejected)
                right.setdefault(image, []).append(0.5 + 0.5 * ((margin > 1e-12) - (margin < -1e-12)))
    accuracy = sum(map(sum, right.values())) / len(kept)
    low, high = _interval(list(right.values()))
    return Probe(len(kept), accuracy, low, high, _telling(words))


def probed(pairs: Sequence[PreferencePair]) -> list[PreferencePair]:
    """The pairs that are looked at: those with both sides, of a large set a uniform subsample by id; none where too few."""
    sided = [p for p in pairs if p.chosen and p.rejected]
    return sorted(sided, key=lambda p: parts_digest("probe", p.id))[:MOST] if len(sided) >= FEWEST else []


def giveaways(pairs: Sequence[PreferencePair]) -> tuple[str, ...]:
    """The probe's warning where there is one, for a run's terminal and report."""
    probe = text_probe(pairs)
    return (probe.warning,) if probe is not None and probe.warning else ()


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text))


def _counts(words: Sequence[tuple[frozenset[str], frozenset[str]]]) -> tuple[Counter[str], Counter[str]]:
    """How many chosen and how many rejected answers have a word that the other answer of their pair lacks."""
    chosen, rejected = Counter[str](), Counter[str]()
    for one, other in words:
        chosen.update(one - other)
        rejected.update(other - one)
    return chosen, rejected


def _weights(words: Sequence[tuple[frozenset[str], frozenset[str]]]) -> dict[str, float]:
    chosen, rejected = _counts(words)
    return {w: math.log((chosen[w] + 1) / (rejected[w] + 1)) for w in chosen.keys() | rejected.keys()}


def _telling(words: Sequence[tuple[frozenset[str], frozenset[str]]]) -> tuple[tuple[str, int, int], ...]:
    chosen, rejected = _counts(words)
    names = sorted(chosen.keys() | rejected.keys())

    def strength(word: str) -> float:
        c, r = chosen[word], rejected[word]
        return abs(c - r) / math.sqrt(c + r + 1)

    return tuple((w, chosen[w], rejected[w]) for w in sorted(names, key=strength, reverse=True)[:10])


def _interval(by_image: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Percentiles of the accuracy over resampled images."""
    draw, found = random.Random(0), list[float]()
    sums = [(sum(own), len(own)) for own in by_image]
    for _ in range(_RESAMPLES):
        some = draw.choices(sums, k=len(sums))
        found.append(sum(s for s, _ in some) / sum(n for _, n in some))
    found.sort()
    return found[int(0.025 * _RESAMPLES)], found[int(0.975 * _RESAMPLES)]
