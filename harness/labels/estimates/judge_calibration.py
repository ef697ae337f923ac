"""Agreement of a judge with human ratings of the same answers, drift between its versions, and the corrected mean.

The corrected mean is that of `prediction_powered.py`. Pure functions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from harness.core.stats import LEVEL
from harness.labels.estimates.prediction_powered import FEWEST, Corrected, clustered_error, corrected_mean

NEAR = 1.0  # points; ratings that differ by no more count as near, on scales that are wider


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer of one checkpoint as a judge rated it. `answer` identifies item and text; equal texts are one answer.
    `image`: what it is about; "" where it hangs together with no other answer."""

    benchmark: str
    column: str
    answer: str
    judge: str  # with its version
    value: float
    image: str = ""


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

    `bias`: judge minus people. `exact`, `near`: shares of rated answers with the same rating, and within one point; `near` is
    None on a scale of one point, where it could only be 1.
    `correlation`: Spearman's. `mean`: what people would have given on average, over all answers.
    """

    benchmark: str
    column: str
    judge: str
    bias: Mean
    exact: float | None
    near: float | None
    correlation: float | None
    mean: Corrected


@dataclass(frozen=True, slots=True)
class Drift:
    """Two judges, or two versions of one, on the same answers: `change` is later minus earlier."""

    benchmark: str
    earlier: str
    later: str
    change: Mean
    changed: float  # share of answers that got another rating


def calibrate(
    judged: Sequence[Judged], people: Mapping[tuple[str, str], float], widths: Mapping[str, float] = MappingProxyType({})
) -> tuple[Calibration, ...]:
    """One for each benchmark, checkpoint and judge.

    people: (benchmark, answer) -> their rating, the mean of several. widths: benchmark -> best minus worst rating of its scale;
    where it is not known, the ratings that were given tell it.
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
    people: Mapping[tuple[str, str], float],
    images: Mapping[tuple[str, str], str],
    width: float | None,
) -> Calibration:
    rated = [answer for answer in values if (benchmark, answer) in people]
    rest = [answer for answer in values if (benchmark, answer) not in people]
    of_rated, of_rest = ([images[benchmark, answer] for answer in group] for group in (rated, rest))
    theirs = np.array([people[benchmark, answer] for answer in rated], dtype=np.float64)
    own = np.array([values[answer] for answer in rated], dtype=np.float64)
    apart = np.abs(own - theirs)
    if width is None and rated:
        width = float(np.ptp(np.concatenate([theirs, list(values.values())])))
    return Calibration(
        benchmark=benchmark,
        column=column,
        judge=judge,
        bias=mean(own - theirs, of_rated),
        exact=float((apart < 1e-9).mean()) if rated else None,
        near=float((apart <= NEAR + 1e-9).mean()) if rated and width is not None and width > NEAR else None,
        correlation=_spearman(own, theirs),
        mean=corrected_mean([values[answer] for answer in rest], own, theirs, of_rest, of_rated),
    )


def drifts(judged: Sequence[Judged]) -> tuple[Drift, ...]:
    """Every two judges of a benchmark, in the order in which they appear, on the answers that both rated."""
    by_judge: defaultdict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    images = {(one.benchmark, one.answer): one.image or one.answer for one in judged}
    for one in judged:
        by_judge[one.benchmark].setdefault(one.judge, {})[one.answer] = one.value
    found = []
    for benchmark, judges in by_judge.items():
        names = list(judges)
        for i, earlier in enumerate(names):
            for later in names[i + 1 :]:
                both = [answer for answer in judges[earlier] if answer in judges[later]]
                if both:
                    change = np.array([judges[later][a] - judges[earlier][a] for a in both])
                    moved = mean(change, [images[benchmark, answer] for answer in both])
                    found.append(Drift(benchmark, earlier, later, moved, float((change != 0).mean())))
    return tuple(found)


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
