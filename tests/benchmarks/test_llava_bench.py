"""LLaVA-Bench: model score over reference score; a failed reply is not -1 unless the official variant is asked for."""

from __future__ import annotations

from dataclasses import replace
from math import isnan

import pytest

from benchmarks.llava_bench import LlavaBench, official_scores, tolerant_scores
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Item
from harness.core.stats import metrics as measured
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import Replies, golden, metrics, put, said

RUNS = golden("llava_bench/runs.json")


def item(kind: str = "conv") -> Item:
    return Item("1", "a.jpg", "Q?", {"category": kind, "context": "A dog.", "reference": "It is a dog."})


@pytest.mark.parametrize("case", golden("llava_bench/parse_score.json"), ids=lambda case: repr(case["content"][:12]))
def test_the_official_parser(case: dict) -> None:
    assert official_scores(case["content"]) == pytest.approx(tuple(map(float, case["tuple"])), nan_ok=True)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"run {run['run']}")
@pytest.mark.parametrize("variant", ["official", "rlhfv"])
def test_the_official_summaries(run: dict, variant: str) -> None:
    bench = LlavaBench(Replies(*[review["content"] for review in run["reviews"]]), variant=variant)
    kinds = [review["category"].removeprefix("llava_bench_") for review in run["reviews"]]
    got = metrics(bench, [bench.score(item(kind), said("x")) for kind in kinds])
    key = "expected_llava_official" if variant == "official" else "expected_rlhfv_variant_skipping_failed_parses"
    for kind, expected in run[key].items():
        group = "" if kind == "all" else f"[{kind.removeprefix('llava_bench_')}]"
        assert round(100 * got[f"relative{group}"], 6) == expected["relative_score"]
        for ours, printed, mean in (("reference", "reference_x10", "mean_reference"), ("model", "model_x10", "mean_model")):
            value = got[f"{ours}{group}"]
            assert round(value, 1) == expected[printed] if printed in expected else round(value / 10, 3) == expected[mean]


@pytest.mark.parametrize(("reply", "scores"), [
    ("7 8", (7, 8)),
    ("7, 8\nbecause", (7, 8)),
    ("\n(7.5, 8)", (7.5, 8)),
    ("Assistant 1: 7 Assistant 2: 8", (7, 8)),
    ("7/10 8/10", (7, 8)),
    ("7/8", None),
    ("7", None),
    ("1 10", (1, 10)),
    ("11 8", None),
    ("0 10", None),
    ("0.7 0.8", None),
    ("-7 8", None),
    ("", None),
])  # fmt: skip
def test_the_tolerant_parser_takes_two_numbers_from_one_to_ten(reply: str, scores: tuple[float, float] | None) -> None:
    assert tolerant_scores(reply) == scores


def test_a_ratio_just_below_a_half_is_rounded_as_the_published_script_rounds_it() -> None:
    # means 6 and 6.909, of which the script prints 115.1: 6.909 / 6 * 100 is 115.14999999999999
    bench = LlavaBench(Replies(*["6 7"] * 909, *["6 6"] * 91), variant="official")
    items = [Item(str(n), f"{n}.jpg", "Q?", item().truth) for n in range(1000)]
    scores = [replace(bench.score(one, said("x")), item_id=one.id) for one in items]
    (relative, *_) = measured(items, scores, bench.formulas)
    assert round(100 * relative.value, 6) == 115.1


@pytest.mark.parametrize("variant", ["official", "rlhfv", "tolerant"])
@pytest.mark.parametrize("reply", ["nan 5", "inf 8\nwhy", "7 -Infinity"])
def test_scores_that_are_not_finite_are_left_out_and_the_reason_says_so(reply: str, variant: str) -> None:
    score = LlavaBench(Replies(reply), variant=variant).score(item(), said("x"))
    assert (score.flag, score.values) == ("unjudged", {"items": 1.0})
    assert score.why == "scores that are not finite in the judge's reply"


def test_an_unreadable_reply_is_unjudged_by_default() -> None:
    bench = LlavaBench(Replies("8 4", "both are fine"))
    scores = [bench.score(item(), said("x")) for _ in range(2)]
    assert (metrics(bench, scores)["relative"], scores[1].flag) == (0.5, "unjudged")


def test_nothing_judged_is_unknown() -> None:
    bench = LlavaBench(Replies(None), variant="official")
    assert isnan(metrics(bench, [bench.score(item(), said("x"))])["relative"])


