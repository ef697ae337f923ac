"""What each program reads in each golden answer, item by item, where the tests of a benchmark compare metrics alone."""

from __future__ import annotations

import math

import pytest

from benchmarks.choice.mmstar import AXES, MmStar
from benchmarks.choice.mmvp import READERS as MMVP_READERS
from benchmarks.choice.mmvp import Mmvp
from benchmarks.yes_no.beaf import Beaf
from benchmarks.yes_no.hallusionbench import READERS, HallusionBench
from harness.core.errors import DataError
from harness.labels.estimates.judge_fitness import group_of, judgement, majority, stated_number
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import golden, golden_lines, metrics, put
from tests.benchmarks.second_set.golden_cases import ById, check, measured, scored
from tests.benchmarks.second_set.test_hallusionbench_golden import ANSWERS, REPLIES, ROWS

# ---------------------------------------------------------------- HallusionBench


@pytest.mark.parametrize(
    ("variant", "column"), [("vlmevalkit", "vlmevalkit_reading"), ("lmms_eval", "lmms_eval_rules_reading")]
)
def test_each_answer_of_hallusionbench_is_read_as_both_harnesses_read_it(
    variant: str, column: str, golden_data: DataFolder
) -> None:
    assert variant in READERS
    items = HallusionBench().load(golden_data)
    got = {s.item_id: s.reading for s in scored(HallusionBench(variant=variant), items, [ANSWERS[i.id] for i in items])}
    words = {"Yes": "yes", "No": "no", "Unknown": "neither", "1": "yes", "0": "no"}
    assert got == {row["key"]: words[row[column]] for row in golden_lines("hallusionbench/expected_items.jsonl")}


@pytest.mark.parametrize(("scope", "name"), [("all", "all"), ("image", "with_picture")])
def test_the_judges_replies_through_lmms_eval_give_the_same_three_numbers(
    scope: str, name: str, golden_data: DataFolder
) -> None:
    benchmark = HallusionBench(ById(REPLIES), variant="judge", scope=scope)
    items = benchmark.load(golden_data)
    got = measured(benchmark, items, [ANSWERS[i.id] for i in items])
    expected = golden("hallusionbench/expected_judge_metrics.json")["lmms_eval"][name]
    assert {
        theirs: round(100 * got[ours], 4) for ours, theirs in (("a_acc", "aAcc"), ("f_acc", "fAcc"), ("q_acc", "qAcc"))
    } == (expected)


def test_a_question_that_occurs_twice_is_refused_where_the_authors_code_stops(folder: DataFolder) -> None:
    (case,) = [c for c in golden("hallusionbench/degenerate.json") if c["name"] == "same question twice"]
    assert case["expected"]["per_question"] == {"exception": "AssertionError"}
    rows = {"_".join(r[k] for k in ("category", "subcategory", "set_id", "figure_id", "question_id")): r for r in ROWS}
    put(folder, "hallusionbench/HallusionBench.json", [rows[key] for key in case["keys"]])
    with pytest.raises(DataError, match="line 7 repeats the question VD_illusion_0_0_0"):
        HallusionBench().load(folder)


def test_without_any_answer_every_metric_of_hallusionbench_is_unknown() -> None:
    benchmark = HallusionBench(ById({}), variant="judge")
    assert all(math.isnan(value) for value in metrics(benchmark, []).values())


# ---------------------------------------------------------------- MMStar


def test_mmstars_categories_are_those_of_both_harnesses(golden_data: DataFolder) -> None:
    answers, expected = golden_lines("mmstar/answers.jsonl"), golden("mmstar/expected_metrics.json")
    names = {f"accuracy[{category}]": category for category in AXES}
    for variant in ("lmms_eval", "vlmevalkit"):
        got = measured(MmStar(variant=variant), MmStar().load(golden_data), [row["with_image"] for row in answers])
        check(got, expected[variant], names)


def test_the_text_of_an_option_alone_has_the_official_hits(golden_data: DataFolder) -> None:
    (case,) = [c for c in golden("mmstar/degenerate.json") if c["name"] == "option text only"]
    items = MmStar().load(golden_data)
    texts = [item.truth["options"][item.truth["answer"]] for item in items]
    assert texts[0] == case["prediction_of_first_item"]
    assert sum(bool(s.correct) for s in scored(MmStar(), items, texts)) == case["official_hits"]
    assert measured(MmStar(variant="lmms_eval"), items, texts)["mean_of_axes"] == case["lmms_eval_average"]


def test_a_category_that_is_missing_is_unknown_where_the_official_code_divides_by_zero(golden_data: DataFolder) -> None:
    items = [item for item in MmStar().load(golden_data) if item.truth["category"] != "math"]
    got = measured(MmStar(), items, [item.truth["answer"] for item in items])
    assert got["accuracy"] == 1.0 and math.isnan(got["accuracy[math]"]) and math.isnan(got["mean_of_axes"])


