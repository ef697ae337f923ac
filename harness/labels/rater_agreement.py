"""Do raters agree beyond chance? Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from statistics import fmean, pvariance


def kappa(one: Sequence[Hashable], other: Sequence[Hashable]) -> float | None:
    """Cohen's kappa of two raters on the same items; None when chance alone explains everything."""
    n = len(one)
    if n == 0 or n != len(other):
        return None
    agreed = sum(a == b for a, b in zip(one, other, strict=True)) / n
    chance = sum((list(one).count(k) / n) * (list(other).count(k) / n) for k in set(one))
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def quadratic_kappa(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Cohen's kappa of two raters' numbers, disagreements weighted by the square of their distance (Cohen 1968).

    1 - observed / expected mean square distance, the latter over all pairs of a rating of one and a rating of the other: any
    numbers, not only those of a few categories. None when both gave one and the same number throughout.
    """
    if not one or len(one) != len(other):
        return None
    expected = pvariance(one) + pvariance(other) + (fmean(one) - fmean(other)) ** 2
    return None if expected == 0 else 1 - fmean((a - b) ** 2 for a, b in zip(one, other, strict=True)) / expected


def fleiss(items: Sequence[Sequence[Hashable]]) -> float | None:
    """Fleiss' kappa of the judgements that each item got; None when chance alone explains everything.

    Items may have different numbers of raters (Fleiss, Levin and Paik 2003, section 18.3); those with fewer than two are
    left out. With equal numbers it is Fleiss 1971.
    """
    rated = [Counter(words) for words in items if len(words) > 1]
    total = sum(sum(words.values()) for words in rated)
    if not rated:
        return None
    agreed = sum(_agreeing_pairs(words) for words in rated) / len(rated)
    shares = [n / total for n in sum(rated, Counter()).values()]
    chance = sum(share**2 for share in shares)
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def _agreeing_pairs(words: Counter[Hashable]) -> float:
    """Share of an item's pairs of raters that agree."""
    n = sum(words.values())
    return sum(k * (k - 1) for k in words.values()) / (n * (n - 1))


def alpha(items: Sequence[Sequence[Hashable]]) -> float | None:
    """Krippendorff's alpha of nominal judgements; None when there is nothing to compare or only one judgement occurs.

    Any number of raters an item; items with fewer than two are left out. From coincidences (Krippendorff 2011, Computing
    Krippendorff's Alpha-Reliability): 1 - (n - 1) * disagreeing pairs / disagreeing pairs by chance.
    """
    rated = [Counter(words) for words in items if len(words) > 1]
    totals = sum(rated, Counter[Hashable]())
    n = sum(totals.values())
    by_chance = n * n - sum(count**2 for count in totals.values())
    if not by_chance:
        return None
    observed = sum(sum(words.values()) * (1 - _agreeing_pairs(words)) for words in rated)
    return 1 - (n - 1) * observed / by_chance
