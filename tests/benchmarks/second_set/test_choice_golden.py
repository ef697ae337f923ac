"""MMStar, MMVP and NaturalBench: the official scorers and three harnesses on odd answers."""

from __future__ import annotations

import pytest

from benchmarks.choice.mmstar import AXES, MmStar
from benchmarks.choice.mmstar import VARIANTS as MMSTAR_VARIANTS
from benchmarks.choice.mmvp import CORRECTED, READERS, Mmvp
from benchmarks.choice.naturalbench import NaturalBench
from harness.core.errors import ConfigError, DataError
from harness.core.stats import metrics
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import golden, golden_lines, put
from tests.benchmarks.second_set.golden_cases import ById, check, measured, scored

STAR = golden_lines("mmstar/answers.jsonl")
STAR_EXPECTED = golden("mmstar/expected_metrics.json")
RESPONSES = [row["response"] for row in golden_lines("mmvp/answers.jsonl")]
GRADES = {str(row["Index"]): {"mmvp": row["reply"]} for row in golden_lines("mmvp/grader_replies.jsonl")}
MMVP_EXPECTED = golden("mmvp/expected_metrics.json")
NATURAL = golden_lines("naturalbench/answers.jsonl")
GROUP_NAMES = {"q_acc": "Q_Acc", "i_acc": "I_Acc", "acc": "Acc", "g_acc": "G_Acc"}

# ---------------------------------------------------------------- MMStar


@pytest.mark.parametrize("variant", MMSTAR_VARIANTS)
def test_every_letter_of_mmstar_is_read_as_each_program_reads_it(variant: str, golden_data: DataFolder) -> None:
    benchmark = MmStar(variant=variant)
    got = scored(benchmark, benchmark.load(golden_data), [row["with_image"] for row in STAR])
    expected = [row[variant] or "none" for row in golden_lines("mmstar/expected_readings.jsonl")]
    assert [score.reading for score in got] == expected


@pytest.mark.parametrize("kind", ["with_image", "without_image", "language_model"])
def test_mmstars_shares_are_the_official_hits(kind: str, golden_data: DataFolder) -> None:
    """The official program prints hits / 250 and hits / 1500 whatever the set; here there are 60 a category, 360 in all."""
    got = measured(MmStar(), MmStar().load(golden_data), [row[kind] for row in STAR])
    expected = STAR_EXPECTED["official_as_printed"][kind]
    check({"all": got["accuracy"] * 360 / 1500}, expected, {"all": "final score"})
    for category, axes in AXES.items():
        check({"one": got[f"accuracy[{category}]"] * 60 / 250}, expected, {"one": category})
        check(got, expected, {f"accuracy[{axis}]": f"{category}({axis})" for axis in axes})


def test_mmstars_other_harnesses_and_the_accuracies_behind_gain_and_leakage(golden_data: DataFolder) -> None:
    items = MmStar().load(golden_data)
    lmms = measured(MmStar(variant="lmms_eval"), items, [row["with_image"] for row in STAR])
    check(lmms, STAR_EXPECTED["lmms_eval"], {"mean_of_axes": "average"})
    vlm = measured(MmStar(variant="vlmevalkit"), items, [row["with_image"] for row in STAR])
    axes = {f"accuracy[{axis}]": axis for axes in AXES.values() for axis in axes}
    check(vlm, STAR_EXPECTED["vlmevalkit"], {"accuracy": "Overall", **axes})
    shares = [100 * measured(MmStar(), items, [row[k] for row in STAR])["accuracy"] for k in STAR[0] if k != "index"]
    expected = STAR_EXPECTED["gain_and_leakage"]
    with_image, without_image, language_model = shares
    found = with_image - without_image, max(0.0, without_image - language_model)
    assert found == pytest.approx((expected["MG"], expected["ML"]))


