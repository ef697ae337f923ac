"""Numbers of a report that independent code found wrong, each with the right value."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtr

from harness.core import registry
from harness.core.evaluation import Formula, Item, Score, ratio
from harness.core.run_record import BenchmarkResult, ProtocolRecord
from harness.core.stats import (
    Linear,
    Sample,
    holm,
    joint_quantile,
    limits,
    linearise,
    mean_of,
    metrics,
    possible,
    rank_biserial,
    sample,
)
from reports.comparison.compare import compare
from reports.comparison.length import _groups
from reports.page.objects import objects_views
from reports.values.details import ObjectCount
from reports.values.paired import Difference, differences, pairs
from reports.values.seeds import seeds_of_difference, seeds_of_metric
from reports.values.table import Unit
from reports.writers import csv as csv_writer
from reports.writers import html as html_writer
from reports.writers import json as json_writer
from reports.writers import latex as latex_writer
from reports.writers import markdown as markdown_writer

TINY = 3.2e-14


def with_p(comparison, p: float):
    """The same comparison, every difference with this p."""

    def changed(row):
        cells = tuple(
            c and (replace(c, difference=replace(c.difference, p=p), p_holm=p) if c.difference else c) for c in row.cells
        )
        return replace(row, cells=cells)

    return replace(comparison, rows=tuple(map(changed, comparison.rows)))


def test_a_tiny_p_is_not_zero_in_json_and_csv(compared) -> None:
    made = with_p(compared, TINY)
    cells = [
        cell for row in json.loads(json_writer.write(made))["rows"] for cell in row["cells"] if cell and cell["difference"]
    ]
    assert cells and {cell["p_holm"] for cell in cells} == {cell["difference"]["p"] for cell in cells} == {TINY}
    rows = [row for row in csv.DictReader(io.StringIO(csv_writer.write(made))) if row["p"]]
    assert rows and {float(row["p"]) for row in rows} == {float(row["p_holm"]) for row in rows} == {TINY}


def test_what_is_kept_of_a_sample_is_of_its_formula_and_of_the_items_that_count() -> None:
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.integers(0, 2, 40), np.ones(40)]).astype(float)
    values[:8] = 0
    first, second = ratio("x", ["a"], ["b"]), ratio("x", ["b"], ["a"], unit="")
    kept, every = Sample(("a", "b"), values, np.arange(40)), np.ones(40, dtype=np.bool_)
    for formula in (first, second):
        for moved in (None, every):
            alone = Sample(("a", "b"), values, np.arange(40))
            ours, fresh = linearise(formula, kept, moved), linearise(formula, alone, moved)
            assert (ours.value, ours.clusters) == (fresh.value, fresh.clusters) == (fresh.value, 32 if moved is None else 40)
            assert np.array_equal(ours.parts, fresh.parts)
            assert possible(formula, kept) == possible(formula, alone)


def test_joint_intervals_of_other_parts_are_others() -> None:
    parts = np.random.default_rng(0).normal(size=(2, 30))
    alike = np.array([parts[0], parts[0] + parts[1] / 10])
    reach = [joint_quantile(one, 29) for one in (parts, alike, parts)]
    assert reach[0] == reach[2] > reach[1] and joint_quantile(parts, 5) > reach[0]


def test_json_has_confusions_and_length_curves(compared) -> None:
    document = json.loads(json_writer.write(compared))
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


def test_what_stands_beside_an_invention_is_added_up_over_columns_before_it_is_cut(compared) -> None:
    many = {f"a{n}": 2 for n in range(5)} | {"fork": 1}
    others = {f"b{n}": 2 for n in range(5)} | {"fork": 1}
    counts = [
        ObjectCount("chair", "cup", column, {"invented": 1.0}, seen) for column, seen in (("base", many), ("dpo", others))
    ]
    counts += [ObjectCount("chair", "cup", "ipo", {"invented": 1.0}, {"fork": 1})]
    (view,) = objects_views(replace(compared, objects=tuple(counts)))
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
    (found,) = sides([0, 0, 0, 1, 1, 0], [1, 1, 1, 1, 1, 0])
    alone = differences(*(sample(range(6), sliced(r, 6)[1], NAMES) for r in ([0, 0, 0, 1, 1, 0], [1, 1, 1, 1, 1, 0])), [SLICE])
    assert (found.low, found.high, found.p) == pytest.approx((alone[0].low, alone[0].high, alone[0].p))


def test_pairs_of_a_slice_are_counted_within_it() -> None:
    old, new = sliced([1] * 8)[1], sliced([1] * 8)[1]
    left, right = old[1:], new[:-2]  # one item of the slice has no answer before, two others have none after
    images = [score.item_id for score in old]
    answered = ((left, images[1:]), (right, images[:-2]))
    sides = [(BenchmarkResult("b", ProtocolRecord({}), (), (), tuple(s), ()), sample(i, s, NAMES)) for s, i in answered]
    both = pairs(sides).judged
    assert both.counts(SLICE) == (7, 1, 0)
    assert both.counts(ratio("all", ["rare/n", "n"], ["rare/n", "n"])) == (97, 3, 0)


def test_constant_scores_have_no_interval_of_no_width() -> None:
    scores = [Score(str(i), {"points": 3.0, "n": 1.0}) for i in range(12)]
    rating = ratio("rating", ["points"], ["n"], unit="points")
    (metric,) = metrics([Item(str(i), f"{i}.jpg", "?") for i in range(12)], scores, [rating])
    assert (metric.value, metric.low, metric.high) == (3.0, None, None)


def seeds_on(images: list[list[float]], n: float = 10.0) -> tuple[list[Linear], list[Sample]]:
    """Shares of n questions, a list of images a seed."""
    share = ratio("share", ["right"], ["n"])
    samples = [
        sample(range(len(one)), [Score(str(i), {"right": n * v, "n": n}) for i, v in enumerate(one)], ("right", "n"))
        for one in images
    ]
    return [linearise(share, one) for one in samples], samples


def test_seeds_over_fewer_than_five_images_have_no_interval_and_no_test() -> None:
    found = seeds_of_difference(seeds_on([[0.3, 0.2, 0.4, 0.3], [0.3, 0.3, 0.4, 0.3]])[0], True)
    assert (found.mean, found.low, found.high, found.p, found.error) == (pytest.approx(0.3125), None, None, None, None)


def test_seeds_that_agree_have_the_t_interval_of_their_images() -> None:
    from scipy.stats import t, ttest_1samp

    images = np.random.default_rng(2).uniform(-0.2, 0.4, 12)
    found = seeds_of_difference(seeds_on([images.tolist()] * 3)[0], False)
    assert found.high - found.mean == pytest.approx(t.ppf(0.975, 11) * images.std(ddof=1) / 12**0.5)
    assert found.p == pytest.approx(ttest_1samp(images, 0).pvalue, rel=1e-6)


def of_metric(images: list[list[float]]):
    found, samples = seeds_on(images)
    share = ratio("share", ["right"], ["n"])
    return seeds_of_metric(found, limits(share, samples, mean_of(found)), possible(share, *samples))


def test_limits_of_seeds_stay_within_what_is_possible() -> None:
    found = of_metric([[0.9] * 5 + [1.0] * 55, [1.0] * 60, [0.7] * 10 + [1.0] * 50])
    assert found.low < found.mean < found.high <= 1.0


def test_seeds_that_never_scatter_are_not_certain() -> None:
    found = of_metric([[0.0] * 60] * 3)  # Clopper-Pearson for 0 of 60 images
    assert (found.low, found.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 60)))
    both, _ = seeds_on([[0.0] * 60] * 3)
    assert seeds_of_difference([one.minus(one) for one in both], True).p == 1.0


def effect_of(old: list[dict[str, float]], new: list[dict[str, float]], formula: Formula) -> tuple[float, float | None]:
    images, names = [str(i) for i in range(len(old))], tuple({name for values in (*old, *new) for name in values})
    before, after = (sample(images, [Score(i, v) for i, v in zip(images, s)], names) for s in (old, new))
    (found,) = differences(before, after, [formula])
    return found.value, found.effect


def test_an_effect_ranks_what_each_image_adds_to_the_difference() -> None:
    # 5 images fall from 1/2 to 0 (-1/170 each), 4 rise from 0 to 10 of 40 questions (+10/170): ranks 5 x 3 and 4 x 7.5
    old = [{"right": 1.0, "n": 2.0}] * 5 + [{"n": 40.0}] * 4
    new = [{"n": 2.0}] * 5 + [{"right": 10.0, "n": 40.0}] * 4
    assert effect_of(old, new, ratio("share", ["right"], ["n"])) == (pytest.approx(35 / 170), pytest.approx((30 - 15) / 45))


def test_a_metric_of_all_images_together_has_an_effect_of_its_own_sign() -> None:
    # |sum right - sum p| / n, as in ECE: every image alone is 0.2 from calibrated; all together 0, then three move it to 0.1
    off = Formula("off", lambda sums: abs(sums["right"] - sums["p"]) / sums["n"], better="lower")
    calibrated = [{"right": 1.0, "p": 0.8, "n": 1.0}, {"p": 0.2, "n": 1.0}] * 5
    value, effect = effect_of(calibrated, calibrated[:7] + [{"p": 0.4, "n": 1.0}] * 3, off)
    assert (value, effect) == (pytest.approx(0.1), 1.0)


def test_an_effect_never_has_the_other_sign_than_its_difference() -> None:
    old, new = [{"n": 1.0}] * 9, [{"s": -1.0, "n": 1.0}] * 8 + [{"s": 9.0, "n": 1.0}]  # effect (9 - 36) / 45, sum +1
    assert effect_of(old, new, ratio("mean", ["s"], ["n"], unit="points")) == (pytest.approx(1 / 9), None)


def test_what_is_called_detectable_is_found_four_times_in_five_among_seven_tests() -> None:
    tests, freedom = 7, 99

    def found(shift: float) -> float:  # how often Holm's correction among seven tests marks the first, all truly changed
        rows = shift + np.random.default_rng(3).standard_t(freedom, (2000, tests))
        return float(np.mean([(holm((2 * stdtr(freedom, -abs(row))).tolist())[0] or 0) < 0.05 for row in rows]))

    one = Difference(0.0, None, None, None, None, 1.0, freedom, "")
    assert 0.8 <= found(one.detectable(0.05 / tests)) < 0.97
    assert found(one.detectable(0.05)) < 0.8  # the one of a single test is not enough


def test_nothing_is_called_detectable_where_nothing_scatters() -> None:
    images = [str(i) for i in range(9)]
    same = sample(images, [Score(i, {"words": 3.0 + int(i), "n": 1.0}) for i in images], ["words", "n"])
    (found,) = differences(same, same, [ratio("length", ["words"], ["n"], unit="words")])
    assert (found.value, found.p, found.error, found.detectable(0.05)) == (0.0, 1.0, None, None)


def test_a_table_states_what_is_detectable_after_its_correction(compared) -> None:
    rows = compared.short.rows
    for headline in (True, False):
        cells = [row.cells[1] for row in rows if row.headline == headline and row.cells[1].difference.p is not None]
        assert cells and all(cell.detectable == cell.difference.detectable(0.05 / len(cells)) for cell in cells)


def test_no_table_calls_a_difference_of_over_100_points_detectable(make) -> None:
    made = compare([make.record(n_images=6)])
    shares = [row.cells[1] for row in made.rows if row.unit == "share" and row.cells[1].difference.error is not None]
    assert {math.inf} < {cell.detectable for cell in shares} and all(
        c.detectable <= 1 or c.detectable == math.inf for c in shares
    )
    texts = {name: registry.get("report", name)(made) for name in ("json", "csv", "html", "markdown")}
    written = [row["cells"][1]["detectable"] for row in json.loads(texts["json"])["rows"] if row["unit"] == "share"]
    assert None in written and not any(value is not None and value > 1 for value in written)
    assert (
        ",inf," in texts["csv"] and ">over 100<" in texts["html"] and "not detectable with so few images" in texts["markdown"]
    )


def test_p_is_never_zero() -> None:
    images = [str(i) for i in range(3000)]
    before, after = (sample(images, [Score(i, {"right": v, "n": 1.0}) for i in images], ("right", "n")) for v in (0.0, 1.0))
    (found,) = differences(before, after, [ratio("accuracy", ["right"], ["n"])])
    assert 0 < found.p < 1e-200
    found = [linearise(ratio("n", ["right"], ["n"]), after)] * 2
    found = [replace(one, parts=one.parts + np.resize([1e-9, -1e-9], one.parts.shape)) for one in found]
    assert 0 < seeds_of_difference(found, False).p < 1e-200


def test_latex_names_units_and_shows_numbers_that_add_up(compared) -> None:
    made = compared
    row = next(row for row in made.short.headline if row.unit == "share")
    base, other = row.cells
    other = replace(other, value=0.2047, difference=replace(other.difference, value=0.2047 - 0.2243))
    short = replace(made.short, rows=(replace(row, cells=(replace(base, value=0.2243), other)),))
    text = latex_writer.write(replace(made, short=short))
    assert r" (\%)" in text and "22.43" in text and "20.47" in text
    assert short.rows[0].shown_unit == Unit("share", 2)


def test_json_has_captions_with_their_spans(compared) -> None:
    captions = json.loads(json_writer.write(compared))["captions"]
    assert {"benchmark", "item_id", "image", "question", "sides"} == set(captions[0])
    assert {span["kind"] for side in captions[0]["sides"] for span in side["spans"]} <= {"found", "invented", "uncovered"}


def test_a_table_of_methods_says_that_its_intervals_hold_seeds(make) -> None:
    runs = [make.record("bdhs", seed=seed) for seed in (1, 2, 3)]
    for writer in (html_writer, latex_writer, markdown_writer):
        assert "of methods over seeds and images together" in writer.write(compare(runs)), writer
        assert "t over seeds and images" not in writer.write(compare(runs[:1])), writer
