"""MME: the official calculation.py, lmms-eval and VLMEvalKit on odd answers and on systematic ones."""

from __future__ import annotations

import pytest

from benchmarks.yes_no.mme import TASKS, VARIANTS, Mme
from harness.core.errors import DataError
from harness.core.stats import metrics
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import golden, golden_lines, put, sums
from tests.benchmarks.second_set.golden_cases import check, measured, scored

RAW = [row["answer"] for row in golden_lines("mme/answers.jsonl")]
EXPECTED = golden("mme/expected_metrics.json")
SYSTEMATIC = {  # the case's name -> the answer to an item; (label, task)
    "always yes": lambda label, task: "Yes",
    "always no": lambda label, task: "No",
    "everything correct": lambda label, task: label,
    "everything wrong": lambda label, task: {"Yes": "No", "No": "Yes"}[label],
    "everything empty": lambda label, task: "",
    "one task unreadable": lambda label, task: "" if task == "color" else label,
    "full sentences": lambda label, task: {"Yes": "Yes, there is.", "No": "No, there is not."}[label],
    "verdict at the end": lambda label, task: f"The answer is {label}.",
    "bold": lambda label, task: f"**{label}**",
    "two spaces before": lambda label, task: f"  {label}",
    "three letters before": lambda label, task: f"Hm, {label}",
}
CELLS = {"TP": "tp", "FN": "fn", "TN": "tn", "FP": "fp", "other_num": "unread"}


def answers(variant: str) -> list[str]:
    """As each program got them: the official one reads lines of a table, without tabs and line ends."""
    return [a.replace("\r", "").replace("\n", "").replace("\t", " ") for a in RAW] if variant == "official" else RAW


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_answer_is_read_as_the_program_reads_it(variant: str, golden_data: DataFolder) -> None:
    benchmark = Mme(variant=variant)
    got = [s.reading for s in scored(benchmark, benchmark.load(golden_data), answers(variant))]
    words = {"other": "neither", "unknown": "neither"}
    expected = [row[variant].lower() for row in golden_lines("mme/expected_readings.jsonl")]
    assert got == [words.get(word, word) for word in expected]


def test_totals_and_tasks_are_the_official_ones(golden_data: DataFolder) -> None:
    got = measured(Mme(), Mme().load(golden_data), answers("official"))
    check(got, EXPECTED["official"], {n: n for n in ("perception", "cognition", "hallucination_subset")})
    for task in TASKS:
        names = {"score": "score", "accuracy": "acc", "accuracy_plus": "acc_plus", "precision": "precision", "recall": "recall"}
        check(got, EXPECTED["official"]["tasks"][task], {f"{ours}[{task}]": theirs for ours, theirs in names.items()})


@pytest.mark.parametrize("variant", ["lmms_eval", "vlmevalkit"])
def test_every_task_has_the_score_of_the_other_harnesses(variant: str, golden_data: DataFolder) -> None:
    benchmark = Mme(variant=variant)
    got = measured(benchmark, benchmark.load(golden_data), RAW)
    expected = EXPECTED[variant].get("tasks", EXPECTED[variant])
    check(got, expected, {f"score[{task}]": task for task in TASKS})


@pytest.mark.parametrize("case", [c for c in golden("mme/degenerate.json") if c["name"] in SYSTEMATIC], ids=lambda c: c["name"])
def test_a_systematic_answer_has_the_numbers_of_each_program(case: dict, golden_data: DataFolder) -> None:
    """Where the official program stops, at a task without a readable answer, that task scores 0 and the others what they do."""
    items = Mme().load(golden_data)
    texts = [SYSTEMATIC[case["name"]](item.truth["label"].capitalize(), item.truth["task"]) for item in items]
    got = {variant: measured(Mme(variant=variant), items, texts) for variant in VARIANTS}
    for variant in VARIANTS:
        check(got[variant], case[variant].get("tasks", case[variant]), {f"score[{task}]": task for task in TASKS})
    check(got["lmms_eval"], case["lmms_eval"]["totals"], {n: f"mme_{n}_score" for n in ("perception", "cognition")})
    check(got["vlmevalkit"], case["vlmevalkit"], {"perception": "perception", "cognition": "reasoning"})
    if not case["official"]["exception"]:
        assert [got["official"]["perception"], got["official"]["cognition"]] == pytest.approx(case["official"]["totals"])
    if first := case["official"]["first_task"]:
        added = sums(scored(Mme(), items, texts))
        assert {name: added[f"existence/{ours}"] for name, ours in CELLS.items()} == {name: first[name] for name in CELLS}