FORMS = {
    "always A": "A", "always a": "a", "empty": "", "everything correct": "{B}", "lower case": "{b}", "bold": "**{B}**",
    "sentence": "The correct answer is {B}.", "answer prefix": "Answer: {B}", "boxed": "\\boxed{{{B}}}",
    "thinking": "<think>A or B?</think>{B}", "article first": "A careful look shows option {B}.",
}  # fmt: skip


@pytest.mark.parametrize("case", [c for c in golden("mmstar/degenerate.json") if c["name"] in FORMS], ids=lambda c: c["name"])
def test_a_systematic_form_has_the_hits_of_both_programs(case: dict, golden_data: DataFolder) -> None:
    items = MmStar().load(golden_data)
    texts = [FORMS[case["name"]].format(B=i.truth["answer"], b=i.truth["answer"].lower()) for i in items]
    assert texts[0] == case["prediction_of_first_item"]
    assert sum(bool(s.correct) for s in scored(MmStar(), items, texts)) == case["official_hits"]
    got = measured(MmStar(variant="lmms_eval"), items, texts)
    check(got, case, {"mean_of_axes": "lmms_eval_average"})


def test_mmstar_without_an_axis_has_no_mean_of_axes_and_without_images_asks_text(golden_data: DataFolder) -> None:
    (item, *_) = MmStar().load(golden_data)
    got = measured(MmStar(), [item], ["A"])
    assert got["mean_of_axes"] != got["mean_of_axes"] and got["accuracy"] in (0, 1)
    reasons = {m.name: m.why for m in metrics([item], scored(MmStar(), [item], ["A"]), MmStar.formulas)}
    without = [axis for axes in AXES.values() for axis in axes if axis != item.truth["axis"]]
    assert reasons["mean_of_axes"] == f"no answers of this axis ({', '.join(without)})"
    assert not any(item.image for item in MmStar(show_image=False).load(golden_data))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"answer": "E"}, "the answer is 'E'"),
        ({"answer": "A, B"}, "the answer is 'A, B'"),
        ({"answer": ["A", "B"]}, "'answer' should be text"),
        ({"image": ""}, "'image' names no image file"),
        ({"options": {"A": "x", "C": "y"}}, "lettered A, C"),
        ({"l2_category": "cooking"}, "is not one of MMStar's axes"),
        ({"index": 0}, "repeats index 0"),
    ],
)
def test_a_bad_row_of_mmstar_is_named(change: dict, words: str, folder: DataFolder) -> None:
    rows = golden_lines("mmstar/questions.jsonl")[:2]
    put(folder, "mmstar/mmstar.jsonl", [rows[0], {**rows[1], **change}])
    with pytest.raises(DataError, match=words) as raised:
        MmStar().load(folder)
    assert "mmstar/mmstar.jsonl, line 2" in str(raised.value)


# ---------------------------------------------------------------- MMVP


@pytest.mark.parametrize("variant", READERS)
def test_every_letter_of_mmvp_is_read_as_each_program_reads_it(variant: str, golden_data: DataFolder) -> None:
    got = scored(Mmvp(variant=variant), Mmvp().load(golden_data), RESPONSES)
    assert [s.reading for s in got] == [row[variant] or "none" for row in golden_lines("mmvp/expected_readings.jsonl")]


@pytest.mark.parametrize("labels", ["", "corrected"])
def test_mmvps_single_and_pair_accuracy_under_published_and_corrected_labels(labels: str, golden_data: DataFolder) -> None:
    expected = MMVP_EXPECTED["corrected_labels" if labels else "published_labels"]
    got = {v: measured(Mmvp(variant=v, labels=labels), Mmvp(labels=labels).load(golden_data), RESPONSES) for v in READERS}
    check(got["lmms_eval"], expected["lmms_eval"], {"accuracy": "accuracy", "pair_accuracy": "pair_accuracy"})
    check(got["vlmevalkit"], expected["vlmevalkit"], {"accuracy": "Average", "pair_accuracy": "Overall"})
    rounded = {name: round(value, 3) for name, value in got["s_vco"].items()}
    check(rounded, expected["s_vco_rounded"], {"accuracy": "accuracy", "pair_accuracy": "pair_accuracy"})


