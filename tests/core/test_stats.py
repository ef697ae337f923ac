"""harness/core/stats and the paired tests built on it: worked by hand, against scipy and statsmodels, by simulation."""

from dataclasses import replace

import numpy as np
import pytest
from pytest import approx

from harness.core.evaluation import Formula, Item, Score, over, ratio, rounded
from harness.core.run_record import BenchmarkResult, ProtocolRecord
from harness.core.stats import (
    SHARE,
    Linear,
    Sample,
    benjamini_hochberg,
    holm,
    interval,
    joint_quantile,
    limits_of,
    linearise,
    metrics,
    rank_biserial,
    resample,
    sample,
    unseen_variance,
)
from harness.core.stats.samples import columns_read, evaluate
from reports.values.paired import Pair, differences, pairs
from reports.values.seeds import seeds_of_difference

ACCURACY = ratio("accuracy", ["right"], ["asked"])
F1 = ratio("f1", ["tp", "tp"], ["tp", "tp", "fp", "fn"])


def scores_of(*rights: float) -> list[Score]:
    return [Score(str(i), {"right": right, "asked": 1.0}) for i, right in enumerate(rights)]


def items_of(n: int, per_image: int = 1) -> list[Item]:
    return [Item(str(i), f"{i // per_image}.jpg", "?") for i in range(n)]


# ---------------------------------------------------------------- values and intervals


def test_addends_are_summed_by_image():
    data = sample(["a", "a", "b"], scores_of(1, 0, 1))
    assert data.totals.tolist() == [[1, 2], [1, 1]]


def test_a_metric_is_its_formula_over_all_items():
    (metric,) = metrics(items_of(8), scores_of(1, 1, 1, 0, 1, 1, 1, 0), [ACCURACY])
    assert (metric.value, metric.n) == (0.75, 8)
    assert metric.low < 0.75 < metric.high


def test_n_counts_only_the_items_that_move_the_metric():
    scores = [Score("0", {"tp": 1}), Score("1", {"fp": 1}), Score("2", {"tn": 1}), Score("3", {"tn": 1})]
    (precision,) = metrics(items_of(4), scores, [ratio("precision", ["tp"], ["tp", "fp"])])
    assert precision.n == 2


def test_a_part_without_a_single_error_stays_in_the_mean_over_the_parts():
    """Nobody added an error of "easy": the mean was unknown without its right answers, which alone cannot move it."""

    def half(s, part):
        return over(s[f"{part}/right"], s[f"{part}/right"] + s[f"{part}/wrong"])

    both = Formula("accuracy", lambda s: (half(s, "easy") + half(s, "hard")) / 2)
    easy = [Score(str(i), {"easy/right": 1}) for i in range(4)]
    old = [*easy, *(Score(str(i), {"hard/right" if i % 2 else "hard/wrong": 1}) for i in range(4, 12))]
    new = [*easy, *(Score(str(i), {"hard/right" if i % 4 else "hard/wrong": 1}) for i in range(4, 12))]
    names = ("easy/right", "hard/right", "hard/wrong")
    before, after = (sample(range(12), scores, names) for scores in (old, new))
    (difference,) = differences(before, after, [both])
    assert difference.value == approx(0.125)  # (1 + 6/8) / 2 - (1 + 4/8) / 2
    assert metrics(items_of(12), old, [both])[0].n == 12


def test_what_a_formula_reads_without_an_effect_does_not_count():
    # reads all four cells, as POPE's precision did: three images with a yes are too few, whatever the others say
    def compute(s):
        tp, fp, _, _ = (s[k] for k in ("tp", "fp", "tn", "fn"))
        return over(tp, tp + fp)

    scores = [Score(str(i), {"tp": 1} if i < 3 else {"tn": 1}) for i in range(12)]
    (precision,) = metrics(items_of(12), scores, [Formula("precision", compute)])
    assert (precision.value, precision.n, precision.low) == (1.0, 3, None)


def test_a_formula_that_is_always_the_same_counts_what_it_reads():
    (judged,) = metrics(items_of(6), [Score(str(i), {"n": 1}) for i in range(6)], [ratio("judged", ["n"], ["n"])])
    assert (judged.value, judged.n) == (1.0, 6)