def test_swapped_judging_asks_twice_and_takes_the_mean() -> None:
    judge = Replies("8 4", "6 8")  # first: reference 8, model 4; swapped: model 6, reference 8
    values = LlavaBench(judge, swap=True).score(item(), said("x")).values
    assert (values["reference"], values["model"]) == (8, 5)
    assert [facts["swapped"] for _, _, facts, _ in judge.asked] == [False, True]


def test_the_judge_gets_context_and_reference() -> None:
    judge = Replies("8 4")
    LlavaBench(judge).score(item(), said("my words"))
    _, answer, facts, image = judge.asked[0]
    assert answer == "my words" and image is None
    assert (facts["context"], facts["reference"]) == (item().truth["context"], item().truth["reference"])


def test_every_category_counts_its_own_sums() -> None:
    score = LlavaBench(Replies("8 4")).score(item(), said("x"))
    kind = item().truth["category"]
    assert {name: score.values[name] for name in ("reference", "model", f"{kind}/reference", f"{kind}/model")} == {
        "reference": 8, "model": 4, f"{kind}/reference": 8, f"{kind}/model": 4,
    }  # fmt: skip


def test_a_path_that_the_data_folder_has_is_taken_as_it_is(folder: DataFolder) -> None:
    put(folder, "coco/val2014/a.jpg", "image")
    names = ("coco/val2014/a.jpg", "elsewhere/b.jpg", "c.jpg")
    questions = [{"question_id": n, "image": name, "text": "Q", "category": "conv"} for n, name in enumerate(names)]
    put(folder, "llava_bench/questions.jsonl", questions)
    put(folder, "llava_bench/context.jsonl", [{"image": name, "caption": "x"} for name in names])
    put(folder, "llava_bench/answers_gpt4.jsonl", [{"question_id": n, "text": "A"} for n in range(3)])
    found = [item.image for item in LlavaBench(Replies()).load(folder)]
    assert found == ["coco/val2014/a.jpg", "llava_bench/images/elsewhere/b.jpg", "llava_bench/images/c.jpg"]


def test_rows_are_matched_by_id_not_by_position(folder: DataFolder) -> None:
    put(folder, "llava_bench/questions.jsonl", [{"question_id": n, "image": "1.jpg", "text": f"Q{n}", "category": "conv"}
                                                for n in (0, 1)])  # fmt: skip
    put(folder, "llava_bench/context.jsonl", [{"image": "1.jpg", "caption": ["one", "two"]}])
    put(folder, "llava_bench/answers_gpt4.jsonl", [{"question_id": n, "text": f"A{n}"} for n in (1, 0)])
    first, _ = LlavaBench(Replies()).load(folder)
    assert first.truth == {"category": "conv", "context": "one\ntwo", "reference": "A0"}
    assert first.image == "llava_bench/images/1.jpg"


def test_a_question_without_reference_is_an_error(folder: DataFolder) -> None:
    put(folder, "llava_bench/questions.jsonl", [{"question_id": 0, "image": "1.jpg", "text": "Q", "category": "conv"}])
    put(folder, "llava_bench/context.jsonl", [{"image": "1.jpg", "caption": "x"}])
    put(folder, "llava_bench/answers_gpt4.jsonl", [{"question_id": 7, "text": "A"}])
    with pytest.raises(DataError, match=r"line 1: llava_bench/answers_gpt4.jsonl has no entry for 0"):
        LlavaBench(Replies()).load(folder)


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ConfigError):
        LlavaBench(Replies(), variant="mine")


@pytest.mark.parametrize("beaten", [False, True])
def test_the_interval_of_relative_is_that_of_a_ratio_of_means_whether_an_image_beats_the_reference_or_not(beaten: bool) -> None:
    # 22 ties and 2 narrow losses: 190/192 by the delta method 0.9896 +- t(23) * 0.00721 = [0.975, 1.004]
    replies = ["8 8.01" if beaten else "8 8", *["8 8"] * 21, *["8 7"] * 2]
    bench = LlavaBench(Replies(*replies))
    items = [Item(str(n), f"{n}.jpg", "Q?", item().truth) for n in range(24)]
    scores = [replace(bench.score(one, said("x")), item_id=one.id) for one in items]
    relative = next(m for m in measured(items, scores, bench.formulas) if m.key == "relative")
    assert relative.value == pytest.approx(190 / 192, abs=1e-4)
    assert relative.low == pytest.approx(0.965, abs=0.015) and relative.high == pytest.approx(1.004, abs=0.004)