@pytest.mark.parametrize(
    ("answer", "letter"),
    [("    a", "A"), ("\n\n   (a)", "A"), (" \n A big", ""), ("   A big dog", ""), ("\u0130(a", ""), ("A\t  is open", "A")],
)
def test_s_vco_strips_and_lowers_an_answer_before_it_cuts_it(answer: str, letter: str) -> None:
    """mmvp_rule_grader: strip, lower, then the first four characters ("\u0130" is two of them in lower case)."""
    assert READERS["s_vco"](answer, {"A": "", "B": ""}) == letter


def test_the_graders_bare_yes_alone_counts(golden_data: DataFolder) -> None:
    benchmark = Mmvp(ById(GRADES), variant="official")
    got = scored(benchmark, benchmark.load(golden_data), RESPONSES)
    assert [s.correct for s in got] == [row["grader_says_correct"] for row in golden_lines("mmvp/expected_readings.jsonl")]
    check(
        measured(benchmark, benchmark.load(golden_data), RESPONSES),
        MMVP_EXPECTED["official_grader"],
        {"pair_accuracy": "pair_accuracy"},
    )


OFF_BY_LINES = ("first item missing", "indices from 0")  # the official grader pairs neighbouring lines, lmms-eval shifts by one


@pytest.mark.parametrize(
    "case", [c for c in golden("mmvp/degenerate.json") if c["name"] not in OFF_BY_LINES], ids=lambda c: c["name"]
)
def test_a_degenerate_set_of_mmvp(case: dict, golden_data: DataFolder) -> None:
    by_id = {item.id: item for item in Mmvp().load(golden_data)}
    items = [by_id[str(n)] for n in case["indices"]]
    lmms = measured(Mmvp(), items, case["responses"])
    grades = {str(n): {"mmvp": reply} for n, reply in zip(case["indices"], case["grader_replies"], strict=True)}
    graded = measured(Mmvp(ById(grades), variant="official"), items, case["responses"])
    check(graded, case["official_grader"], {"pair_accuracy": "pair_accuracy"})
    if lmms["pair_accuracy"] == lmms["pair_accuracy"]:  # lmms-eval reports 0 without a pair
        check(lmms, case["lmms_eval"], {"accuracy": "accuracy", "pair_accuracy": "pair_accuracy"})


def test_a_pair_without_its_first_image_is_left_out_and_the_others_stay(golden_data: DataFolder) -> None:
    items = Mmvp().load(golden_data)
    got = measured(Mmvp(), items[1:], [item.truth["label"] for item in items[1:]])
    assert got["pair_accuracy"] == 1.0 and got["incomplete_pairs"] == 1 / 150


def test_the_corrections_are_the_four_published_ones_and_the_column_may_be_misspelt(folder: DataFolder) -> None:
    assert {n: f"({label.lower()})" for n, label in CORRECTED.items()} == golden("mmvp/corrected_labels.json")
    put(
        folder,
        "mmvp/Questions.csv",
        "lndex,Question,Options,Correct Answer\n1,Open?,(a) Yes (b) No,(a)\n2,Open?,(a) Yes (b) No,(b)\n",
    )
    assert [(i.id, i.truth["label"]) for i in Mmvp().load(folder)] == [("1", "A"), ("2", "B")]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2,Open?,(a) Yes (b) No,(c)", "answer '\\(c\\)'"),
        ("2,Open?,(a) Yes (b) No,(a)(b)", "answer '\\(a\\)\\(b\\)'"),
        ("2,Open?,(a) Yes (b) No (c) Maybe,(b)", 'not of the form "\\(a\\)'),
        ("2,Open?,Yes or no,(a)", 'not of the form "\\(a\\)'),
        ("2,Shut?,(a) Yes (b) No,(b)", "asks another question than"),
        ("2,Open?,(a) Yes (b) Maybe,(b)", "has other options than"),
        ("2,Open?,(a) Yes (b) No,(a)", "has the same right answer as"),
        ("1,Open?,(a) Yes (b) No,(b)", "repeats Index 1"),
    ],
)
def test_a_bad_row_of_mmvp_is_named(row: str, words: str, folder: DataFolder) -> None:
    put(folder, "mmvp/Questions.csv", f"Index,Question,Options,Correct Answer\n1,Open?,(a) Yes (b) No,(a)\n{row}\n")
    with pytest.raises(DataError, match=words) as raised:
        Mmvp().load(folder)
    assert "mmvp/Questions.csv, line 3" in str(raised.value)


