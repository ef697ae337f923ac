"""Statistics of small cases, worked out from their definitions with a pencil."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pytest import approx
from scipy.stats import norm, t

from harness.core.evaluation import Formula, Score, over, ratio
from harness.core.stats import (
    UNKNOWN,
    Change,
    Linear,
    Range,
    bonferroni_level,
    difference_interval,
    interval,
    limits_of,
    linearise,
    resample,
    sample,
    unseen_variance,
)
from reports.values.common import Common
from reports.values.paired import Pair, differences
from reports.values.seeds import random_effect, seeds_of_difference, seeds_of_metric

WORDS = ratio("length", ["words"], ["captions"], unit="words")
PRECISION = ratio("precision", ["tp"], ["tp", "fp"])


def level(value: float, *parts: float, clusters: int = 6) -> Linear:
    """A metric over so many clusters; those without a part given have none in its scatter."""
    zero, g = np.zeros(1), np.array([float(clusters)])
    return Linear(np.array([value]), np.array([[*parts, *[0.0] * (clusters - len(parts))]]), g, zero, zero, g)


def test_two_levels_scatter_beyond_a_quarter_of_what_images_explain() -> None:
    # variance of 0 and 2: 2; parts lie 0.5 from their mean four times: 1, a quarter of it is taken off; 1.75 / 2
    assert random_effect([level(0, 0.5, -0.5), level(2, -0.5, 0.5)]) == (approx((1.75 / 2) ** 0.5), 1)


def test_four_levels_scatter_beyond_half_of_what_images_explain() -> None:
    # variance of 0, 0, 2, 2: 4/3; eight squares of 0.5 over three degrees of freedom: 2/3, half of it is taken off; 1 / 4
    one, other = (0.5, -0.5), (-0.5, 0.5)
    levels = [level(0, *one), level(0, *other), level(2, *one), level(2, *other)]
    assert random_effect(levels) == (approx(0.5), 3)


def test_levels_that_differ_by_less_than_images_explain_do_not_scatter() -> None:
    assert random_effect([level(0, 3, -3), level(0.1, -3, 3)]) == (0.0, 1)


def test_the_interval_over_seeds_adds_the_squares_of_both_reaches() -> None:
    # seeds of equal parts: standard error 0.1 / root 3; images reach 0.1 down and 0.2 up
    seeds = [level(value, 0.01, -0.01) for value in (0.5, 0.6, 0.7)]
    found = seeds_of_metric(seeds, (0.5, 0.8), Range(0.0, 1.0, True))
    reach = t.ppf(0.975, 2) * 0.1 / 3**0.5
    assert found is not None
    assert (found.low, found.high) == (approx(0.6 - np.hypot(0.1, reach)), approx(0.6 + np.hypot(0.2, reach)))


def test_the_interval_over_seeds_ends_where_the_metric_does() -> None:
    found = seeds_of_metric([level(value, 0.01, -0.01) for value in (0.5, 0.6, 0.7)], (0.5, 0.8), Range(0.4, 0.75, True))
    assert found is not None and (found.low, found.high) == (0.4, 0.75)


def test_the_reach_of_a_change_solves_its_equation() -> None:
    """x^2 = q^2 (error^2 + slope max(0, x - free))."""
    change = Change(np.array([-0.1]), np.array([0.1]), np.array([0.0]), np.array([1.0]))
    # q = 2, upwards: 0.1 of the way is that to 0. x^2 = 4 (0.01 + x - 0.1), x = 2 + root 3.64
    low, high = change.ends(2.0)
    assert (low[0], high[0]) == (approx(-0.3), approx(-0.1 + 2 + 3.64**0.5))
    # from 0: x^2 = 4 (0.01 + x), x = 2 + root 4.04, the longer way of both
    assert change.at_least(2.0)[0] == approx(2 + 4.04**0.5)


def test_each_of_five_intervals_holds_with_99_per_cent_and_one_alone_with_95() -> None:
    assert (bonferroni_level(1), bonferroni_level(5), bonferroni_level(0)) == (approx(0.95), approx(0.99), approx(0.95))


def test_a_metric_on_a_scale_without_ends_has_a_detectable_difference() -> None:
    # changes of 0 and 2 words in turn: standard error 1 / root 99 over 100 images
    old, new = (
        sample(range(100), [Score(str(i), {"words": 10.0 + 2 * more * (i % 2), "captions": 1.0}) for i in range(100)])
        for more in (0, 1)
    )
    (found,) = differences(old, new, [WORDS])
    quantiles = t.ppf(0.975, 99) + t.ppf(0.8, 99)
    assert found.error == approx(1 / 99**0.5) and found.detectable(0.05) == approx(quantiles / 99**0.5)


def test_the_items_of_a_difference_are_those_that_move_either_side() -> None:
    names = ("tp", "fp")
    old = sample(["a", "b", "c"], [Score("1", {"tp": 1}), Score("2", {}), Score("3", {})], names)
    new = sample(["a", "b", "c"], [Score("1", {}), Score("2", {"fp": 1}), Score("3", {})], names)
    assert Pair(Common([old, new])).counts(PRECISION) == (2, 0, 0)


def test_four_images_and_equal_changes_of_all_images_have_no_interval() -> None:
    scatter = (0.1, -0.1, 0.05, -0.05)
    few, flat = level(0.2, *scatter, clusters=4), level(0.2, clusters=40)
    assert all(np.isnan(end[0]) for found in (few, flat) for end in difference_interval(found, 0.0))


def test_the_interval_of_a_bent_metric_is_that_of_the_mean_it_is_made_of() -> None:
    """exp(mean) lies between exp of the mean's ends, to second order: within 0.0003 here, where first order is 0.005 off."""
    values = np.tile([0.5, -0.5], 50)
    data = sample(range(100), [Score(str(i), {"x": x, "n": 1.0}) for i, x in enumerate(values)])
    found = linearise(Formula("exp", lambda s: np.exp(over(s["x"], s["n"])), unit="points"), data)
    low, high = limits_of(found, UNKNOWN)
    reach = t.ppf(0.975, 99) * values.std(ddof=1) / 10
    assert (low[0], high[0]) == approx((np.exp(-reach), np.exp(reach)), abs=3e-4)


