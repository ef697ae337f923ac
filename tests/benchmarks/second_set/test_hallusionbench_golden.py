"""HallusionBench: the authors' evaluation with recorded judge replies, and the rules of VLMEvalKit and lmms-eval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pytest

from benchmarks._hallusion.tasks import SAME, TASK
from benchmarks.judges.chat import Chat
from benchmarks.yes_no.hallusionbench import READERS, HallusionBench
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Answer, Item, Request
from harness.core.judging import JudgeTask
from harness.core.run_record import Checkpoint
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import golden, golden_lines, put
from tests.benchmarks.second_set.golden_cases import ById, check, measured, scored

ROWS = golden("hallusionbench/HallusionBench.json")
ANSWERS = {row["key"]: row["answer"] for row in golden_lines("hallusionbench/answers.jsonl")}
REPLIES = {
    row["key"]: {"hallusionbench": row["correctness_reply"], "hallusionbench_same": row["same_reply"]}
    for row in golden_lines("hallusionbench/judge_replies.jsonl")
}
RULES = golden("hallusionbench/expected_rules_metrics.json")
FUNCTIONS = golden("hallusionbench/expected_judge_metrics.json")["functions"]
SHARES = {  # ours -> official function, count, total
    "a_acc": ("per_question", "correct", "total"), "q_acc": ("pair_all", "correct", "total"),
    "easy": ("pair_easy", "correct", "total"), "hard": ("pair_hard", "correct", "total"),
    "f_acc": ("figure", "correct", "total"), "consistent_wrong": ("figure", "wrong", "total"),
    "inconsistent": ("figure", "inconsistent", "total"),
}  # fmt: skip


def texts(items: list[Item]) -> list[str]:
    return [ANSWERS[item.id] for item in items]


@pytest.mark.parametrize("scope", ["all", "image"])
@pytest.mark.parametrize("variant", READERS)
def test_the_rules_of_both_harnesses_give_their_numbers_in_both_scopes(
    variant: str, scope: str, golden_data: DataFolder
) -> None:
    benchmark = HallusionBench(variant=variant, scope=scope)
    items = benchmark.load(golden_data)
    expected = RULES["vlmevalkit" if variant == "vlmevalkit" else "lmms_eval_rules"][
        "all" if scope == "all" else "with_picture"
    ]
    parts = expected if "Overall" in expected else {"Overall": expected}
    got = measured(benchmark, items, texts(items))
    for part, numbers in parts.items():
        end = "" if part == "Overall" else f"[{part}]"
        names = {f"a_acc{end}": "aAcc", f"f_acc{end}": "fAcc", f"q_acc{end}": "qAcc"}
        check(got, numbers, names, times=100 if variant == "vlmevalkit" else 1)


def test_every_answer_is_judged_as_the_authors_code_judges_it(golden_data: DataFolder) -> None:
    benchmark = HallusionBench(ById(REPLIES), variant="judge")
    items = benchmark.load(golden_data)
    got = {s.item_id: (s.reading, int(s.correct or 0)) for s in scored(benchmark, items, texts(items))}
    codes = {"1": "correct", "0": "incorrect", "2": "unclear"}
    expected = golden_lines("hallusionbench/expected_items.jsonl")
    assert got == {row["key"]: (codes[row["judge_code"]], row["correct"]) for row in expected}


def check_functions(got: dict[str, float], expected: dict, part: str = "") -> None:
    end = f"[{part}]" if part else ""
    for ours, (function, count, total) in SHARES.items():
        if expected[function].get(total):
            assert math.isclose(got[ours + end], expected[function][count] / expected[function][total]), ours
    if "exception" not in expected["yes_no_bias"]:
        check(got, expected["yes_no_bias"], {f"yes_difference{end}": "diff", f"false_yes{end}": "fp"})
    wrong = expected["per_question"].get("wrong")
    if "exception" in expected["pair_all"]:
        assert math.isnan(got[f"language_errors{end}"])
    elif wrong:
        shares = {key: expected["pair_all"][key] / wrong for key in ("LH_cg", "VI_cg", "Mix_cg")}
        names = {f"language_errors{end}": "LH_cg", f"visual_errors{end}": "VI_cg", f"mixed_errors{end}": "Mix_cg"}
        check(got, shares, names)
    check(got, expected["figure"], {f"figure_score{end}": "score"})


def test_every_function_of_the_authors_gives_our_numbers(golden_data: DataFolder) -> None:
    benchmark = HallusionBench(ById(REPLIES), variant="judge")
    items = benchmark.load(golden_data)
    got = measured(benchmark, items, texts(items))
    for part in ("", "VD", "VS"):
        check_functions(got, FUNCTIONS[part or "all"], part)


CASES = [c for c in golden("hallusionbench/degenerate.json") if c["name"] not in ("same question twice", "nothing")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_degenerate_set_has_the_authors_numbers_or_unknown_ones(case: dict, folder: DataFolder) -> None:
    rows = {"_".join(r[k] for k in ("category", "subcategory", "set_id", "figure_id", "question_id")): r for r in ROWS}
    put(folder, "hallusionbench/HallusionBench.json",
        [{**rows[key], "gt_answer": label} for key, label in zip(case["keys"], case["gt"], strict=True)])  # fmt: skip
    words, same = {"1": "correct", "0": "incorrect", "2": "unclear"}, {"1": "same", "0": "different"}
    replies = {
        key: {"hallusionbench": words[code], "hallusionbench_same": same[case["same"][0]]}
        for key, code in zip(case["keys"], case["codes"], strict=False)
    }
    benchmark = HallusionBench(ById(replies), variant="judge")
    items = benchmark.load(folder)
    check_functions(measured(benchmark, items, ["x"] * len(items)), case["expected"])


def test_whether_two_answers_agree_is_asked_only_where_it_decides(golden_data: DataFolder) -> None:
    judge = ById(REPLIES)
    benchmark = HallusionBench(judge, variant="judge")
    items = benchmark.load(golden_data)
    scored(benchmark, items, texts(items))
    assert sum(task == "hallusionbench" for task, _ in judge.asked) == len(items)
    assert 0 < sum(task == "hallusionbench_same" for task, _ in judge.asked) < len(items) / 2


def test_a_question_without_a_figure_is_asked_as_text_and_a_set_is_one_cluster(golden_data: DataFolder) -> None:
    items = HallusionBench().load(golden_data)
    assert [i.id for i in items if not i.image] == [i.id for i in items if i.truth["visual_input"] == "0"]
    assert {i.cluster for i in items} == {"_".join(i.id.split("_")[:3]) for i in items}


def test_the_judged_variant_without_a_judge_is_refused() -> None:
    with pytest.raises(ConfigError, match="asks a judge"):
        HallusionBench(variant="judge")


class Saying:
    """A model that says one text to whatever it is asked."""

    checkpoint = Checkpoint("gpt-x", "gpt-x", "", "0123456789abcdef")

    def __init__(self, text: str) -> None:
        self._text = text

    def facts(self) -> dict[str, str]:
        return {}

    def generate(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Answer]]]:
        yield [(i, Answer("", self._text, 1, "end")) for i in range(len(requests))]


@pytest.mark.parametrize("reply", ["banana", "I'm sorry, I can't help with that.", "true", ""])
def test_a_judge_that_says_none_of_the_words_has_judged_nothing(reply: str, golden_data: DataFolder) -> None:
    benchmark = HallusionBench(Chat(Saying(reply)), variant="judge")
    items = benchmark.load(golden_data)
    got = scored(benchmark, items, texts(items))
    assert {score.flag for score in got} == {"unjudged"} and math.isnan(measured(benchmark, items, texts(items))["a_acc"])
    assert {score.correct for score in got} == {None}


@pytest.mark.parametrize(("task", "reply", "value"), [
    (TASK, "Incorrect.", 0.0), (TASK, "It is correct", 1.0), (TASK, "UNCLEAR", 2.0), (TASK, "wrong", None),
    (SAME, "not the same", 1.0), (SAME, "Different.", 0.0), (SAME, "They conflict.", None),
])  # fmt: skip
def test_a_verdict_is_read_from_the_words_that_were_asked_for(task: JudgeTask, reply: str, value: float | None) -> None:
    assert task.read(reply) == value


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"visual_input": "1", "filename": None}, "visual_input is 1 but it has no file name"),
        ({"visual_input": "1", "filename": " "}, "visual_input is 1 but it has no file name"),
        ({"visual_input": "0", "filename": "./a.png"}, "visual_input is 0 but it has the file name './a.png'"),
        ({"gt_answer": "2"}, "gt_answer must be 0 or 1"),
        ({"subcategory": "sport"}, "VD sport is not one of"),
        ({"question_id": "0"}, "repeats the question VD_illusion_0_0_0"),
    ],
)
def test_a_bad_row_is_named(change: dict, words: str, folder: DataFolder) -> None:
    row = {
        "category": "VD", "subcategory": "illusion", "visual_input": "1", "set_id": "0", "figure_id": "0", "question_id": "0",
        "question": "?", "gt_answer_details": "", "gt_answer": "1", "filename": "./a.png",
    }  # fmt: skip
    put(folder, "hallusionbench/HallusionBench.json", [row, {**row, "question_id": "1", **change}])
    with pytest.raises(DataError, match=words) as raised:
        HallusionBench().load(folder)
    assert "HallusionBench.json, line 2" in str(raised.value)
