"""Multiple choice beyond the letter that was written: likelihoods of the options, and every rotation of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks._choice.circular import moved, rotated
from benchmarks._choice.likelihoods import likeliest
from benchmarks._choice.options import listed, with_other
from benchmarks.choice.mmstar import MmStar
from benchmarks.choice.mmvp import Mmvp
from benchmarks.choice.naturalbench import NaturalBench
from harness.core.evaluation import Answer, Item, LabelEdit, Verdict
from harness.core.judging import Facts, JudgeTask
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import metrics, put
from tests.benchmarks.second_set.golden_cases import scored

OFFERED = {"A": "a violin", "B": "windmill", "C": "teapot", "D": "anchor"}
QUESTION = "What is at the top?\nOptions: A: a violin, B: windmill, C: teapot, D: anchor"
ROW = {
    "index": 0, "question": QUESTION, "image": "0.jpg", "answer": "B",
    "category": "coarse perception", "l2_category": "image emotion",
}  # fmt: skip
MMVP = "Index,Question,Options,Correct Answer\n1,Open?,(a) Yes (b) No,(a)\n2,Open?,(a) Yes (b) No,(b)\n"


def star(folder: DataFolder, *changes: dict, **options: object) -> tuple[MmStar, list[Item]]:
    put(folder, "mmstar/mmstar.jsonl", [{**ROW, "index": n, **change} for n, change in enumerate(changes)])
    benchmark = MmStar(**options)
    return benchmark, benchmark.load(folder)


# ---------------------------------------------------------------- likelihoods


def told(text: str, **nats: float) -> Answer:
    return Answer("", text, 1, "end", option_nats=nats or None)


def test_the_likeliest_option_counts_beside_the_letter_that_was_written(folder: DataFolder) -> None:
    """Written B (right) and A (wrong); likeliest B (right, the same) and B (right, another)."""
    benchmark, items = star(folder, {}, {}, likelihoods=True)
    answers = [told("B", A=-3.0, B=-0.2, C=-4.0, D=-5.0), told("A", A=-1.0, B=-0.9, C=-4.0, D=-5.0)]
    scores = [benchmark.score(item, answer) for item, answer in zip(items, answers, strict=True)]
    got = metrics(benchmark, scores)
    assert (got["accuracy"], got["likelihood_accuracy"], got["likelihood_agreement"]) == (0.5, 1.0, 0.5)
    assert scores[1].why == "likeliest option B (log-probabilities: A -1.00, B -0.90, C -4.00, D -5.00)"


def test_without_likelihoods_their_metrics_are_unknown_and_the_others_stay(folder: DataFolder) -> None:
    benchmark, items = star(folder, {}, likelihoods=True)
    got = metrics(benchmark, [benchmark.score(items[0], told("B"))])
    assert got["accuracy"] == 1.0 and got["likelihood_accuracy"] != got["likelihood_accuracy"]


def test_nobody_who_does_not_ask_for_likelihoods_sees_their_metrics() -> None:
    assert "likelihood_accuracy" not in {formula.name for formula in MmStar().formulas}
    assert not any(benchmark().likelihoods for benchmark in (MmStar, Mmvp, NaturalBench))


@pytest.mark.parametrize(
    ("nats", "expected"),
    [({"A": -2.0, "B": -1.0}, "B"), ({"A": -1.0, "B": -1.0}, "A"), ({"A": -1.0}, ""), (None, "")],
)
def test_equal_likelihoods_are_the_first_option_and_a_missing_one_is_unknown(nats: dict | None, expected: str) -> None:
    assert likeliest(nats, {"A": "A", "B": "B"}) == expected


@pytest.mark.parametrize(("style", "forms"), [("official", ("(a)", "(b)")), ("llava", ("A", "B"))])
def test_mmvp_offers_its_options_as_the_prompt_writes_them(style: str, forms: tuple[str, str], folder: DataFolder) -> None:
    put(folder, "mmvp/Questions.csv", MMVP)
    benchmark = Mmvp(style=style, likelihoods=True)
    item = benchmark.load(folder)[1]
    assert tuple(benchmark.offered(item)) == forms
    score = benchmark.score(item, told("A", **{forms[0]: -2.0, forms[1]: -0.1}))
    assert {name: score.values[f"likelihood/{name}"] for name in ("right", "same")} == {"right": 1.0, "same": 0.0}


def test_naturalbench_offers_words_or_letters_by_the_kind_of_question() -> None:
    benchmark = NaturalBench(likelihoods=True)
    item = Item("0/q0_i0", "a.jpg", "", {"label": "yes", "kind": "yes_no", "groups": {}, "slices": ["yes_no"]})
    assert tuple(benchmark.offered(item)) == ("Yes", "No")
    assert benchmark.score(item, told("No", Yes=-0.1, No=-3.0)).values["likelihood/right"] == 1.0
    letters = replace(item, truth={**item.truth, "kind": "multiple_choice"})
    assert tuple(benchmark.offered(letters)) == ("A", "B")


# ---------------------------------------------------------------- rotations


def test_a_rotation_moves_every_text_and_the_right_letter_with_it() -> None:
    assert rotated(OFFERED, 1) == {"A": "anchor", "B": "a violin", "C": "windmill", "D": "teapot"}
    for by in range(4):
        assert rotated(OFFERED, by)[moved("B", OFFERED, by)] == "windmill"


LINES = "Which?\nChoices:\n(A) a violin\n(B) windmill\n(C) teapot\n(D) anchor"


@pytest.mark.parametrize("question", [QUESTION, LINES, "Which?\nA. a violin\nB. windmill\nC. teapot\nD. anchor"])
def test_options_are_exchanged_where_they_stand_in_the_question(question: str) -> None:
    turned = with_other(question, rotated(OFFERED, 3))
    assert listed(question) == OFFERED and listed(turned) == rotated(OFFERED, 3)
    assert with_other(turned, OFFERED) == question


@pytest.mark.parametrize(
    "question",
    [
        "Which?\nOptions: A. a violin, B. windmill, C. teapot, D. anchor",
        "Which?\nOptions: A. a violin; B. windmill; C. teapot; D. anchor",
        "Options: those of the menu. Which?\nOptions: A: a violin, B: windmill, C: teapot, D: anchor",
        "Which?\nOptions: read both lines.\nChoices:\n(A) a violin\n(B) windmill\n(C) teapot\n(D) anchor",
    ],
)
def test_options_on_one_line_and_behind_the_last_heading_are_read(question: str) -> None:
    assert listed(question) == OFFERED
    assert listed(with_other(question, rotated(OFFERED, 1))) == rotated(OFFERED, 1)


@pytest.mark.parametrize("listing", ["A. Dr. B. Smith, B. Jones", "A. x, B. y C. z", "A x\nB y", "A. x or B. y"])
def test_options_that_may_be_taken_apart_in_two_ways_are_not(listing: str) -> None:
    assert listed(f"Which?\nOptions: {listing}") == {}


def test_options_without_a_heading_are_not_read_within_a_line() -> None:
    assert listed("Who stands left?\nA. Smith, B. Jones stands right.") == {}


def test_without_known_options_vlmevalkits_rule_reads_the_letters_a_to_d(folder: DataFolder) -> None:
    """VLMEvalKit's table has the columns A to D; here three of four answers name their letter, one the text alone."""
    unread = {"question": "What is it? A x\nB y\nC z"}
    benchmark, items = star(folder, unread, unread, unread, {}, variant="vlmevalkit")
    assert [item.truth["options"] for item in items[:3]] == [{}, {}, {}]
    got = metrics(benchmark, scored(benchmark, items, ["B", "The answer is B.", "y", "(B)"]))
    assert (got["accuracy"], got["unread"]) == (0.75, 0.25)
    assert benchmark.facts()["options not found in the question"] == "3 of 4 items: read by the letters A to D alone"