def test_rounding_noise_is_not_a_change_of_a_metric():
    # the same recall on both sides, in sums of which another part changed
    def change(i):
        return {"tp": 1.0, "fn": float(i == 0), "fp": float(i % 3)}, {"tp": 1.0, "fn": float(i == 0), "fp": float(i % 2)}

    names, recall = ("tp", "fn", "fp"), Formula("recall", lambda s: over(s["tp"], s["tp"] + s["fn"]) + 1e-30 * s["fp"])
    before, after = (sample(range(12), [Score(str(i), change(i)[k]) for i in range(12)], names) for k in (0, 1))
    (found,) = differences(before, after, [recall])
    # nothing changed on 12 images: t(11) squared, times the slope 0.9 / 12
    assert found.high == approx(2.2010**2 * 0.9 / 12, abs=1e-4)


def test_one_interval_of_several_that_hold_together_is_students_and_more_are_dunnetts():
    from scipy.stats import dunnett, t

    rng = np.random.default_rng(4)
    assert joint_quantile(rng.normal(size=(1, 40)), 39) == t.ppf(0.975, 39)
    groups = [rng.normal(size=30) for _ in range(4)]
    # differences to one control of equal size are correlated 1/2; 116 degrees of freedom
    half = np.array(
        [np.concatenate([-groups[0], *(g if i == j else 0 * g for j, g in enumerate(groups[1:]))]) for i in range(3)]
    )
    ours = joint_quantile(half / np.sqrt((half**2).sum(axis=1, keepdims=True)), 116)
    found = dunnett(*groups[1:], control=groups[0], random_state=1)
    interval = found.confidence_interval(0.95)
    error = (interval.high[0] - interval.low[0]) / 2 / np.sqrt(np.mean([g.var(ddof=1) for g in groups]) * 2 / 30)
    assert ours == approx(error, rel=0.02)


def test_a_ratio_without_a_denominator_is_unknown_and_says_why():
    (metric,) = metrics(items_of(2), scores_of(1, 0), [ratio("precision", ["tp"], ["tp", "fp"], unknown="never yes")])
    assert metric.value is None
    assert metric.why == "never yes"


def test_a_formula_that_divides_by_names_that_no_item_has_is_unknown():
    """Plain division, of a benchmark of another distribution: Python's 0 / 0 is an error, numpy's is not."""
    formula = Formula("of none", lambda sums: sums["x"] / sums["y"])
    (metric,) = metrics(items_of(2), scores_of(1, 0), [formula])
    assert metric.value is None


def test_no_scores_at_all_are_unknown_and_no_error():
    (metric,) = metrics([], [], [ACCURACY])
    assert (metric.value, metric.low, metric.n) == (None, None, 0)


def test_four_images_give_no_interval_however_many_questions():
    (metric,) = metrics(items_of(24, per_image=6), scores_of(*[1, 1, 0, 1, 0, 1] * 4), [ACCURACY])
    assert (metric.n, metric.low) == (24, None)


def test_all_right_is_not_certainty():
    # Clopper-Pearson for 12 of 12 images, whatever the number of questions: from 0.025 ** (1/12) = 0.7354 to 1
    for per_image in (1, 6):
        (metric,) = metrics(items_of(12 * per_image, per_image), scores_of(*[1] * 12 * per_image), [ACCURACY])
        assert (metric.low, metric.high) == (approx(0.7354, abs=1e-4), 1.0)


def test_the_interval_is_continuous_at_the_edge():
    # of 600 questions on 100 images: each further mistake on another image moves both ends a little, none jumps
    ends = []
    for wrong in range(6):
        right = [0.0 if i % 6 == 0 and i < 6 * wrong else 1.0 for i in range(600)]
        (metric,) = metrics(items_of(600, 6), scores_of(*right), [ACCURACY])
        ends.append((metric.low, metric.high))
    steps = np.abs(np.diff(ends, axis=0))
    assert ends[0] == (approx(0.9638, abs=1e-4), 1.0)
    assert steps.max() < 0.007
    assert steps[0, 0] <= steps[1, 0] + 5e-5  # from none wrong to one wrong no further than from one to two
    assert all(high < 1 for _, high in ends[1:])


