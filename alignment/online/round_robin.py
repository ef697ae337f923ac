"""Best and worst of several answers of which each was compared with each: a round-robin tournament, perhaps with gaps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Verdicts = Mapping[tuple[int, int], float | None]  # (i, j), i < j -> 0: i is better, 1: j is, 0.5: a tie, None: not judged


class Places(NamedTuple):
    """Two answers by their numbers; `winner` is the verdict on them: 0 where the first is better, 0.5 a tie, None unjudged."""

    first: int
    second: int
    winner: float | None


def best_and_worst(verdicts: Verdicts) -> Places:
    """Two answers that the verdicts place one above the other.

    A win is a point, a tie half a point to both. Of the answers whose comparisons were all judged: the one with the most points
    against the one with the fewest, the first of equal ones. Other answers' points do not count, since a missing verdict would
    count as a defeat. Where that places nothing and verdicts are missing, it is the first pair that a verdict of its own
    decides, else the first that has one. A tie where all were judged and all have as many points.
    """
    judged = {pair: value for pair, value in verdicts.items() if value is not None}
    if not judged:
        return Places(0, 1, None)
    points = _points_of_whole(verdicts)
    if points and max(points.values()) > min(points.values()):
        return Places(max(points, key=points.__getitem__), min(points, key=points.__getitem__), 0.0)
    if len(judged) == len(verdicts):
        return Places(0, 1, 0.5)
    pair = next((pair for pair, value in judged.items() if value != 0.5), next(iter(judged)))
    return Places(*pair, judged[pair])


def _points_of_whole(verdicts: Verdicts) -> dict[int, float]:
    """Points of the answers of which no comparison is missing, by number in ascending order."""
    points: dict[int, float] = dict.fromkeys(sorted({n for pair in verdicts for n in pair}), 0.0)
    for (first, second), value in verdicts.items():
        if value is not None:
            points[first] += 1 - value
            points[second] += value
    for pair, value in verdicts.items():
        if value is None:
            for n in pair:
                points.pop(n, None)
    return points