NAN = float("nan")


@pytest.mark.parametrize("none", [NAN, None, ""])
@pytest.mark.parametrize("nested", [False, True])
def test_an_empty_cell_of_a_table_is_no_option(folder: DataFolder, none: object, nested: bool) -> None:
    """pandas writes NaN; "banana cat" has "nan" in it."""
    cells = {"A": "cat", "B": "dog", "C": none, "D": none}
    row = {"question": "What is it?", "answer": "A", **({"options": cells} if nested else {"options": none or None, **cells})}
    benchmark, (item,) = star(folder, row, variant="vlmevalkit", style="vlmevalkit")
    assert item.truth["options"] == {"A": "cat", "B": "dog"} and "nan" not in benchmark.prompt(item)
    assert benchmark.score(item, told("banana cat")).reading == "A"


@pytest.mark.parametrize(
    ("style", "end"), [("official", "directly"), ("lmms_eval", "directly"), ("llava", "directly."), ("vlmevalkit", "above. \n")]
)
def test_every_style_of_mmstar_has_its_own_ending(folder: DataFolder, style: str, end: str) -> None:
    benchmark, (item,) = star(folder, {}, style=style)
    assert benchmark.prompt(item).endswith(end)


def test_items_whose_options_are_all_known_are_not_counted_in_the_protocol(folder: DataFolder) -> None:
    assert "options not found in the question" not in star(folder, {}, variant="vlmevalkit")[0].facts()