def test_lmms_evals_totals_and_every_cell_of_the_official_tasks(golden_data: DataFolder) -> None:
    got = measured(Mme(variant="lmms_eval"), Mme().load(golden_data), RAW)
    check(got, EXPECTED["lmms_eval"]["totals"], {n: f"mme_{n}_score" for n in ("perception", "cognition")})
    added = sums(scored(Mme(), Mme().load(golden_data), answers("official")))
    for task, expected in EXPECTED["official"]["tasks"].items():
        assert {name: added[f"{task}/{ours}"] for name, ours in CELLS.items()} == {name: expected[name] for name in CELLS}


def test_a_task_without_a_readable_answer_scores_0_where_the_official_program_stops(golden_data: DataFolder) -> None:
    got = measured(Mme(), Mme().load(golden_data), [""] * len(RAW))
    assert got["perception"] == 0 and got["unread"] == 1


def test_an_image_with_one_answer_is_in_no_pair(golden_data: DataFolder) -> None:
    items = Mme().load(golden_data)
    got = measured(Mme(), items, [item.truth["label"] for item in items][:23])  # the first task has 24
    assert got["accuracy_plus[existence]"] == 1.0 and got["accuracy[existence]"] == 1.0
    scores = scored(Mme(), items, [item.truth["label"] for item in items][:23])
    assert scores[-1].values["joint/existence/image/incomplete"] == 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"category": "sport"}, "'sport' is not one of MME's tasks"),
        ({"answer": "maybe"}, "the label is 'maybe'"),
        ({"question_id": ""}, "'question_id' names no image file"),
        ({"question_id": "existence/other.jpg"}, "has 1 question"),
        ({"answer": "No"}, "label of both questions about .* is no"),
    ],
)
def test_a_bad_row_is_named(change: dict, words: str, folder: DataFolder) -> None:
    rows = golden_lines("mme/questions.jsonl")[:4]
    put(folder, "mme/questions.jsonl", [rows[0], rows[1], {**rows[2], **change}, rows[3]])
    with pytest.raises(DataError, match=words) as raised:
        Mme().load(folder)
    assert "mme/questions.jsonl, line 3" in str(raised.value)


@pytest.mark.parametrize("change", [{}, {"category": "count"}])
def test_a_row_that_is_there_twice_is_named_also_under_another_task(change: dict, folder: DataFolder) -> None:
    rows = golden_lines("mme/questions.jsonl")[:2]
    put(folder, "mme/questions.jsonl", [*rows, {**rows[0], **change}])
    with pytest.raises(DataError, match=r"line 3 asks the same about existence/.* as mme/questions.jsonl, line 1"):
        Mme().load(folder)


def test_the_styles_replace_the_official_ending(golden_data: DataFolder) -> None:
    item = Mme().load(golden_data)[0]
    assert Mme().prompt(item) == item.question
    assert Mme(style="llava").prompt(item).endswith("image?\nAnswer the question using a single word or phrase.")


def test_a_total_without_a_value_names_the_tasks_that_lack_images(golden_data: DataFolder) -> None:
    benchmark = Mme()
    items = [item for item in benchmark.load(golden_data) if item.truth["task"] not in ("posters", "color")]
    why = {m.key: m.why for m in metrics(items, scored(benchmark, items, ["Yes"] * len(items)), benchmark.formulas)}
    assert why["perception"] == "no answers (color, posters)"