def test_one_wrong_of_thirty_does_not_exclude_that_one_in_two_hundred_is():
    # at most 7 % see one wrong or more where the share is below 1 - 0.93^(1/30) = 0.24 %; the prior makes it a little less
    (metric,) = metrics(items_of(30), scores_of(0, *[1] * 29), [ACCURACY])
    assert 1 - metric.high == approx(0.0024, abs=2e-4)
    # Wilson's end would be 0.6 %: of sweeps with 99.5 % right one in seven would be below it
    assert metric.high > 0.995


def test_half_right_of_single_questions_is_wilsons_interval():
    from statsmodels.stats.proportion import proportion_confint

    (metric,) = metrics(items_of(80), scores_of(*[0, 1] * 40), [ACCURACY])
    assert (metric.low, metric.high) == approx(proportion_confint(40, 80, method="wilson"), abs=1e-3)


def test_the_interval_of_a_mean_without_skew_is_students():
    from scipy.stats import t

    values = np.linspace(10, 30, 41)
    scores = [Score(str(i), {"words": v, "n": 1.0}) for i, v in enumerate(values)]
    (metric,) = metrics(items_of(41), scores, [ratio("words", ["words"], ["n"], unit="words")])
    assert (metric.low, metric.high) == approx(t.interval(0.95, 40, 20, values.std(ddof=1) / 41**0.5))


def test_the_standard_error_is_that_of_statsmodels_over_clusters():
    import statsmodels.api as sm

    rng = np.random.default_rng(8)
    groups = np.repeat(np.arange(60), rng.integers(1, 9, 60))
    right = (rng.random(len(groups)) < rng.random(60)[groups]).astype(float)
    # Mancl and DeRouen's (2001), which weighs clusters of unequal size; without the jackknife's (G - 1) / G
    theirs = sm.GEE(right, np.ones(len(right)), groups=groups).fit(cov_type="bias_reduced")
    found = linearise(ACCURACY, sample(groups.tolist(), scores_of(*right)))
    # theirs is the slope at a point, ours over a standard error to each side
    assert found.moments.error2[0] ** 0.5 == approx(theirs.bse[0] * (59 / 60) ** 0.5, rel=2e-3)


def test_an_image_with_a_quarter_of_all_questions_counts_as_the_jackknife_counts_it():
    # 3 of 10 right on the large image; the others have 1 question, every second is right. Without an image the share is
    # (R - right) / (30 - asked): 15/20, 17/29 or 18/29; 18 of 30 in all
    right, images = [1.0] * 3 + [0.0] * 7 + [float(i % 4 > 0) for i in range(20)], [0] * 10 + list(range(1, 21))
    without = np.array([15 / 20] + [17 / 29 if i % 4 else 18 / 29 for i in range(20)])
    jackknife = (20 / 21 * ((without - without.mean()) ** 2).sum()) ** 0.5
    found = linearise(ACCURACY, sample(images, scores_of(*right)))
    assert found.value[0] == 18 / 30
    assert found.moments.error2[0] ** 0.5 == approx(jackknife, rel=0.03)  # 0.158 and 0.162
    assert found.moments.error2[0] ** 0.5 > 1.2 * 0.1209  # the delta method: root of (9 + 15 x 0.16 + 5 x 0.36) / 900


def test_images_of_unequal_weight_have_wider_intervals_for_the_same_standard_error():
    equal = Linear(*(np.array(x) for x in ([0.6], [[0.02, -0.02] * 20], [40.0], [0.0], [0.0], [40.0])))
    # two images with the parts of 18 each: (sum u^2)^2 / sum u^4 is 40, and 40^2 / (2 x 18^2 + 4) = 2.5; t(39) and t(6.4)
    unequal = replace(equal, parts=np.array([[0.02 * 18**0.5, -0.02 * 18**0.5] + [0.02, -0.02] * 2 + [0.0] * 34]))
    assert unequal.moments.error2 == approx(equal.moments.error2)
    widths = [float((high - low)[0]) for low, high in (limits_of(f, SHARE) for f in (equal, unequal))]
    assert widths[1] > 1.1 * widths[0]


def test_the_interval_of_a_rating_ends_at_the_best_rating():
    scores = [Score(str(i), {"rating": 6.0 if i else 5.0, "n": 1.0}) for i in range(30)]
    (metric,) = metrics(items_of(30), scores, [ratio("rating", ["rating"], ["n"], unit="points")])
    assert metric.high == 6.0
    assert 5 <= metric.low < 5.97


