"""Numbers of a report that independent code found wrong, each with the right value."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from harness.core.evaluation import Item, Score, ratio
from harness.core.stats import metrics, rank_biserial, sample
from reports.comparison.compare import compare
from reports.comparison.length import _groups
from reports.page.objects import objects_views
from reports.values.details import ObjectCount
from reports.values.paired import differences, pair
from reports.values.seeds import combine_seeds
from reports.writers import csv as csv_writer
from reports.writers import json as json_writer

TINY = 3.2e-14


def with_p(comparison, p: float):
    """The same comparison, every difference with this p."""

    def changed(row):
        cells = tuple(
            c and (replace(c, difference=replace(c.difference, p=p), p_holm=p) if c.difference else c) for c in row.cells
        )
        return replace(row, cells=cells)

    return replace(comparison, rows=tuple(map(changed, comparison.rows)))


def test_a_tiny_p_is_not_zero_in_json_and_csv(record) -> None:
    made = with_p(compare([record]), TINY)
    cells = [
        cell for row in json.loads(json_writer.write(made))["rows"] for cell in row["cells"] if cell and cell["difference"]
    ]
    assert cells and {cell["p_holm"] for cell in cells} == {cell["difference"]["p"] for cell in cells} == {TINY}
    rows = [row for row in csv.DictReader(io.StringIO(csv_writer.write(made))) if row["p"]]
    assert rows and {float(row["p"]) for row in rows} == {float(row["p_holm"]) for row in rows} == {TINY}


def test_json_has_confusions_and_length_curves(record) -> None:
    document = json.loads(json_writer.write(compare([record])))
    assert document["confusions"] and "length_curves" in document


def test_equal_changes_are_ties_whatever_rounding_made_of_them() -> None:
    changes = np.array([0.1 + 0.2, 0.3, -0.3, -(0.1 + 0.2), 0.6])
    assert rank_biserial(changes) == pytest.approx((2.5 + 2.5 - 2.5 - 2.5 + 5) / 15)


def test_a_run_whose_arms_are_not_swept_yet_shows_its_base_as_the_base(make) -> None:
    whole, half = make.record("first"), make.record("second", seed=2)
    base = half.sweeps[0]
    other = replace(base, checkpoint=replace(base.checkpoint, digest="f" * 64))
    half = replace(half, sweeps=(other,), complete=False, config_yaml="name: second\narms:\n- name: dpo\n")
    assert [column.label for column in compare([whole, half]).columns][-1] == "second: base"
    only = replace(half, config_yaml="name: second\narms: []\n")
    assert [column.label for column in compare([whole, only]).columns][-1] == "second"


def test_answers_of_one_length_are_grouped_alike_in_any_order_of_the_file() -> None:
    said = [(10, n, Score(f"item {n}", {})) for n in range(42)] + [(n, n, Score(f"item {n + 42}", {})) for n in range(11, 65)]
    groups, backwards = _groups(said), _groups(reversed(said))
    assert [len(group) for group in groups] == [24] * 4
    assert [{entry[2].item_id for entry in group} for group in groups] == [{e[2].item_id for e in group} for group in backwards]


def test_what_stands_beside_an_invention_is_added_up_over_columns_before_it_is_cut(record) -> None:
    many = {f"a{n}": 2 for n in range(5)} | {"fork": 1}
    others = {f"b{n}": 2 for n in range(5)} | {"fork": 1}
    counts = [
        ObjectCount("chair", "cup", column, {"invented": 1.0}, seen) for column, seen in (("base", many), ("dpo", others))
    ]
    counts += [ObjectCount("chair", "cup", "ipo", {"invented": 1.0}, {"fork": 1})]
    (view,) = objects_views(replace(compare([record]), objects=tuple(counts)))
    assert view.objects[0].seen_with.split(", ")[0] == "fork"


SLICE = ratio("accuracy", ["rare/right"], ["rare/n"], group="rare")
NAMES = ("rare/right", "rare/n", "n")


def sliced(rights: list[int], n_images: int = 100) -> tuple[list[Item], list[Score]]:
    """One question an image, the first of them of the slice."""
    items = [Item(str(i), f"{i}.jpg", "?") for i in range(n_images)]
    scores = [Score(str(i), {"rare/right": right, "rare/n": 1.0}) for i, right in enumerate(rights)]
    return items, scores + [Score(item.id, {"n": 1.0}) for item in items[len(rights) :]]


def test_none_right_in_a_slice_of_twelve_images_is_exact_for_twelve() -> None:
    # Clopper-Pearson for 0 of 12: 1 - 0.025 ** (1/12) = 0.2646
    (metric,) = metrics(*sliced([0] * 12), [SLICE])
    assert (metric.n, metric.low, metric.high) == (12, 0.0, pytest.approx(0.2646, abs=1e-4))


def test_a_slice_of_fewer_than_five_images_has_no_interval_and_no_test() -> None:
    (metric,) = metrics(*sliced([1] * 3), [SLICE])
    assert (metric.value, metric.low, metric.high) == (1.0, None, None)
    (found,) = sides([1, 1, 0, 0], [1, 0, 1, 1])
    assert (found.value, found.low, found.p) == (0.25, None, None)


def sides(old: list[int], new: list[int]):
    images = [str(i) for i in range(100)]
    before, after = (sample(images, sliced(rights)[1], NAMES) for rights in (old, new))
    return differences(before, after, [SLICE])


def test_a_slice_of_six_images_is_widened_as_six_images_are() -> None:
    # t(5) at 97.5 % is 2.571; the slice's size varies between resamples, so a little more than sqrt(var / 6)
    (found,) = sides([0, 0, 0, 1, 1, 0], [1, 1, 1, 1, 1, 0])
    alone = differences(*(sample(range(6), sliced(r, 6)[1], NAMES) for r in ([0, 0, 0, 1, 1, 0], [1, 1, 1, 1, 1, 0])), [SLICE])
    assert found.high - found.low >= alone[0].high - alone[0].low


def test_pairs_of_a_slice_are_counted_within_it() -> None:
    old, new = sliced([1] * 8)[1], sliced([1] * 8)[1]
    left, right = old[1:], new[:-2]  # one item of the slice has no answer before, two others have none after
    images = [score.item_id for score in old]
    both = pair(left, sample(images[1:], left, NAMES), right, sample(images[:-2], right, NAMES))
    assert both.counts(SLICE) == (7, 1)
    assert both.counts(ratio("all", ["rare/n", "n"], ["rare/n", "n"])) == (97, 3)


def test_constant_scores_have_no_interval_of_no_width() -> None:
    scores = [Score(str(i), {"points": 3.0, "n": 1.0}) for i in range(12)]
    rating = ratio("rating", ["points"], ["n"], unit="points")
    (metric,) = metrics([Item(str(i), f"{i}.jpg", "?") for i in range(12)], scores, [rating])
    assert (metric.value, metric.low, metric.high) == (3.0, None, None)


def test_seeds_over_fewer_than_five_images_have_no_interval_and_no_test() -> None:
    found = combine_seeds([0.3, 0.32, 0.31], [np.random.default_rng(0).normal(0.31, 0.01, 1000)] * 3, 4)
    assert (found.mean, found.low, found.high, found.p, found.detectable) == (pytest.approx(0.31), None, None, None, None)


def test_seeds_that_agree_have_the_t_interval_of_their_images() -> None:
    # 12 image means, the same in three seeds: t(11) = 2.201, standard error sd / sqrt(12)
    from scipy.stats import t, ttest_1samp

    images = np.random.default_rng(2).normal(0.1, 0.2, 12)
    drawn = images[np.random.default_rng(3).integers(0, 12, (20_000, 12))].mean(axis=1)
    found = combine_seeds([float(images.mean())] * 3, [drawn] * 3, 12)
    assert found.high - found.mean == pytest.approx(t.ppf(0.975, 11) * images.std(ddof=1) / 12**0.5, rel=0.02)
    assert found.p == pytest.approx(ttest_1samp(images, 0).pvalue, abs=0.005)


def test_limits_of_seeds_stay_within_what_is_possible() -> None:
    drawn = [np.random.default_rng(0).normal(0.97, 0.01, 1000)] * 3
    assert combine_seeds([0.93, 0.98, 1.0], drawn, 60, (0.0, 1.0)).high == 1.0


def test_seeds_that_never_scatter_are_not_certain() -> None:
    found = combine_seeds([0.0] * 3, [np.zeros(1000)] * 3, 60)
    assert (found.low, found.high, found.p) == (None, None, 1.0)
    assert combine_seeds([1.0] * 3, [np.ones(1000)] * 3, 60).p is None


def test_an_effect_never_has_the_other_sign_than_its_difference() -> None:
    # by image: 5 fall from 1/2 to 0 and 4 rise from 0 to 1/4 of 40 questions: effect -, difference (40 - 5) / 170 +
    images = [str(i) for i in range(9)]
    old = [Score(i, {"right": 1.0, "n": 2.0} if int(i) < 5 else {"n": 40.0}) for i in images]
    new = [Score(i, {"n": 2.0} if int(i) < 5 else {"right": 10.0, "n": 40.0}) for i in images]
    before, after = (sample(images, scores, ("right", "n")) for scores in (old, new))
    (found,) = differences(before, after, [ratio("share", ["right"], ["n"])])
    assert (found.value, found.effect) == (pytest.approx(35 / 170), None)
