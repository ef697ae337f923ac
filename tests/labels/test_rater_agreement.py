"""Agreement beyond chance: Cohen's kappa of two raters, Fleiss' kappa of several."""

import random

from pytest import approx

from harness.labels.rater_agreement import alpha, fleiss, kappa, quadratic_kappa


def test_kappa_by_hand():
    # agreed 0.7; by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5
    one, other = list("yyyyynnnnn"), list("yyyynnyynn")
    assert sum(a == b for a, b in zip(one, other)) == 7
    assert kappa(one, other) == approx(0.4)


def test_kappa_of_two_who_always_say_yes_is_unknown():
    assert kappa(["yes"] * 5, ["yes"] * 5) is None


def test_kappa_of_nothing_or_of_lists_that_do_not_belong_together_is_unknown():
    for measure in (kappa, quadratic_kappa):
        assert measure([], []) is None and measure([1, 2], [1]) is None


def test_fleiss_by_hand():
    # pairs that agree: 3 of 3, 1 of 3, 1 of 3, so 5/9; words: 6 a and 3 b of 9, so chance is 36/81 + 9/81 = 5/9
    assert fleiss(["aaa", "aab", "bba"]) == approx(0)
    # two raters on an item, three on the other: pairs 0 and 1; words: 1 a, 4 b of 5, so chance is 17/25
    assert fleiss(["ab", "bbb"]) == approx((0.5 - 0.68) / (1 - 0.68))


def test_fleiss_is_statsmodels_with_equal_numbers_of_raters():
    from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

    draw = random.Random(0)
    items = [[draw.choice("rrrwa") for _ in range(4)] for _ in range(60)]
    table, _ = aggregate_raters([[ord(word) for word in words] for words in items])
    assert fleiss(items) == approx(fleiss_kappa(table))


def test_items_with_one_rater_tell_nothing_of_agreement():
    assert fleiss(["aaa", "aab", "bba", "a", "b", ""]) == fleiss(["aaa", "aab", "bba"])


def test_fleiss_of_all_the_same_word_or_of_nothing_is_unknown():
    assert fleiss(["aaa", "aaa"]) is None
    assert fleiss([]) is None


def test_alpha_is_krippendorffs_published_example():
    """Four observers, twelve units, missing values (Krippendorff 2011, example C): 0.743."""
    observers = ("123321412...", "1233224125.3", ".33323422" + "51.", "123324412" + "51.")
    units = [[o[i] for o in observers if o[i] != "."] for i in range(12)]
    assert alpha(units) == approx(0.743, abs=5e-4)


def test_alpha_of_one_judgement_throughout_is_unknown():
    assert alpha(["aa", "aaa"]) is None and alpha(["a", "b"]) is None
