"""Means that a judge measured, corrected by people: right on average, with intervals that hold."""

from __future__ import annotations

import numpy as np
import pytest

from harness.core.judging import RatingScale
from harness.labels.estimates.judge_calibration import Judged, calibrate, drifts, rater_pairs
from harness.labels.estimates.prediction_powered import clustered_error, corrected_mean
from reports.label_audit.judge_text import judge_parts


def drawn(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """People's ratings, and a judge who is half a point too kind and adds noise of its own."""
    people = rng.normal(3.0, 1.0, n)
    return people, people + 0.5 + rng.normal(0.0, 0.5, n)


def test_the_interval_covers_the_true_mean_as_often_as_it_says_and_is_narrower_than_peoples_alone() -> None:
    rng, covered, widths, alone = np.random.default_rng(0), 0, [], []
    for _ in range(1500):
        people, judge = drawn(rng, 400)
        found = corrected_mean(judge[40:], judge[:40], people[:40])
        assert found.low is not None and found.high is not None
        covered += found.low <= 3.0 <= found.high
        widths.append(found.high - found.low)
        alone.append(2 * 2.02 * people[:40].std(ddof=1) / 40**0.5)
    assert 0.93 <= covered / 1500 <= 0.97
    assert np.mean(widths) < 0.7 * np.mean(alone)


JUDGE = [6, 6, 2, 1, 3, 4, 5, 0, 3, 0, 1, 1, 6, 4, 4, 4, 1, 5, 1, 0, 5, 2, 0, 4, 2, 1, 4, 5, 4, 6, 2, 0, 6, 3, 5, 4, 4, 2, 4, 0]
PEOPLE = [5, 5, 0, 1, 3, 3, 5, 2, 0, 1, 3, 2]


def test_value_and_error_are_those_of_glide() -> None:
    """glide-py 0.11.0, PPIMeanEstimator().estimate(people and nan, judge): mean and std of its confidence interval."""
    found = corrected_mean(JUDGE[12:], JUDGE[:12], PEOPLE)
    assert (found.value, found.error) == (pytest.approx(2.7393555811277333), pytest.approx(0.41468957158111835))


def test_the_error_over_images_is_that_of_glides_clustered_estimator() -> None:
    """ClusteredPPIMeanEstimator, two answers an image, without power tuning: 0.6141039569818882 at weight 1."""
    images = [i // 2 for i in range(40)]
    judge, people = np.array(JUDGE, dtype=float), np.array(PEOPLE, dtype=float)
    full = clustered_error((people - judge[:12], images[:12]), (judge[12:], images[12:]))
    assert full == pytest.approx(0.6141039569818882)
    tuned = corrected_mean(JUDGE[12:], JUDGE[:12], PEOPLE, images[12:], images[:12])  # by the formula at the items' weight
    assert (tuned.value, tuned.error) == (pytest.approx(2.7393555811277333), pytest.approx(0.5104737634955747))


def test_the_interval_holds_where_answers_about_an_image_hang_together_and_some_of_them_are_rated() -> None:
    rng, covered = np.random.default_rng(5), 0
    images = [i // 5 for i in range(300)]
    for _ in range(600):
        people = 3 + rng.normal(0, 1, 60).repeat(5) + rng.normal(0, 0.5, 300)
        judge, chosen = people + 0.5 + rng.normal(0, 0.5, 300), rng.permutation(300)
        own, rest = chosen[:60], chosen[60:]
        of = [[images[i] for i in group] for group in (rest, own)]
        found = corrected_mean(judge[rest], judge[own], people[own], *of)
        covered += found.low <= 3.0 <= found.high
    assert 0.92 <= covered / 600 <= 0.98


def test_a_biased_judge_is_corrected() -> None:
    people, judge = drawn(np.random.default_rng(1), 5000)
    found = corrected_mean(judge[500:], judge[:500], people[:500])
    assert found.plain == pytest.approx(3.5, abs=0.05) and found.value == pytest.approx(3.0, abs=0.1)


def test_a_judge_that_says_nothing_about_people_gets_hardly_any_weight() -> None:
    rng = np.random.default_rng(2)
    judge, people = rng.normal(0, 5, 400), rng.normal(3, 1, 40)
    found = corrected_mean(judge[40:], judge[:40], people)
    assert found.weight < 0.1 and found.value == pytest.approx(people.mean(), abs=0.15)


def test_where_people_rated_everything_the_mean_is_theirs() -> None:
    found = corrected_mean([], [1, 2, 3, 4, 5, 6], [2, 2, 3, 4, 5, 5])
    assert found.value == pytest.approx(3.5)


def test_too_few_ratings_give_no_corrected_mean() -> None:
    found = corrected_mean([1, 2, 3], [1, 2], [1, 1])
    assert found.value is None and found.plain == pytest.approx(1.8) and found.people == 1.0


def judged(judge: str, *values: float) -> list[Judged]:
    return [Judged("mmhal_bench", "base", str(i), judge, value) for i, value in enumerate(values)]


def test_agreement_and_bias_of_a_judge() -> None:
    people = {("mmhal_bench", str(i)): [value] for i, value in enumerate([5.0, 4.0, 3.0, 2.0, 1.0])}
    (found,) = calibrate(judged("chat 1", 6, 4, 4, 4, 1, 6, 6), people)
    assert found.exact == 0.4 and found.near == 0.8 and found.bias.value == pytest.approx(0.8) and found.bias.n == 5
    assert found.correlation == pytest.approx(0.866, abs=0.03) and found.mean.of == 7


def test_the_interval_of_a_corrected_mean_ends_with_the_scale() -> None:
    people = {("mmhal_bench", str(i)): [value] for i, value in enumerate([0.0, 0.0, 0.0, 0.0, 1.0])}
    found = calibrate(judged("chat 1", 0, 0, 0, 0, 1, 0, 0), people)
    assert found[0].mean.low is not None and found[0].mean.low < 0
    shown = [
        judge_parts(found, (), scales=scales)[-1].rows[0][5] for scales in ({}, {"mmhal_bench": RatingScale(0.0, 6.0, "")})
    ]
    assert "[\u2212" in shown[0] and shown[1] == shown[0].replace(shown[0].partition("[")[2].partition(",")[0], "0.00")


def test_within_one_point_is_left_out_where_the_scale_is_one_point() -> None:
    grades = [Judged("mmvet", "base", str(i), "chat 1", value) for i, value in enumerate([0.0, 1.0])]
    people = {("mmvet", "0"): [1.0], ("mmvet", "1"): [1.0]}
    for widths in ({"mmvet": 1.0}, {}):  # without a known scale, the ratings themselves tell
        (found,) = calibrate(grades, people, widths)
        assert found.near is None and found.exact == 0.5
    (wide,) = calibrate(grades, people, {"mmvet": 6.0})
    assert wide.near == 1.0


def test_drift_between_versions_is_told_on_the_same_answers() -> None:
    (found,) = drifts([*judged("chat 1", 1, 2, 3, 4, 5), *judged("chat 2", 2, 3, 3, 5, 6, 0)])
    assert (found.earlier, found.later) == ("chat 1", "chat 2") and found.change.n == 5
    assert found.change.value == pytest.approx(0.8) and found.changed == 0.8


def test_two_ratings_of_an_answer_under_one_name_are_no_drift() -> None:
    """One of two readings would be the judge's rating, and which one depended on the order of the runs."""
    twice = [*judged("chat 1", 1, 2, 3), Judged("mmhal_bench", "other run", "2", "chat 1", 0.0)]
    (found,) = drifts([*twice, *judged("chat 2", 2, 3, 6)])
    assert (found.change.value, found.change.n, found.ambiguous) == (1.0, 2, 1)
    (none,) = drifts([*judged("chat 1", 1), *judged("chat 1", 2), *judged("chat 2", 3)])
    assert (none.change.value, none.changed, none.ambiguous) == (None, None, 1)


def test_judges_are_compared_under_one_rule_only() -> None:
    official = [Judged("mmhal_bench", "base", str(i), "chat 1, variant official", 0.0, "", "official") for i in range(3)]
    assert drifts([*judged("chat 1", 1, 2, 3), *official]) == ()


def test_same_rating_is_counted_over_single_ratings_and_does_not_depend_on_their_mean() -> None:
    """Means of 3 and 4 are on no scale: 3.5 could never be the judge's rating."""
    one = {("mmhal_bench", "0"): [3.0], ("mmhal_bench", "1"): [3.0]}
    two = {("mmhal_bench", "0"): [3.0, 4.0], ("mmhal_bench", "1"): [3.0, 6.0]}
    (alone,), (both,) = (calibrate(judged("chat 1", 3, 3), people, {"mmhal_bench": 6.0}) for people in (one, two))
    assert (alone.exact, alone.near, alone.ratings, alone.bias.value) == (1.0, 1.0, 2, 0.0)
    assert (both.exact, both.near, both.ratings, both.bias.value) == (0.5, 0.75, 4, -1.0)  # means 3.5 and 4.5


def kappa_of_a_table(one: list[float], other: list[float]) -> float:
    """Cohen 1968 by its definition: observed and expected counts of each pair of categories, weighted by their distance."""
    categories = sorted({*one, *other})
    place = {category: i for i, category in enumerate(categories)}
    observed = np.zeros((len(categories),) * 2)
    for a, b in zip(one, other, strict=True):
        observed[place[a], place[b]] += 1
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / observed.sum()
    weights = np.subtract.outer(categories, categories) ** 2.0
    return float(1 - (weights * observed).sum() / (weights * expected).sum())


def test_agreement_of_two_raters_is_that_of_the_table_of_their_ratings() -> None:
    rng = np.random.default_rng(3)
    ada = [float(v) for v in rng.integers(0, 7, 40)]
    grace = [min(6.0, max(0.0, v + float(step))) for v, step in zip(ada, rng.integers(-2, 3, 40), strict=True)]
    sheets = {
        name: {("mmhal_bench", str(i)): v for i, v in enumerate(values)} for name, values in (("ada", ada), ("grace", grace))
    }
    sheets["grace"] |= {("mmhal_bench", "more"): 3.0, ("mmvet", "0"): 0.5}
    (found,) = rater_pairs(sheets, {"mmhal_bench": 6.0})
    assert (found.one, found.other, found.n) == ("ada", "grace", 40)
    assert found.exact == pytest.approx(sum(a == b for a, b in zip(ada, grace, strict=True)) / 40)
    assert found.near == pytest.approx(sum(abs(a - b) <= 1 for a, b in zip(ada, grace, strict=True)) / 40)
    assert found.kappa == pytest.approx(kappa_of_a_table(ada, grace), abs=1e-12)


def test_agreement_of_raters_is_by_benchmark_and_has_no_kappa_for_few_answers_or_one_rating() -> None:
    ada = {("mmvet", str(i)): 1.0 for i in range(5)} | {("mmhal_bench", str(i)): 4.0 for i in range(4)}
    grace = {answer: 1.0 if answer[0] == "mmvet" else 3.0 for answer in ada}
    vet, mmhal = rater_pairs({"ada": ada, "grace": grace}, {"mmvet": 1.0, "mmhal_bench": 6.0})
    assert (vet.exact, vet.near, vet.kappa) == (1.0, None, None)
    assert (mmhal.exact, mmhal.near, mmhal.kappa) == (0.0, 1.0, None)
    assert rater_pairs({"ada": ada}) == () == rater_pairs({"ada": ada, "grace": {("mmvet", "other"): 1.0}})