def test_percentiles_of_five_images_are_those_of_t_with_four_degrees_of_freedom() -> None:
    tail = norm.cdf((5 / 4) ** 0.5 * t.ppf(0.025, 4))
    assert interval(np.linspace(0, 1, 1001), 5) == (approx(tail), approx(1 - tail))
    assert interval(np.linspace(0, 1, 1001), 4) == (None, None)


def test_every_image_is_drawn_as_often_and_as_many_times_as_asked() -> None:
    drawn = resample(np.eye(20), 300)
    assert drawn.mean(axis=0) == approx(np.ones(20), abs=0.25)
    assert len(resample(np.ones((40_000, 1)), 101)) == 101, "the last chunk is shorter"


def test_the_parts_of_a_product_are_what_leaving_each_image_out_changes() -> None:
    # sums 12 and 8, centred (-2, -1, 0, 3) and (0, 0, -2, 2): 8 x + 12 y - x y, less its mean of -1.5; bias: sum of x y
    rows = zip((1, 2, 3, 6), (2, 2, 0, 4))
    data = sample("abcd", [Score(str(i), {"x": float(x), "y": float(y)}) for i, (x, y) in enumerate(rows)])
    found = linearise(Formula("product", lambda s: s["x"] * s["y"], unit="points"), data)
    assert found.parts[0] == approx([-14.5, -6.5, -22.5, 43.5]) and found.bias[0] == approx(6)


def test_a_metric_from_minus_1_to_1_is_half_a_share() -> None:
    share = level(0.0, 0.2, -0.2).as_share(-1.0, 2.0)
    assert share.value[0] == 0.5 and share.parts[0, :2] == approx([0.1, -0.1])


def test_a_mean_difference_over_seeds_has_the_error_of_images_and_of_seeds() -> None:
    # 0.0155 by images: root of 2 (0.01)^2 6/5; seeds 0.1 / root 3
    found = seeds_of_difference([level(value, 0.01, -0.01) for value in (0.5, 0.6, 0.7)], 0.0)
    assert found is not None and found.error == approx(np.hypot((2.4e-4) ** 0.5, 0.1 / 3**0.5))


def test_ten_of_twenty_images_without_scatter_hide_half_of_what_none_of_ten_reaches() -> None:
    ten = replace(level(1.0, clusters=20), counting=np.array([10.0]))
    both = ten.minus(level(1.0, clusters=20))
    reach = 1 - 0.025 ** (1 / 10)  # Clopper and Pearson's end for 0 of 10
    assert unseen_variance(both)[0] == approx((reach / t.ppf(0.975, 9)) ** 2 / 2)


def test_a_side_that_scatters_a_little_keeps_a_share_of_what_its_images_may_hide() -> None:
    # ten of 20 images count, parts of 0.01 ten times: squares 0.001, 40 degrees of freedom by kurtosis, 10 - 1 by their number;
    # beside them the reach of 0 of 10 counts 0.8 degrees of freedom; what the pair's own 20 images show is taken off
    ten = replace(level(1.0, *[0.01, -0.01] * 5, clusters=20), counting=np.array([10.0]))
    hidden = ((1 - 0.025 ** (1 / 10)) / t.ppf(0.975, 9)) ** 2
    shrunk = (9 * 0.001 * 10 / 9 + 0.8 * hidden) / (9 + 0.8)
    found = unseen_variance(ten.minus(level(1.0, clusters=20)))[0]
    assert found == approx((shrunk - 0.001 * 20 / 19) / 2) and found > 0