def of_one_split(right):
    """Image i is of split i modulo 3 alone: a mean over splits has no value for a single image."""
    return [Score(str(i), {f"{i % 3}/n": 1.0, f"{i % 3}/right": float(r)}) for i, r in enumerate(right)]


def mean_of_splits(times=1 / 3, **about):
    return Formula("mean", lambda s: times * sum(over(s[f"{j}/right"], s[f"{j}/n"]) for j in range(3)), **about)


@pytest.mark.parametrize("wrong", [0, 1, 3])
def test_a_share_that_no_single_image_has_is_an_interval_of_shares(wrong):
    right = [i >= wrong for i in range(60)]  # of splits of equal size: their mean is the accuracy
    (mean,) = metrics(items_of(60), of_one_split(right), [mean_of_splits()])
    (plain,) = metrics(items_of(60), scores_of(*map(float, right)), [ACCURACY])
    assert (mean.low, mean.high) == approx((plain.low, plain.high), abs=0.005)
    assert mean.high <= 1


@pytest.mark.parametrize("wrong", [0, 1, 3])
def test_a_score_of_a_stated_range_has_the_interval_of_a_share_of_it(wrong):
    scores = of_one_split([i >= wrong for i in range(60)])
    share, points = metrics(items_of(60), scores, [mean_of_splits(), mean_of_splits(200, unit="points", bounds=(0.0, 600.0))])
    assert (points.low, points.high) == approx((600 * share.low, 600 * share.high))


def test_a_difference_of_a_stated_range_is_that_of_a_share_of_it():
    sides = [sample(range(60), of_one_split([i >= wrong for i in range(60)])) for wrong in (4, 1)]
    share, points = differences(*sides, [mean_of_splits(), mean_of_splits(200, unit="points", bounds=(0.0, 600.0))])
    assert (points.low, points.high, points.p) == approx((600 * share.low, 600 * share.high, share.p))


def test_a_formula_beyond_the_range_that_it_states_is_no_share_of_it():
    scores = [Score(str(i), {"rating": 6.0 if i else 5.0, "n": 1.0}) for i in range(30)]
    (metric,) = metrics(items_of(30), scores, [ratio("rating", ["rating"], ["n"], unit="points", bounds=(0.0, 5.0))])
    assert 5 <= metric.low < metric.value < metric.high == 6.0