def test_the_rebuilt_prompt_keeps_an_earlier_heading_of_the_question(folder: DataFolder) -> None:
    question = "Which?\nOptions: those of the menu.\nOptions: A: a violin, B: windmill, C: teapot, D: anchor"
    benchmark, (item,) = star(folder, {"question": question}, style="vlmevalkit")
    assert benchmark.prompt(item).startswith("Question: Which?\nOptions: those of the menu.\nOptions:\nA. a violin\n")


def test_only_what_is_right_in_every_rotation_counts(folder: DataFolder) -> None:
    """Item 0 is answered by what it knows, item 1 always by B: right in one rotation of four."""
    benchmark, items = star(folder, {}, {}, circular=True)
    assert [item.id for item in items[:4]] == ["0", "0/rotation 1", "0/rotation 2", "0/rotation 3"]
    assert [item.truth["answer"] for item in items[:4]] == ["B", "C", "D", "A"]
    got = metrics(benchmark, scored(benchmark, items, [*(item.truth["answer"] for item in items[:4]), *"BBBB"]))
    assert (got["circular_accuracy"], got["accuracy"], got["incomplete_rotations"]) == (0.5, 1.0, 0.0)


def test_a_missing_rotation_leaves_its_item_out_of_the_circular_accuracy(folder: DataFolder) -> None:
    benchmark, items = star(folder, {}, {}, circular=True)
    got = metrics(benchmark, scored(benchmark, items, [item.truth["answer"] for item in items[:7]]))
    assert (got["circular_accuracy"], got["incomplete_rotations"], got["accuracy"]) == (1.0, 0.5, 1.0)


def test_an_item_whose_question_lists_no_options_counts_by_its_one_answer(folder: DataFolder) -> None:
    benchmark, items = star(folder, {"question": "Which?", "options": OFFERED}, circular=True)
    assert len(items) == 1
    assert metrics(benchmark, scored(benchmark, items, ["B"]))["circular_accuracy"] == 1.0
    assert len(star(folder, {"question": "Which?", "options": OFFERED}, circular=True, style="vlmevalkit")[1]) == 4


def test_mmvp_asks_again_with_its_options_exchanged(folder: DataFolder) -> None:
    put(folder, "mmvp/Questions.csv", MMVP)
    benchmark = Mmvp(circular=True)
    items = benchmark.load(folder)
    assert [(item.id, item.truth["label"]) for item in items] == [
        ("1", "A"), ("1/rotation 1", "B"), ("2", "B"), ("2/rotation 1", "A"),
    ]  # fmt: skip
    assert benchmark.prompt(items[1]) == "Open? (a) No (b) Yes"
    got = metrics(benchmark, scored(benchmark, items, ["(a)", "(b)", "(b)", "(b)"]))
    assert (got["circular_accuracy"], got["accuracy"], got["pair_accuracy"]) == (0.5, 1.0, 1.0)


def test_a_label_corrected_in_one_rotation_alone_leaves_its_item_out(folder: DataFolder) -> None:
    put(folder, "mmvp/Questions.csv", MMVP)
    benchmark = Mmvp(circular=True)
    items = benchmark.load(folder)
    assert list(benchmark.fields(items[1])) == []
    corrected = benchmark.edited(items[0], LabelEdit("mmvp", "1", "label", "A", "flipped", "me", "", ""))
    assert corrected is not None
    got = metrics(benchmark, scored(benchmark, [corrected, *items[1:]], ["(b)", "(b)", "(b)", "(a)"]))
    assert (got["circular_accuracy"], got["incomplete_rotations"]) == (1.0, 0.5)


class SaysYes:
    """A grader that always says yes."""

    name, version = "yes", "1"

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        return Verdict(1.0, "yes", "yes", self.name, self.version)


def test_a_judged_mmvp_has_likelihoods_without_a_comparison_to_what_the_judge_read(folder: DataFolder) -> None:
    put(folder, "mmvp/Questions.csv", MMVP)
    benchmark = Mmvp(SaysYes(), variant="official", likelihoods=True)
    item = benchmark.load(folder)[0]
    got = metrics(benchmark, [benchmark.score(item, told("It is open.", **{"(a)": -0.1, "(b)": -2.0}))])
    assert got["likelihood_accuracy"] == 1.0 and got["likelihood_agreement"] != got["likelihood_agreement"]
