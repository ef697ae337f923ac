"""harness/core/stats.py and the paired tests built on it: worked by hand, against scipy and statsmodels, by simulation."""

import numpy as np
import pytest
from pytest import approx

from harness.core.evaluation import Item, Score, ratio
from harness.core.stats import Sample, holm, interval, mcnemar, metrics, rank_biserial, resample, sample, swap
from reports.values.paired import differences, pair
from reports.values.seeds import combine_seeds

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


def test_a_ratio_without_a_denominator_is_unknown_and_says_why():
    (metric,) = metrics(items_of(2), scores_of(1, 0), [ratio("precision", ["tp"], ["tp", "fp"], unknown="never yes")])
    assert metric.value is None
    assert metric.why == "never yes"


def test_no_scores_at_all_are_unknown_and_no_error():
    (metric,) = metrics([], [], [ACCURACY])
    assert (metric.value, metric.low, metric.n) == (None, None, 0)


def test_four_images_give_no_interval_however_many_questions():
    (metric,) = metrics(items_of(24, per_image=6), scores_of(*[1, 1, 0, 1, 0, 1] * 4), [ACCURACY])
    assert (metric.n, metric.low) == (24, None)


def test_all_right_is_not_certainty():
    # Clopper-Pearson for 12 of 12: from 0.025 ** (1/12) = 0.7353 to 1
    (metric,) = metrics(items_of(12), scores_of(*[1] * 12), [ACCURACY])
    assert metric.low == approx(0.7353, abs=1e-4)
    assert metric.high == 1.0


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


def test_mcnemar_is_that_of_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar as theirs

    for gained, lost in [(5, 0), (9, 2), (30, 41), (1, 1)]:
        assert mcnemar(gained, lost) == approx(theirs([[50, gained], [lost, 50]], exact=True).pvalue)


def test_nothing_changed_is_p_one():
    assert mcnemar(0, 0) == 1.0


def test_holm_is_that_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    ps = [0.01, 0.04, 0.03, 0.005, 0.5]
    assert holm(ps) == approx(multipletests(ps, method="holm")[1])


def test_holm_skips_what_is_unknown():
    assert holm([None, 0.02, None, 0.03]) == [None, approx(0.04), None, approx(0.04)]


def test_rank_biserial_by_hand():
    # |changes| 1, 2, 3 have ranks 1, 2, 3; up: 1 + 3, down: 2; (4 - 2) / 6; a zero and an unknown do not count
    assert rank_biserial(np.array([1.0, -2.0, 3.0, 0.0, np.nan])) == approx(1 / 3)


def test_rank_biserial_shares_ranks_among_ties():
    assert rank_biserial(np.array([1.0, -1.0, 2.0])) == approx((1.5 - 1.5 + 3) / 6)


# ---------------------------------------------------------------- differences


def sides(old: list[float], new: list[float], per_image: int = 1) -> tuple[Sample, Sample]:
    clusters = [item.cluster for item in items_of(len(old), per_image)]
    names = ("right", "asked")
    return sample(clusters, scores_of(*old), names), sample(clusters, scores_of(*new), names)


def test_equal_answers_differ_by_nothing():
    (found,) = differences(*sides([1, 0, 1, 0, 1], [1, 0, 1, 0, 1]), [ACCURACY])
    assert (found.value, found.low, found.high, found.p, found.effect) == (0, 0, 0, 1, None)


def test_single_right_or_wrong_items_get_mcnemars_test():
    (found,) = differences(*sides([0] * 6 + [1] * 6, [1] * 12), [ACCURACY])
    assert found.p == approx(2 * 0.5**6)
    assert found.test.startswith("McNemar")


def test_several_items_an_image_do_not():
    (found,) = differences(*sides([0] * 6 + [1] * 6, [1] * 12, per_image=2), [ACCURACY])
    assert "swaps" in found.test


def test_swapping_single_items_agrees_with_mcnemar():
    # a half-point makes the items no longer right-or-wrong, so the general test runs on nearly the same data
    old, new = [0] * 14 + [1] * 30 + [0.5], [1] * 9 + [0] * 5 + [1] * 27 + [0] * 3 + [0.5]
    (general,) = differences(*sides(old, new), [ACCURACY])
    assert general.p >= mcnemar(9, 3) * 0.9


def test_items_that_one_side_missed_are_left_out_and_counted():
    old, new = scores_of(1, 1, 0, 0), scores_of(1, 0, 1, 1)[1:]
    names, images = ("right", "asked"), ["a", "a", "b", "b"]
    both = pair(old, sample(images, old, names), new, sample(images[1:], new, names))
    assert both.counts(ACCURACY) == (3, 1)
    assert both.before.values[:, 0].tolist() == [1, 0, 0]
    assert both.before.cluster.tolist() == both.after.cluster.tolist() == [0, 1, 1]


