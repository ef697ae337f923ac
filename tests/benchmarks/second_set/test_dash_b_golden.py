"""DASH-B: the official compute_results, on all items, by source list, by object, and on degenerate sets."""

from __future__ import annotations

import pytest

from benchmarks.yes_no.dash_b import DashB
from harness.core.errors import DataError
from harness.core.evaluation import Item
from harness.core.stats import metrics
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import golden, golden_lines, put
from tests.benchmarks.second_set.golden_cases import check, measured, scored

ROWS = golden_lines("dash_b/answers.jsonl")
NAMES = {"accuracy": "ACC", "tnr": "TNR", "tpr": "TPR", "harmonic_mean": "Harmonic Mean"}
EXPECTED = golden("dash_b/expected_metrics.json")


def test_items_images_and_prompts_are_the_official_ones(golden_data: DataFolder) -> None:
    items = DashB().load(golden_data)
    assert [(i.image.removeprefix("dash_b/"), DashB().prompt(i)) for i in items] == [
        (r["image_path"], r["prompt"]) for r in ROWS
    ]


def test_every_answer_is_read_as_the_official_code_reads_it(golden_data: DataFolder) -> None:
    got = scored(DashB(), DashB().load(golden_data), [row["response"] for row in ROWS])
    expected = [row["answer"] or "neither" for row in golden_lines("dash_b/expected_readings.jsonl")]
    assert [score.reading for score in got] == expected


@pytest.mark.parametrize(("kind", "key"), [("by_dataset", "dataset"), ("by_object", "object")])
def test_all_and_each_part_have_the_official_numbers(kind: str, key: str, golden_data: DataFolder) -> None:
    items = DashB().load(golden_data)
    check(measured(DashB(), items, [row["response"] for row in ROWS]), EXPECTED["all"], NAMES)
    for name, expected in EXPECTED[kind].items():
        chosen = [n for n, row in enumerate(ROWS) if row[key] == name]
        got = measured(DashB(), [items[n] for n in chosen], [ROWS[n]["response"] for n in chosen])
        check(got, expected, NAMES)


@pytest.mark.parametrize("case", golden("dash_b/degenerate.json"), ids=lambda case: case["name"])
def test_what_the_official_code_cannot_divide_is_unknown_and_the_rest_is_reported(case: dict) -> None:
    items = [Item(str(n), "", "", {"label": label, "object": "x"}) for n, label in enumerate(case["gt"])]
    got = measured(DashB(), items, case["responses"])
    check(got, case["expected"], NAMES)
    assert ("exception" in case["expected"]) == (got["harmonic_mean"] != got["harmonic_mean"])


def test_an_object_is_a_cluster_or_an_image_is(golden_data: DataFolder) -> None:
    assert len({i.cluster for i in DashB().load(golden_data)}) == len(EXPECTED["by_object"])
    images = DashB(cluster="image").load(golden_data)
    assert len({i.cluster for i in images}) == len(images)


def test_a_file_of_another_form_is_named(folder: DataFolder) -> None:
    for files in ("1.png", ["1.png", 2], [""]):
        put(folder, "dash_b/images/dash_benchmark_neg.json", {"coco": {"kettle": files}})
        with pytest.raises(DataError, match=r"dash_benchmark_neg.json, coco, kettle: it should be a list of file names"):
            DashB().load(folder)


def test_an_image_that_a_file_lists_twice_is_named(folder: DataFolder) -> None:
    put(folder, "dash_b/images/dash_benchmark_neg.json", {"coco": {"kettle": ["1.png", "2.png", "1.png"]}})
    put(folder, "dash_b/images/dash_benchmark_pos.json", {"coco": {"kettle": ["1.png"]}})
    with pytest.raises(DataError, match=r"neg/coco/kettle/1.png is listed twice"):
        DashB().load(folder)


@pytest.mark.parametrize(("positives", "enough"), [(1, False), (15, False), (16, True)])
def test_means_of_both_rates_need_images_of_both_sides(positives: int, enough: bool) -> None:
    """Beside 100 images without their object: 1.6 root 100 = 16."""
    labels = ["no"] * 100 + ["yes"] * positives
    items = [Item(str(n), f"{n}.jpg", "", {"label": label, "object": "harp"}) for n, label in enumerate(labels)]
    found = metrics(items, scored(DashB(), items, ["Yes", "No", "No", "Yes", "No"] * 24), DashB.formulas)
    whys = {metric.name: metric.why for metric in found if metric.name in ("balanced_accuracy", "harmonic_mean")}
    assert set(whys.values()) == {"" if enough else f"no interval: fewer than 16 images count in TPR ({positives})"}
