"""A margin is tested over images, with the hypothesis' own variance; nothing is certain because nothing was seen."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtr

from harness.core.evaluation import Formula, ratio
from harness.core.stats import Sample, unseen_variance
from reports.gate.shift_test import Shift, above, below, items_needed, limits, p_above, p_below, shift_of
from reports.values.paired import change
from tests.proofs import gates

ACCURACY = ratio("accuracy", ["right"], ["n"])


def sample(right: np.ndarray) -> Sample:
    """Right (1) or wrong (0), images x questions."""
    images, each = right.shape
    values = np.column_stack([right.ravel(), np.ones(right.size)])
    return Sample(("right", "n"), values, np.repeat(np.arange(images), each))


def flipped(right: np.ndarray, gained: int, lost: int) -> np.ndarray:
    after = right.copy()
    after.ravel()[np.flatnonzero(right.ravel() == 0)[:gained]] = 1
    after.ravel()[np.flatnonzero(right.ravel() == 1)[:lost]] = 0
    return after


BEFORE = np.array([[1.0, 1.0, 1.0, 0.0]] * 50)


def test_an_images_values_have_the_difference_as_their_mean() -> None:
    shift = shift_of(sample(BEFORE), sample(flipped(BEFORE, 3, 5)), ACCURACY)
    assert shift is not None
    assert shift.value == pytest.approx(-2 / 200) and shift.images.mean() == pytest.approx(shift.value)


def test_a_metric_that_is_better_when_lower_is_turned_round() -> None:
    shift = shift_of(sample(BEFORE), sample(flipped(BEFORE, 3, 5)), ACCURACY, sign=-1)
    assert shift is not None and shift.value == pytest.approx(2 / 200)


def test_a_relative_margin_is_part_of_the_difference() -> None:
    """0.74 - 0.75 + 5 % of 0.75."""
    shift = shift_of(sample(BEFORE), sample(flipped(BEFORE, 3, 5)), ACCURACY, relative=0.05)
    assert shift is not None and shift.value == pytest.approx(-0.01 + 0.0375)


def test_a_margin_relative_to_a_base_below_zero_is_a_share_of_its_size() -> None:
    """5 yes and 15 no, then 4 and 16: -0.6 + 0.5 + 10 % of 0.5."""
    tilt = Formula("tilt", lambda s: (s["yes"] - s["no"]) / (s["yes"] + s["no"]), bounds=(-1.0, 1.0))
    before, after = (Sample(("yes", "no"), np.eye(2)[(np.arange(20) >= n).astype(int)], np.arange(20)) for n in (5, 4))
    shift = shift_of(before, after, tilt, relative=0.1)
    assert shift is not None and shift.value == pytest.approx(-0.05) and shift.images.mean() == pytest.approx(-0.05)


@pytest.mark.parametrize("side", [0, 1])
def test_a_metric_that_is_unknown_without_one_of_the_images_has_no_shift(side: int) -> None:
    """Twenty images count above the line, and one of them alone below it, on one side."""
    right, rare = np.ones(20), np.arange(20) == 0
    sides = [Sample(("right", "n"), np.column_stack([right, n * 1.0]), np.arange(20)) for n in (rare, right)]
    assert shift_of(sides[1], sides[1], ACCURACY) is not None
    assert shift_of(*(sides if side else sides[::-1]), ACCURACY) is None


def test_both_sides_of_a_threshold_are_told_apart() -> None:
    shift = shift_of(sample(BEFORE), sample(flipped(BEFORE, 3, 5)), ACCURACY)
    assert shift is not None
    met, unmet = p_above(shift, -0.10), p_below(shift, -0.10)
    assert met is not None and unmet is not None and met < 0.002 and unmet > 0.5


@pytest.mark.parametrize(("seen_before", "seen_after", "known"), [(20, 20, True), (20, 2, False), (2, 20, False)])
def test_a_part_of_which_one_side_alone_has_too_few_images_leaves_no_shift(
    seen_before: int, seen_after: int, known: bool
) -> None:
    """The mean of two parts over the same 20 images, of which the first part counts these many."""
    parts = tuple(ratio("score", [f"{name}/right"], [f"{name}/n"], group=name) for name in "ab")
    mean = Formula("mean", lambda s: sum(part.compute(s) for part in parts) / 2, parts=parts)
    image = np.arange(20)
    before, after = (
        Sample(
            ("a/right", "a/n", "b/right", "b/n"),
            np.column_stack([n & (image % k == 0), n, image % 3 == 0, image >= 0]) * 1.0,
            image,
        )
        for n, k in ((image < seen_before, 2), (image < seen_after, 4))
    )
    assert (shift_of(before, after, mean) is not None) == known


def test_images_that_count_on_one_side_alone_widen_the_scatter_by_what_they_may_hide() -> None:
    """Ten captions of ten words each, of which three name nothing afterwards: the variance of the mean is the jackknife's and
    that of the unseen."""
    wrong_before, wrong_after = np.array([1, 0, 2, 1, 0, 3, 1, 0, 2, 1]), np.array([1, 1, 0, 2, 1, 0, 1, 0, 0, 0])
    named = np.array([10, 10, 10, 10, 10, 10, 10, 0, 0, 0])
    before, after = (Sample(("wrong", "named"), np.column_stack([w, n]) * 1.0, np.arange(10))
                     for w, n in ((wrong_before, np.full(10, 10)), (wrong_after, named)))  # fmt: skip
    chair_i = ratio("chair_i", ["wrong"], ["named"], better="lower")

    def without(image: int | None) -> float:
        left = np.arange(10) != image
        return wrong_after[left].sum() / named[left].sum() - wrong_before[left].sum() / (10 * left.sum())

    parts = np.array([10 * without(None) - 9 * without(image) for image in range(10)])
    unseen = float(unseen_variance(change(before, after, chair_i))[0])
    shift = shift_of(before, after, chair_i)
    own = parts.var(ddof=1) / 10
    assert shift is not None and unseen > 0.1 * own
    assert shift.images.var(ddof=1) / 10 == pytest.approx(own + unseen)


def test_limits_are_where_the_tests_reach_alpha() -> None:
    shift = shift_of(sample(BEFORE), sample(flipped(BEFORE, 3, 5)), ACCURACY)
    assert shift is not None
    low, high = limits(shift, 0.05)
    assert low is not None and high is not None and low < shift.value < high
    assert p_above(shift, low) == pytest.approx(0.05, abs=1e-6) and p_below(shift, high) == pytest.approx(0.05, abs=1e-6)


def test_answers_that_never_change_prove_no_margin_smaller_than_what_few_images_could_hide() -> None:
    """50 images without a change: a twentieth of the images could change in a population and none be seen (0.95^50 = 0.08)."""
    shift = shift_of(sample(BEFORE), sample(BEFORE), ACCURACY)
    assert shift is not None
    near, far = p_above(shift, -0.01), p_above(shift, -0.2)
    assert near is not None and far is not None and near > 0.05 and far < 0.001


@pytest.mark.parametrize("images", [10, 20, 50])
def test_a_margin_relative_to_the_base_proves_no_more_than_the_same_one_in_points(images: int) -> None:
    """Answers that never change: the base's own scatter is no change (such margins were passed with 10 images)."""
    right = np.repeat([[1.0], [1.0], [1.0], [1.0], [0.0]], images // 5, axis=0)  # 80 %: 5 % of it are 4 points
    relative = shift_of(sample(right), sample(right), ACCURACY, relative=0.05)
    points = shift_of(sample(right), sample(right), ACCURACY)
    assert relative is not None and points is not None and relative.typical == points.typical == 1
    for p, same in ((p_above(relative, 0), p_above(points, -0.04)), (p_below(relative, 0), p_below(points, -0.04))):
        assert p is not None and same is not None and p > 0.05 and p == pytest.approx(same, abs=0.02)


@pytest.mark.parametrize("images", [10, 20])
def test_unchanged_answers_need_as_many_items_for_a_relative_margin_as_for_one_in_points(images: int) -> None:
    """By the base's scatter alone 10 items would have decided what 10 items left open. z(0.95) is 1.6449, z(0.8) 0.8416."""
    right = np.repeat([[1.0], [1.0], [1.0], [1.0], [0.0]], images // 5, axis=0)
    relative = shift_of(sample(right), sample(right), ACCURACY, relative=0.05)
    points = shift_of(sample(right), sample(right), ACCURACY)
    assert relative is not None and points is not None
    one_changed = 1 / images  # the error, as a share, were one answer to change
    wanted = np.ceil(images * ((1.6449 + 0.8416) * one_changed / 0.04) ** 2)
    assert items_needed(relative, images, 0, 0.05) == items_needed(points, images, -0.04, 0.05) == wanted


def test_a_rating_that_never_changed_proves_no_relative_margin() -> None:
    score = replace(ACCURACY, unit="score")
    assert (shift := shift_of(sample(BEFORE), sample(BEFORE), score, relative=0.05)) is not None
    assert p_above(shift, 0) is None and p_below(shift, 0) is None and items_needed(shift, shift.items, 0, 0.05) is None


def test_four_images_tell_nothing() -> None:
    assert shift_of(sample(BEFORE[:4]), sample(BEFORE[:4]), ACCURACY) is None


def test_a_difference_on_its_threshold_is_decided_by_no_number_of_items() -> None:
    shift = shift_of(sample(BEFORE), sample(flipped(BEFORE, 3, 5)), ACCURACY)
    assert shift is not None
    assert items_needed(shift, shift.items, shift.value, 0.05) is None


def test_four_times_the_items_decide_half_the_distance() -> None:
    shift = shift_of(sample(BEFORE), sample(flipped(BEFORE, 10, 12)), ACCURACY)
    assert shift is not None
    one, half = (
        items_needed(shift, shift.items, shift.value + 0.02, 0.05),
        items_needed(shift, shift.items, shift.value + 0.01, 0.05),
    )
    assert one is not None and half is not None and half == pytest.approx(4 * one, abs=4) and one > 200


def test_a_checkpoint_that_is_worse_by_the_margin_passes_in_at_most_one_sweep_of_twenty() -> None:
    """200 sweeps of the proof: more than 19 false passes (9.5 %) would be a chance of 0.2 % at 5 %."""
    false, right = gates.shares(gates.accuracy(100, 6, 0.85, 0.05), 200)
    assert false <= 0.095 and right > 0.6


def test_a_share_of_the_base_is_lost_unnoticed_in_at_most_one_sweep_of_twenty() -> None:
    false, _ = gates.shares(gates.rare(20, 0.80, 0.05), 200)
    assert false <= 0.095


def named(invented: list[float], mentions: list[float]) -> Sample:
    return Sample(("invented", "mentions"), np.array([invented, mentions]).T, np.arange(len(mentions)))


def test_a_checkpoint_whose_captions_seldom_name_something_passes_nothing_by_it() -> None:
    base = named([1.0, 0.0, 0.0, 1.0] * 10, [4.0] * 40)
    for captions in (5, 10):
        few = named([0.0] * 40, [1.0] * captions + [0.0] * (40 - captions))
        shift = shift_of(base, few, gates.CHAIR_I, sign=-1)
        assert shift is not None and shift.value == pytest.approx(0.125) and shift.freedom == captions - 1
        p = p_above(shift, 0.0)
        assert p is not None and p > 0.05
    assert shift_of(base, named([0.0] * 40, [1.0] * 4 + [0.0] * 36), gates.CHAIR_I, sign=-1) is None


def test_few_captions_that_name_something_pass_a_margin_they_miss_in_at_most_one_sweep_of_twenty() -> None:
    false, _ = gates.shares(gates.sparse(60, 0.2, 0.05), 200)  # without the variance that they hide: 16.5 %
    assert false <= 0.095


def test_images_that_fail_as_a_whole_pass_a_margin_in_at_most_one_sweep_of_twenty() -> None:
    """200 sweeps of the proof. 0.98^100 = 0.13: so often none of them is drawn, and 12 % passed."""
    false, _ = gates.shares(gates.failing(100, 6, 0.85, 0.02), 200)
    assert false <= 0.06


def test_p_is_at_least_the_chance_that_no_image_was_drawn_that_failed_as_a_whole() -> None:
    """50 images, three of four answers right, none changed: a loss of 5 points is 1 in 15 images that loses three quarters."""
    shift = shift_of(sample(BEFORE), sample(BEFORE), ACCURACY)
    assert shift is not None and (shift.loss, shift.gain) == (pytest.approx(0.75), pytest.approx(0.25))
    found = above(shift, -0.05)
    assert found is not None and found.unseen == pytest.approx((14 / 15) ** 50)
    assert p_above(shift, -0.05) == max(found)
    assert (up := below(shift, 0.05)) is not None and up.unseen == pytest.approx(0.8**50)  # 1 in 5 that gains a quarter


def test_where_half_of_the_images_have_everything_a_failing_one_loses_everything() -> None:
    right = np.repeat([[4.0], [0.0]], 25, axis=0) @ np.ones((1, 4)) / 4
    shift = shift_of(sample(right), sample(right), ACCURACY)
    assert shift is not None and shift.before == 0.5 and (shift.loss, shift.gain) == (pytest.approx(1), pytest.approx(1))


def test_of_a_rating_it_is_known_what_an_image_can_lose_and_not_what_it_can_gain() -> None:
    shift = shift_of(sample(BEFORE), sample(flipped(BEFORE, 3, 5)), replace(ACCURACY, unit="score"))
    assert shift is not None and (shift.loss, shift.gain) == (pytest.approx(0.75), 0.0)


def test_so_many_items_are_needed_that_some_image_would_be_seen_which_fails_as_a_whole() -> None:
    """Two answers of 200 lost and two gained, 2 points away: ln 0.05 / ln(1 - 0.02 / 0.75) is 110.8 images of 4."""
    shift = shift_of(sample(BEFORE), sample(flipped(BEFORE, 2, 2)), ACCURACY)
    assert shift is not None and items_needed(shift, 200, -0.02, 0.05) == 444


def rated(bounds: tuple[float, float] | None) -> Formula:
    return ratio("rating", ["rating"], ["n"], bounds=bounds)


@pytest.mark.parametrize(
    ("bounds", "loss", "gain", "widest"),
    [
        (None, 0.5**2 / 0.5, 0.5, 1.0),  # a share: all images have 0.5
        ((-1.0, 1.0), 1.5, 0.5, 2.0),  # HallusionBench's difference of shares: down to -1
        ((0.0, math.inf), 0.5, 0.0, 0.0),  # LLaVA-Bench's relative score: how far it can rise is unknown
    ],
)
def test_how_far_an_image_can_move_is_by_the_range_of_the_metric(
    bounds: tuple[float, float] | None, loss: float, gain: float, widest: float
) -> None:
    values = np.column_stack([np.full(20, 0.5), np.ones(20)])
    data = Sample(("rating", "n"), values, np.arange(20))
    shift = shift_of(data, data, rated(bounds))
    assert shift is not None
    assert (shift.loss, shift.gain, shift.widest) == pytest.approx((loss, gain, widest))


def level(value: float, typical: float, loss: float = 0.0, gain: float = 0.0) -> Shift:
    """Nine images of one value."""
    return Shift(value, 0.0, value, np.full(9, value), typical, 1.0, 9, 8, loss, gain)


def test_three_quarters_of_an_image_stand_against_the_claim() -> None:
    # nine images of 0.1 and 0.75 of one at 0.1 - 0.5: 9 x 0.1 / (1 + 0.1 t) = 0.75 x 0.4 / (1 - 0.4 t) at t = 0.6 / 0.39
    t = 0.6 / 0.39
    ratio = 2 * (9 * math.log(1 + 0.1 * t) + 0.75 * math.log(1 - 0.4 * t))
    expected = pytest.approx(float(stdtr(8, -math.sqrt(ratio))))
    found, other = above(level(0.1, 0.5), 0.0), below(level(-0.1, 0.5), 0.0)
    assert found is not None and other is not None and (found.scatter, other.scatter) == (expected, expected)


def test_items_are_counted_until_images_that_rise_or_fall_as_a_whole_would_have_been_drawn() -> None:
    # 0.1 below the threshold where an image can rise by 1: 0.9^n = 0.05; 0.1 above it where one can fall by 0.5: 0.8^n
    assert items_needed(level(0.1, 0.01, loss=0.5, gain=1.0), 90, 0.2, 0.05) == math.ceil(10 * math.log(0.05) / math.log(0.9))
    assert items_needed(level(0.3, 0.01, loss=0.5, gain=1.0), 90, 0.2, 0.05) == math.ceil(10 * math.log(0.05) / math.log(0.8))