def test_a_formula_that_rounds_has_the_slope_of_the_one_that_does_not():
    rng = np.random.default_rng(2)
    scores = scores_of(*(rng.random(900) < 0.85).astype(float))
    plain = linearise(ACCURACY, sample([i // 3 for i in range(900)], scores))
    rounds = Formula("accuracy", lambda s: rounded(over(s["right"], s["asked"]), 3))
    stepped = linearise(rounds, sample([i // 3 for i in range(900)], scores))
    assert stepped.moments[0][0] ** 0.5 == approx(plain.moments[0][0] ** 0.5, rel=0.03)


def test_rounding_is_pythons_for_floats_arrays_and_numpy_scalars():
    value = 6.909 / 6.0 * 100  # 115.14999999999999, of which numpy makes 115.2
    assert [rounded(value, 1), rounded(np.float64(value), 1), *rounded(np.array([value, 0.25, np.nan]), 1)[:2]] == [
        115.1, 115.1, 115.1, 0.2,
    ]  # fmt: skip
    assert np.isnan(rounded(np.array([np.nan]), 1)).all() and rounded(np.array([[0.35, 0.45]]), 1).tolist() == [[0.3, 0.5]]


def test_the_same_scores_give_the_same_interval():
    scores = scores_of(*[1, 0, 1, 1, 0] * 8)
    assert metrics(items_of(40, 4), scores, [ACCURACY]) == metrics(items_of(40, 4), scores, [ACCURACY])


def test_resampled_counts_add_up_to_the_number_of_images():
    assert set(resample(np.ones((37, 1)), resamples=500)[:, 0]) == {37.0}


def test_the_interval_of_a_mean_is_that_of_scipy():
    from scipy.stats import bootstrap

    values = np.random.default_rng(1).normal(10, 3, 400)
    theirs = bootstrap((values,), np.mean, method="percentile", n_resamples=9999, rng=2).confidence_interval
    ours = interval(resample(values[:, None])[:, 0] / 400, 400)
    assert ours == approx((theirs.low, theirs.high), abs=0.03)


def test_few_clusters_widen_the_interval_to_the_t_interval():
    from scipy.stats import t

    values = np.random.default_rng(4).normal(0, 1, 12)
    low, high = interval(resample(values[:, None])[:, 0] / 12, 12)
    assert high - low == approx(2 * t.ppf(0.975, 11) * values.std(ddof=1) / 12**0.5, rel=0.06)


def test_unknown_resamples_take_the_interval_away():
    assert interval(np.array([np.nan] * 10 + [1.0] * 90), 50) == (None, None)


def test_fractions_are_summed_exactly_enough():
    totals = np.random.default_rng(0).random((50, 3))
    assert resample(totals, 200).mean(axis=0) == approx(totals.sum(axis=0), rel=0.05)


# ---------------------------------------------------------------- tests and sizes


def test_holm_is_that_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    ps = [0.01, 0.04, 0.03, 0.005, 0.5]
    assert holm(ps) == approx(multipletests(ps, method="holm")[1])


def test_holm_skips_what_is_unknown():
    assert holm([None, 0.02, None, 0.03]) == [None, approx(0.04), None, approx(0.04)]


def test_benjamini_hochberg_is_that_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    ps = [0.01, 0.04, 0.03, 0.005, 0.5]
    assert benjamini_hochberg(ps) == approx(multipletests(ps, method="fdr_bh")[1])
    assert benjamini_hochberg([None, 0.02, 0.03]) == [None, approx(0.03), approx(0.03)]


def test_rank_biserial_by_hand():
    # |changes| 1, 2, 3 have ranks 1, 2, 3; up: 1 + 3, down: 2; (4 - 2) / 6; a zero and an unknown do not count
    assert rank_biserial(np.array([1.0, -2.0, 3.0, 0.0, np.nan])) == approx(1 / 3)


def test_rank_biserial_shares_ranks_among_ties():
    assert rank_biserial(np.array([1.0, -1.0, 2.0])) == approx((1.5 - 1.5 + 3) / 6)


def test_rank_biserial_has_ties_whatever_rounding_made_of_equal_changes():
    assert rank_biserial(np.array([0.1 + 0.2, -0.3, 1.0])) == approx((1.5 - 1.5 + 3) / 6)


# ---------------------------------------------------------------- differences


def sides(old: list[float], new: list[float], per_image: int = 1) -> tuple[Sample, Sample]:
    clusters = [item.cluster for item in items_of(len(old), per_image)]
    names = ("right", "asked")
    return sample(clusters, scores_of(*old), names), sample(clusters, scores_of(*new), names)


def test_equal_answers_differ_by_nothing():
    (found,) = differences(*sides([1, 0, 1, 0, 1], [1, 0, 1, 0, 1]), [ACCURACY])
    assert (found.value, found.p, found.effect) == (0, 1, None)
    assert found.low == approx(-found.high)
    assert found.high > 0  # five images that did not change do not exclude that a sixth does


def test_a_difference_of_means_is_scipys_paired_t_test():
    from scipy.stats import ttest_rel

    rng = np.random.default_rng(6)
    old, new = rng.lognormal(3, 0.5, 40), rng.lognormal(3.2, 0.5, 40)
    before, after = (
        sample(range(40), [Score(str(i), {"w": v, "n": 1.0}) for i, v in enumerate(s)], ("w", "n")) for s in (old, new)
    )
    (found,) = differences(before, after, [ratio("words", ["w"], ["n"], unit="words")])
    theirs = ttest_rel(new, old)
    assert found.p == approx(theirs.pvalue)
    assert (found.low, found.high) == approx(tuple(theirs.confidence_interval(0.95)))


def test_interval_and_p_never_contradict_each_other():
    rng = np.random.default_rng(9)
    for _ in range(200):
        old, new = (rng.integers(0, 2, 60).astype(float) for _ in range(2))
        (found,) = differences(*sides(list(old), list(new), per_image=3), [ACCURACY])
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high)


def test_a_few_small_changes_are_tested_as_what_they_are():
    # 60 images of 6 questions; on 8 one answer is gained: t of 8 in 60 is as large as if whole images had changed
    small = differences(*sides([0.0] * 8 + [1.0] * 352, [1.0] * 360, per_image=6), [ACCURACY])[0]
    old = [float(i % 6 != 0 or i >= 48) for i in range(360)]
    spread = differences(*sides(old, [1.0] * 360, per_image=6), [ACCURACY])[0]
    whole = differences(*sides([0.0] * 8 + [1.0] * 52, [1.0] * 60), [ACCURACY])[0]
    assert spread.p == approx(whole.p)
    assert spread.p < 0.01 < small.p  # two images hold the first eight


def test_a_difference_is_wider_where_more_images_would_change():
    # 4 of 40 images gained their question. Parts 0.0225 x 4 and -0.0025 x 36: sum u^2 0.00225, u^3 4.5e-5 (freedom 7.6)
    found = differences(*sides([0.0] * 4 + [1.0] * 36, [1.0] * 40), [ACCURACY])[0]
    s2, up = 0.00225 * 40 / 39, (7.619 * 0.02 + 0.5 * 0.9 / 40) / 8.119
    error = ((7.619 * s2 + 0.5 * 3.5 / 40**2) / 8.119) ** 0.5
    assert found.error == approx(error, rel=1e-3)
    b = 2.0227**2 * up  # t(39)
    assert found.high - 0.1 == approx(b / 2 + (b * b / 4 + 2.0227**2 * error**2) ** 0.5, rel=1e-3)
    assert 0.1 - found.low == approx(2.0227 * error, rel=1e-3)


def test_few_changes_are_no_surer_than_a_sign_test():
    # of 30 single questions all changes are gains: exact sign test 0.0625 with 5 changes, 0.0156 with 7
    ps = [differences(*sides([0.0] * n + [1.0] * (30 - n), [1.0] * 30), [ACCURACY])[0].p for n in (5, 7)]
    assert ps[0] > 0.02
    assert ps[1] < 0.05


def pair(*sides: tuple[list[Score], Sample]) -> Pair:
    return pairs([(BenchmarkResult("b", ProtocolRecord({}), (), (), tuple(scores), ()), data) for scores, data in sides]).judged


def test_items_that_one_side_missed_are_left_out_and_counted():
    old, new = scores_of(1, 1, 0, 0), scores_of(1, 0, 1, 1)[1:]
    names, images = ("right", "asked"), ["a", "a", "b", "b"]
    both = pair((old, sample(images, old, names)), (new, sample(images[1:], new, names)))
    assert both.counts(ACCURACY) == (3, 1, 0)
    assert both.before.values[:, 0].tolist() == [1, 0, 0]
    assert both.before.cluster.tolist() == both.after.cluster.tolist() == [0, 1, 1]


def test_an_unjudged_score_is_left_out_of_the_pair():
    old, new = scores_of(1, 1, 0), [*scores_of(1, 1), Score("2", {}, flag="unjudged")]
    names, images = ("right", "asked"), ["a", "b", "c"]
    both = pair((old, sample(images, old, names)), (new, sample(images, new, names)))
    assert both.counts(ACCURACY) == (2, 1, 0)


def test_the_detectable_difference_is_2_8_standard_errors():
    rng = np.random.default_rng(0)
    old, new = (rng.integers(0, 2, 400).astype(float) for _ in range(2))
    (found,) = differences(*sides(list(old), list(new)), [ACCURACY])
    assert found.detectable(0.05) == approx(2.8016 * (new - old).std() / 20, rel=0.03)


def seeds_of(rng: np.random.Generator, scatter: float, n_seeds: int, n_images: int = 400) -> list[Linear]:
    """Seeds of a mean rating: images scatter by 1, seeds by `scatter`, no chance besides."""
    image = rng.normal(5, 1, n_images)
    rating, found = ratio("rating", ["s"], ["n"], unit="points"), []
    for shift in scatter * rng.normal(size=n_seeds):
        scores = [Score(str(i), {"s": v + shift, "n": 1.0}) for i, v in enumerate(image)]
        found.append(linearise(rating, sample(range(n_images), scores)))
    return found


def test_seed_scatter_and_item_scatter_are_told_apart():
    steady = seeds_of_difference(seeds_of(np.random.default_rng(0), 0, 3), False)
    assert (steady.between_seed_sd, steady.n_seeds) == (approx(0, abs=1e-9), 3)
    assert steady.item_error == approx(1 / 20, rel=0.1)
    assert steady.high - steady.low == approx(2 * 1.966 * steady.item_error, rel=1e-3)


def test_few_scattered_seeds_widen_the_interval_by_t():
    found = seeds_of_difference(seeds_of(np.random.default_rng(1), 2.0, 3), False)
    # t(2) = 4.303 times sd / sqrt(3), and the images' 1.966 / 20 of it as a square
    assert found.high - found.mean == approx(
        np.hypot(4.303 * found.between_seed_sd / 3**0.5, 1.966 * found.item_error), rel=1e-3
    )


def test_p_of_seeds_is_the_level_at_which_the_interval_touches_zero():
    base = seeds_of(np.random.default_rng(2), 0.3, 3)
    found = seeds_of_difference(base, False)
    by = replace_value(base, -found.low)  # moved so that the lower end stands on 0
    assert seeds_of_difference(by, False).p == approx(0.05, abs=1e-6)


def replace_value(seeds: list[Linear], shift: float) -> list[Linear]:
    return [replace(seed, value=seed.value + shift) for seed in seeds]


def test_one_seed_cannot_be_combined():
    assert seeds_of_difference(seeds_of(np.random.default_rng(0), 1, 1), False) is None


# ---------------------------------------------------------------- images that count on one side alone

CHAIR_I = ratio("chair_i", ["invented"], ["mentions"], better="lower")


def captions(invented: list[int], mentions: list[int]) -> Sample:
    return Sample(("invented", "mentions"), np.array([invented, mentions], dtype=np.float64).T, np.arange(len(mentions)))


BASE = captions([1, 0, 0, 1] * 10, [4] * 40)  # 12.5 % over 40 captions


def naming(captions_that_name: int, invented: int = 0) -> Sample:
    some = range(captions_that_name)
    return captions([int(n < invented) for n in some] + [0] * (40 - len(some)), [1 for _ in some] + [0] * (40 - len(some)))


def test_a_side_of_four_images_that_count_is_not_tested_however_many_the_other_has():
    for before, after in ((BASE, naming(4)), (naming(4), BASE)):
        (found,) = differences(before, after, [CHAIR_I])
        assert abs(found.value) == approx(0.125) and (found.p, found.low, found.high) == (None, None, None)


def test_captions_that_seldom_name_something_show_no_fall_by_being_right():
    for n in (5, 10, 20):  # 0 of 20 is as likely as 7 % where 12.5 % are invented
        (found,) = differences(BASE, naming(n), [CHAIR_I])
        assert found.p > 0.05 and found.low < 0 < found.high


def test_what_few_captions_invent_all_together_is_found():
    (found,) = differences(BASE, naming(10, invented=10), [CHAIR_I])
    assert found.p < 0.001 and found.low > 0.3


def test_where_all_images_count_on_both_sides_nothing_is_added():
    (found,) = differences(BASE, naming(40, invented=12), [CHAIR_I])
    assert found.freedom == 39
    assert unseen_variance(linearise(CHAIR_I, naming(40, 12)).minus(linearise(CHAIR_I, BASE))) == approx(0, abs=0)


def test_one_seed_that_names_almost_nothing_leaves_the_mean_of_seeds_untested():
    of_pairs = [
        linearise(CHAIR_I, side, np.ones(40, bool)).minus(linearise(CHAIR_I, BASE)) for side in (naming(40, 4), naming(3))
    ]
    assert seeds_of_difference(of_pairs, True).p is None
    enough = [
        linearise(CHAIR_I, side, np.ones(40, bool)).minus(linearise(CHAIR_I, BASE)) for side in (naming(40, 4), naming(30))
    ]
    assert seeds_of_difference(enough, True).p > 0.05


def test_a_formula_reads_on_behind_a_division_by_what_no_item_has():
    formula = Formula("m", lambda s: np.where(s["none"] > 0, s["gone"] / s["none"], 1.0) * s["right"] / s["asked"])
    assert columns_read(formula, Sample(("right", "asked"), np.ones((1, 2)), np.zeros(1, int))) == [0, 1]
    assert evaluate(formula, ("right", "asked"), np.array([[1.0, 2.0]])) == approx([0.5])
