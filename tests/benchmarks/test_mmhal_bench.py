"""MMHal-Bench: a judge's 0-6, a rating below 3 is a hallucination, and what cannot be read is never counted as 0."""

from __future__ import annotations

from math import isnan

import pytest

from benchmarks._judged.mmhal import TYPES, official_rating, tolerant_rating
from benchmarks.judges.keywords import Keywords
from benchmarks.mmhal_bench import MmhalBench
from benchmarks.mmhal_bench_v import MmhalBenchV
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Item
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import Replies, golden, metrics, put, said


def item(kind: str = "attribute") -> Item:
    return Item("1", "a.jpg", "Q?", {"question_type": kind, "image_content": ["dog"], "gt_answer": "A dog."})


def row(**changes: object) -> dict:
    return {"question_type": "attribute", "question_topic": "x", "image_id": "1", "image_src": "https://x.org/a/b.jpg",
            "image_content": ["dog"], "question": "Q?", "gt_answer": "A dog.", "model_answer": "", **changes}  # fmt: skip


@pytest.mark.parametrize("run", golden("mmhal_bench/runs.json"), ids=lambda run: f"run {run['run']}")
def test_ratings_and_metrics_of_the_official_scripts(run: dict) -> None:
    bench, expected = MmhalBench(Replies(*run["judge_responses"]), variant="official"), run["expected"]
    scores = [bench.score(item(TYPES[i % 8]), said("x")) for i in range(96)]
    assert [s.values["score_sum"] for s in scores] == expected["scores"]
    assert [s.values["hallucinated"] for s in scores] == expected["hallucination"]
    assert [3 * s.values["informativeness"] for s in scores] == expected["informativeness_rlhfv"]
    got = metrics(bench, scores)
    overall = {"score": "average_score", "hallucination_rate": "hallucination_rate"}
    assert {n: got[n] for n in overall} == pytest.approx({n: expected[o] for n, o in overall.items()}, abs=1e-12)
    assert 100 * got["informativeness"] == pytest.approx(expected["mean_informativeness_rlhfv"], abs=1e-10)
    assert {t: got[f"score[{t}]"] for t in TYPES} == pytest.approx(expected["per_question_type_average"], abs=1e-12)


@pytest.mark.parametrize(("rating", "hallucinates"), [(0, True), (2, True), (3, False), (6, False)])
def test_a_rating_below_three_is_a_hallucination(rating: int, hallucinates: bool) -> None:
    score = MmhalBench(Replies(f"Rating: {rating}")).score(item("counting"), said("x"))
    assert score.values["hallucinated"] == score.values["counting/hallucinated"] == hallucinates
    assert score.correct is not hallucinates and score.values["counting/score_sum"] == rating
    assert score.values["judged"] == score.values["counting/judged"] == 1


@pytest.mark.parametrize(("reply", "official", "tolerant"), [
    ("Rating: 5", 5, 5),
    ("Rating:5", 0, 5),
    ("**Rating**: 5", 0, 5),
    ("Rating: **5**", 0, 5),
    ("Score: 5", 0, 5),
    ("Rating: 3/6", 3, 3),
    ("Rating: 60", 6, None),
    ("Rating: 8/10", 0, None),
    ("Rating: 2.5", 2, None),
    ("Rating: -3", 0, None),
    ("I considered Rating: 4 but chose Rating: 0", 0, None),
    ("Rating: 2 ... final rating: 2", 2, 2),
    ("Stop berating: 5 dogs", 5, None),
    ("", 0, None),
])  # fmt: skip
def test_the_two_parsers_differ_where_the_official_one_misreads(reply: str, official: int, tolerant: int | None) -> None:
    assert (official_rating(reply), tolerant_rating(reply)) == (official, tolerant)


def test_an_unreadable_reply_is_left_out_and_counted() -> None:
    bench = MmhalBench(Replies("Rating: 6", "no idea"))
    scores = [bench.score(item(), said("x")) for _ in range(2)]
    got = metrics(bench, scores)
    assert (got["score"], got["judged"], scores[1].flag) == (6, 0.5, "unjudged")


@pytest.mark.parametrize("variant", ["official", "tolerant"])
def test_a_judge_that_was_not_reached_scores_nothing_in_either_variant(variant: str) -> None:
    bench = MmhalBench(Replies(None), variant=variant)
    score = bench.score(item(), said("x"))
    assert score.values == {"items": 1} and isnan(metrics(bench, [score])["score"])


def test_the_judge_gets_the_objects_the_reference_and_the_type_but_no_image() -> None:
    judge = Replies("Rating: 3")
    MmhalBench(judge).score(item(), said("the answer"))
    ((question, answer, facts, image),) = judge.asked
    assert (question, answer, image) == ("Q?", "the answer", None)
    assert facts == {"task": "mmhal", "question_type": "attribute", "image_content": ["dog"], "gt_answer": "A dog."}


def test_the_judge_of_v_gets_the_image(folder: DataFolder) -> None:
    put(folder, "mmhal/mmhal_bench.json", [row(image="pics/a.jpg")])
    judge = Replies("Rating: 3")
    bench = MmhalBenchV(judge)
    bench.score(*bench.load(folder), said("x"))
    assert judge.asked[0][3] == folder.folder / "pics/a.jpg" and bench.facts()["judge sees the image"] == "yes"


def test_the_official_file_names_images_by_their_link(folder: DataFolder) -> None:
    put(folder, "mmhal/mmhal_bench.json", [row()])
    (read,) = MmhalBench(Replies()).load(folder)
    assert read.image == "mmhal/images/b.jpg" and read.truth["question_type"] == "attribute"


@pytest.mark.parametrize(("change", "message"), [
    ({"question_type": "odd"}, "line 1: question_type 'odd' is not one of"),
    ({"image_content": "dog"}, "'image_content' should be a list of texts"),
    ({"image_content": ["dog", None]}, "'image_content' should be a list of texts"),
    ({"image_src": "https://x.org/a/"}, "'image_src' names no image file"),
    ({"image_src": ""}, "'image_src' names no image file"),
    ({"gt_answer": None}, "'gt_answer' should be text"),
])  # fmt: skip
def test_a_broken_row_is_one_clear_error(folder: DataFolder, change: dict, message: str) -> None:
    put(folder, "mmhal/mmhal_bench.json", [row(**change)])
    with pytest.raises(DataError, match=message):
        MmhalBench(Replies()).load(folder)


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ConfigError, match="no variant 'mine'"):
        MmhalBench(Replies(), variant="mine")


def test_the_keywords_judge_is_read_alike_by_both_parsers() -> None:
    for variant in ("official", "tolerant"):
        assert MmhalBench(Keywords(), variant=variant).score(item(), said("A dog.")).values["score_sum"] == 5