# ---------------------------------------------------------------- MMVP


@pytest.mark.parametrize("case", golden("mmvp/degenerate.json"), ids=lambda case: case["name"])
def test_every_degenerate_set_of_mmvp_has_the_accuracy_of_each_program(case: dict, golden_data: DataFolder) -> None:
    by_id = {item.id: item for item in Mmvp().load(golden_data)}
    first = 1 if 0 in case["indices"] else 0  # a file that counts from 0 is refused; its answers are read all the same
    items = [by_id[str(n + first)] for n in case["indices"]]
    got = {v: measured(Mmvp(variant=v), items, case["responses"]) for v in MMVP_READERS}
    if not items:
        assert all(math.isnan(values["accuracy"]) for values in got.values())
        return
    check(got["lmms_eval"], case["lmms_eval"], {"accuracy": "accuracy"})
    check({"accuracy": round(got["s_vco"]["accuracy"], 3)}, case["s_vco_rounded"], {"accuracy": "accuracy"})
    check(got["vlmevalkit"], case["vlmevalkit"], {"accuracy": "Average", "pair_accuracy": "Overall"})


def test_a_missing_first_item_shifts_no_pair_as_in_lmms_eval(golden_data: DataFolder) -> None:
    (case,) = [c for c in golden("mmvp/degenerate.json") if c["name"] == "first item missing"]
    by_id = {item.id: item for item in Mmvp().load(golden_data)}
    got = measured(Mmvp(), [by_id[str(n)] for n in case["indices"]], case["responses"])
    check(got, case["lmms_eval"], {"pair_accuracy": "pair_accuracy"})


def test_pairs_of_mmvp_are_those_of_lmms_eval(golden_data: DataFolder) -> None:
    rows = golden_lines("mmvp/expected_readings.jsonl")
    pairs: dict[str, set[int]] = {}
    for item, row in zip(Mmvp().load(golden_data), rows, strict=True):
        pairs.setdefault(item.group, set()).add(row["lmms_eval_pair"])
    assert len(pairs) == 150 and sorted(pair for found in pairs.values() for pair in found) == list(range(150))


# ---------------------------------------------------------------- BEAF


@pytest.mark.parametrize("case", [c for c in golden("beaf/degenerate.json") if c["cells"]], ids=lambda case: case["name"])
def test_every_cell_of_a_degenerate_set_of_beaf_is_the_official_one(case: dict, golden_data: DataFolder) -> None:
    by_id = {item.id: item for item in Beaf().load(golden_data)}
    scores = scored(Beaf(variant="official"), [by_id[str(n)] for n in case["ids"]], case["answers"])
    cells = [name.removeprefix("joint/").upper() for s in scores for name in s.values]
    assert [cell for cell in cells if cell in ("TP", "FP", "TN", "FN")] == case["cells"]


def test_each_answer_of_beaf_is_read_as_the_official_code_reads_it(golden_data: DataFolder) -> None:
    """An unread one stays so in its reading; what it counts as is in its cell."""
    answers = [row["answer"] for row in golden("beaf/answers.json")]
    scores = scored(Beaf(variant="official"), Beaf().load(golden_data), answers)
    expected = golden_lines("beaf/expected_cells.jsonl")
    assert [s.reading for s in scores] == ["neither" if row["unread"] else row["read"] for row in expected]


# ---------------------------------------------------------------- VL-RewardBench


def test_each_pair_of_vl_rewardbench_has_the_official_counts_group_and_first_judgement() -> None:
    better = {row["id"]: row["human_ranking"] == [0, 1] for row in golden_lines("vl_rewardbench/questions.jsonl")}
    judged: dict[str, list[str]] = {}
    for row in golden_lines("vl_rewardbench/judge_replies.jsonl"):
        one = judgement(stated_number(row["judge_reply"]), better[row["id"]], bool(row["random_number"]))
        judged.setdefault(row["id"], []).append(one.word)
    groups = {"reasoning_tasks": "reasoning", "vlfeedback": "general", "wildvision-battle": "general"}
    for row in golden_lines("vl_rewardbench/expected_items.jsonl"):
        words = judged[row["id"]]
        assert [words.count(w) for w in ("agree", "reject", "doesntMatch")] == [
            row[w] for w in ("agree", "reject", "doesntMatch")
        ]
        assert majority(words[:1]) == row["classify_first_repeat_only"]
        assert group_of(row["id"]) == groups.get(row["dataset"], "hallucination")


def test_the_number_that_a_reply_states_is_the_one_that_lmms_eval_reads() -> None:
    replies = [row["judge_reply"] for row in golden_lines("vl_rewardbench/judge_replies.jsonl")]
    expected = [row["lmms_eval_choice"] for row in golden_lines("vl_rewardbench/expected_replies.jsonl")]
    assert [stated_number(reply) for reply in replies] == [None if isinstance(n, str) else n for n in expected]