# ---------------------------------------------------------------- NaturalBench


def test_every_answer_of_naturalbench_is_read_as_the_official_code_reads_it(golden_data: DataFolder) -> None:
    got = [s.reading for s in scored(NaturalBench(), NaturalBench().load(golden_data), [row["answer"] for row in NATURAL])]
    words = {1: "yes", 0: "no", -1: "neither"}
    expected = {row["Index"]: row for row in golden_lines("naturalbench/expected_readings.jsonl")}
    assert got == [words[expected[row["Index"]][row["case"]]] for row in NATURAL]


def test_groups_have_the_official_scores_in_all_by_type_and_one_by_one(golden_data: DataFolder) -> None:
    items, texts = NaturalBench().load(golden_data), [row["answer"] for row in NATURAL]
    got = measured(NaturalBench(), items, texts)
    for kind, numbers in golden("naturalbench/expected_metrics.json").items():
        end = "" if kind == "all" else f"[{kind}]"
        check(got, numbers, {ours + end: theirs for ours, theirs in GROUP_NAMES.items()})
    for n, numbers in enumerate(golden_lines("naturalbench/expected_group_scores.jsonl")):
        check(measured(NaturalBench(), items[4 * n : 4 * n + 4], texts[4 * n : 4 * n + 4]), numbers, GROUP_NAMES)


@pytest.mark.parametrize("case", golden("naturalbench/degenerate.json"), ids=lambda case: case["name"])
def test_a_degenerate_set_of_naturalbench(case: dict, golden_data: DataFolder) -> None:
    items = [item for item in NaturalBench().load(golden_data) if item.truth["kind"] == "yes_no"]
    words = {1: "yes", 0: "no", -1: "?"}
    texts = [words[group[f"q{q}_i{i}"]] for group in case["codes"] for q in (0, 1) for i in (0, 1)]
    check(measured(NaturalBench(), items, texts), case["expected"], GROUP_NAMES)


def test_a_group_that_lacks_an_answer_is_left_out_and_counted(golden_data: DataFolder) -> None:
    items = NaturalBench().load(golden_data)[:8]
    got = measured(NaturalBench(), items, ["yes", "no", "no", "yes", "yes"])
    assert got["g_acc"] == 1.0 and got["incomplete_groups"] == 0.5 and got["acc"] == 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Image_1_Question_0": "Yes"}, "Image_1_Question_0 is 'Yes' but the scoring expects No"),
        ({"Question_Type": "open"}, "the question type is 'open'"),
        ({"Image_1": None}, "'Image_1' should be text"),
        ({"Image_1": ""}, "'Image_1' names no image file"),
        ({"Index": 0}, "repeats Index 0"),
    ],
)
def test_a_bad_group_is_named(change: dict, words: str, folder: DataFolder) -> None:
    rows = golden_lines("naturalbench/questions.jsonl")[:2]
    put(folder, "naturalbench/naturalbench.jsonl", [rows[0], {**rows[1], **change}])
    with pytest.raises(DataError, match=words) as raised:
        NaturalBench().load(folder)
    assert "naturalbench/naturalbench.jsonl, line 2" in str(raised.value)


def test_a_style_that_a_benchmark_does_not_have_is_named_with_those_it_has() -> None:
    with pytest.raises(ConfigError, match="no prompt style 'llva'. Did you mean 'llava'"):
        NaturalBench(style="llva")