def test_an_unjudged_score_is_left_out_of_the_pair():
    old, new = scores_of(1, 1, 0), [*scores_of(1, 1), Score("2", {}, flag="unjudged")]
    names, images = ("right", "asked"), ["a", "b", "c"]
    both = pair(old, sample(images, old, names), new, sample(images, new, names))
    assert both.counts(ACCURACY) == (2, 1)


def test_the_detectable_difference_is_2_8_standard_errors():
    rng = np.random.default_rng(0)
    old, new = (rng.integers(0, 2, 400).astype(float) for _ in range(2))
    (found,) = differences(*sides(list(old), list(new)), [ACCURACY])
    assert found.detectable(0.05) == approx(2.8016 * (new - old).std() / 20, rel=0.03)


def test_seed_scatter_and_item_scatter_are_told_apart():
    steady = combine_seeds([0.5, 0.5, 0.5], [np.random.default_rng(0).normal(0.5, 0.02, 1000)] * 3, 500)
    assert (steady.between_seed_sd, steady.n_seeds) == (0, 3)
    assert steady.high - steady.low == approx(2 * 1.96 * 0.02, rel=0.1)


def test_few_scattered_seeds_widen_the_interval_by_t():
    # seeds 0.4, 0.5, 0.6: sd 0.1, its mean's error 0.0577, t(2) = 4.303
    found = combine_seeds([0.4, 0.5, 0.6], [np.full(1000, v) for v in (0.4, 0.5, 0.6)], 500)
    assert found.high - found.mean == approx(4.303 * 0.1 / 3**0.5, rel=1e-3)


def test_one_seed_cannot_be_combined():
    assert combine_seeds([0.5], [np.zeros(10)], 500) is None


# ---------------------------------------------------------------- proofs


def clustered(rng: np.random.Generator, shift: float = 0.0, n_images: int = 500, per_image: int = 6) -> tuple:
    """Right or wrong, (images, questions): beta-binomial, mean 0.8, correlation 0.3 within an image."""
    spread = 1 / 0.3 - 1
    skill = rng.beta(0.8 * spread, 0.2 * spread, n_images)
    labels = np.arange(per_image) % 2 == 0
    right = rng.random((n_images, per_image)) < skill[:, None] + shift
    return right, labels


def as_sample(right: np.ndarray, labels: np.ndarray) -> Sample:
    yes = np.where(right, labels, ~labels)
    tp, fp, fn = yes & labels, yes & ~labels, ~yes & labels
    values = np.stack([right, np.ones_like(right), tp, fp, fn], axis=-1).reshape(-1, 5).astype(float)
    return Sample(("right", "asked", "tp", "fp", "fn"), values, np.repeat(np.arange(len(right)), right.shape[1]))


@pytest.mark.slow
def test_intervals_cover_the_truth_as_often_as_they_promise():
    """95 % intervals over images cover in 93-97 % of 1,000 sweeps; those over single questions in under 90 %."""
    from harness.core.stats import evaluate

    rng = np.random.default_rng(0)
    truth = {"accuracy": 0.8, "f1": 0.8}  # by symmetry: half the labels are yes, mistakes fall on both alike
    hits = {"accuracy": 0, "f1": 0, "unclustered": 0}
    for _ in range(1000):
        right, labels = clustered(rng)
        data = as_sample(right, labels)
        drawn = resample(data.totals, resamples=800)
        for formula in (ACCURACY, F1):
            low, high = interval(evaluate(formula, data.names, drawn), 500)
            hits[formula.name] += low <= truth[formula.name] <= high
        error = 1.96 * right.std() / right.size**0.5
        hits["unclustered"] += abs(right.mean() - 0.8) <= error
    assert 930 <= hits["accuracy"] <= 970, hits
    assert 930 <= hits["f1"] <= 970, hits
    assert hits["unclustered"] < 900, hits


@pytest.mark.slow
def test_the_paired_test_raises_false_alarms_as_often_as_it_promises(monkeypatch):
    """Two models with the same skill on each image: p < 0.05 in 4-6 % of 1,000 sweeps."""
    import reports.values.paired as paired

    monkeypatch.setattr(paired, "swap", lambda totals: swap(totals, 600))
    rng = np.random.default_rng(1)
    alarms, n = 0, 1000
    spread, labels = 1 / 0.3 - 1, np.arange(6) % 2 == 0
    for _ in range(n):
        skill = rng.beta(0.8 * spread, 0.2 * spread, 500)[:, None]
        old, new = (as_sample(rng.random((500, 6)) < skill, labels) for _ in range(2))
        old._drawn, new._drawn = resample(old.totals, 600), resample(new.totals, 600)
        (found,) = paired.differences(old, new, [ACCURACY])
        alarms += found.p < 0.05
    assert 0.04 <= alarms / n <= 0.06, alarms / n
