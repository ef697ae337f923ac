"""Agreement of a judge with human ratings of the same answers and of their raters, drift between its versions, corrected means.

The corrected mean is that of `prediction_powered.py`. Pure functions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType

import numpy as np

from harness.core.stats import LEVEL
from harness.labels.estimates.prediction_powered import FEWEST, Corrected, clustered_error, corrected_mean
from harness.labels.rater_agreement import quadratic_kappa

NEAR = 1.0  # points; ratings that differ by no more count as near, on scales that are wider
Answer = tuple[str, str]  # benchmark, answer


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer of one checkpoint as a judge rated it. `answer` identifies item and text; equal texts are one answer.
    `image`: what it is about; "" where it hangs together with no other answer. `reading`: the rule that made the rating of the
    judge's reply; ratings under two rules are not those of one judge, and no drift."""

    benchmark: str
    column: str
    answer: str
    judge: str  # with its version and the rule
    value: float
    image: str = ""
    reading: str = ""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with its 95 % interval (Student, over images); no interval for fewer than five images."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """One judge on one checkpoint's answers to one benchmark.

    `bias`: judge minus people, whose ratings of an answer are averaged, as they are for `correlation` (Spearman's) and `mean`
    (what people would have given on average, over all answers). `exact`, `near`: shares of the `ratings`, each of one person,
    that are the judge's, and within one point of it: a mean of several is on no scale. `near` is None on a scale of one point,
    where it could only be 1.
    """

    benchmark: str
    column: str
    judge: str
    bias: Mean
    exact: float | None
    near: float | None
    correlation: float | None
    mean: Corrected
    ratings: int


@dataclass(frozen=True, slots=True)
class Drift:
    """Two judges, or two versions of one, on the same answers: `change` is later minus earlier.

    `ambiguous`: answers that are left out because one of the two has two ratings for them.
    """

    benchmark: str
    earlier: str
    later: str
    change: Mean
    changed: float | None  # share of answers that got another rating
    ambiguous: int = 0


@dataclass(frozen=True, slots=True)
class RaterPair:
    """Two people on the `n` answers to a benchmark that both rated: shares with the same rating and within one point (None on a
    scale of one point), and the kappa with quadratic weights (None for fewer than five answers)."""

    benchmark: str
    one: str
    other: str
    n: int
    exact: float
    near: float | None
    kappa: float | None


def calibrate(
    judged: Sequence[Judged], people: Mapping[Answer, Sequence[float]], widths: Mapping[str, float] = MappingProxyType({})
) -> tuple[Calibration, ...]:
    """One for each benchmark, checkpoint and judge.

    people: answer -> the rating of each who rated it. widths: benchmark -> best minus worst rating of its scale; where it is
    not known, the ratings that were given tell it.
    """
    groups: defaultdict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    images = {(one.benchmark, one.answer): one.image or one.answer for one in judged}
    for one in judged:
        groups[one.benchmark, one.column, one.judge][one.answer] = one.value
    return tuple(_calibration(*key, values, people, images, widths.get(key[0])) for key, values in groups.items())


def _calibration(
    benchmark: str,
    column: str,
    judge: str,
    values: Mapping[str, float],
    people: Mapping[Answer, Sequence[float]],
    images: Mapping[Answer, str],
    width: float | None,
) -> Calibration:
    rated = [answer for answer in values if (benchmark, answer) in people]
    rest = [answer for answer in values if (benchmark, answer) not in people]
    of_rated, of_rest = ([images[benchmark, answer] for answer in group] for group in (rated, rest))
    theirs = np.array([np.mean(people[benchmark, answer]) for answer in rated], dtype=np.float64)
    own = np.array([values[answer] for answer in rated], dtype=np.float64)
    apart = np.array([abs(values[answer] - one) for answer in rated for one in people[benchmark, answer]])
    if width is None and rated:
        width = float(np.ptp([*values.values(), *(one for answer in rated for one in people[benchmark, answer])]))
    return Calibration(
        benchmark=benchmark,
        column=column,
        judge=judge,
        bias=mean(own - theirs, of_rated),
        exact=float((apart < 1e-9).mean()) if rated else None,
        near=_near(apart, width),
        correlation=_spearman(own, theirs),
        mean=corrected_mean([values[answer] for answer in rest], own, theirs, of_rest, of_rated),
        ratings=len(apart),
    )


def _near(apart: np.ndarray, width: float | None) -> float | None:
    return float((apart <= NEAR + 1e-9).mean()) if len(apart) and width is not None and width > NEAR else None


def drifts(judged: Sequence[Judged]) -> tuple[Drift, ...]:
    """Every two judges of a benchmark whose replies are read by one rule, in the order in which they appear, on the answers
    that both rated. An answer with two ratings under one judge's name is left out: neither is the judge's."""
    by_judge: defaultdict[tuple[str, str], dict[str, dict[str, set[float]]]] = defaultdict(dict)
    images = {(one.benchmark, one.answer): one.image or one.answer for one in judged}
    for one in judged:
        by_judge[one.benchmark, one.reading].setdefault(one.judge, {}).setdefault(one.answer, set()).add(one.value)
    return tuple(
        _drift(benchmark, earlier, later, judges[earlier], judges[later], images)
        for (benchmark, _), judges in by_judge.items()
        for earlier, later in combinations(judges, 2)
        if judges[earlier].keys() & judges[later].keys()
    )


def _drift(
    benchmark: str,
    earlier: str,
    later: str,
    before: Mapping[str, set[float]],
    after: Mapping[str, set[float]],
    images: Mapping[Answer, str],
) -> Drift:
    both = [answer for answer in before if answer in after]
    clear = [answer for answer in both if len(before[answer]) == len(after[answer]) == 1]
    change = np.array([max(after[answer]) - max(before[answer]) for answer in clear])
    moved = mean(change, [images[benchmark, answer] for answer in clear])
    return Drift(benchmark, earlier, later, moved, float((change != 0).mean()) if clear else None, len(both) - len(clear))


def readings(judged: Sequence[Judged]) -> dict[str, tuple[str, ...]]:
    """Benchmarks whose judges' replies are read by several rules, and these."""
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for one in judged:
        found[one.benchmark][one.reading] = None
    return {benchmark: tuple(rules) for benchmark, rules in found.items() if len(rules) > 1}


def rater_pairs(
    raters: Mapping[str, Mapping[Answer, float]], widths: Mapping[str, float] = MappingProxyType({})
) -> tuple[RaterPair, ...]:
    """Every two raters on each benchmark of which both rated the same answers. raters: name -> answer -> rating."""
    return tuple(
        pair
        for (one, ours), (other, theirs) in combinations(raters.items(), 2)
        for pair in _pairs(one, other, ours, theirs, widths)
    )


def _pairs(
    one: str, other: str, ours: Mapping[Answer, float], theirs: Mapping[Answer, float], widths: Mapping[str, float]
) -> Iterator[RaterPair]:
    common: defaultdict[str, list[Answer]] = defaultdict(list)
    for answer in ours:
        if answer in theirs:
            common[answer[0]].append(answer)
    for benchmark, answers in common.items():
        left, right = [ours[answer] for answer in answers], [theirs[answer] for answer in answers]
        apart = np.abs(np.array(left) - np.array(right))
        width = widths.get(benchmark, float(np.ptp([*left, *right])))
        kappa = quadratic_kappa(left, right) if len(answers) >= FEWEST else None
        yield RaterPair(benchmark, one, other, len(answers), float((apart < 1e-9).mean()), _near(apart, width), kappa)


def mean(values: np.ndarray, images: Sequence[str]) -> Mean:
    """Of values, each about one of the images."""
    n, n_images = len(values), len(set(images))
    if not n:
        return Mean(None, None, None, 0)
    value = float(values.mean())
    if n_images < FEWEST:
        return Mean(value, None, None, n)
    from scipy.special import stdtrit

    reach = float(stdtrit(n_images - 1, (1 + LEVEL) / 2)) * clustered_error((values, images))
    return Mean(value, value - reach, value + reach, n)


def _spearman(one: np.ndarray, other: np.ndarray) -> float | None:
    if len(one) < FEWEST or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    from scipy.stats import rankdata

    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
