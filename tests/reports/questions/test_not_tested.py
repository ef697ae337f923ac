"""Direct tests that are not made are named with the reason that holds; sentences claim nothing empty."""

import math
from dataclasses import replace

import pytest

from harness.core.evaluation import Score
from reports.comparison.compare import compare
from reports.questions.words import claims
from reports.values.questions import Question
from reports.writers import markdown
from tests.reports.questions.test_questions import study


@pytest.fixture(scope="module")
def arms(make):
    many, few = make.Habits(0.34, 0.72, 0.30, 18), make.Habits(0.14, 0.74, 0.10, 16)
    return study(make, [("small", many, {"pairs.limit": 80}), ("full", few, {})])


def with_results(record, change):
    return replace(record, sweeps=tuple(replace(s, results=tuple(change(i, s))) for i, s in enumerate(record.sweeps)))


def test_a_benchmark_in_several_wordings_is_said_to_be_so(arms):
    def worded(_, sweep):
        pope, chair = sweep.results
        return [replace(pope, benchmark="pope-wording1"), replace(pope, benchmark="pope-wording2"), chair]

    (question,) = compare([with_results(record, worded) for record in arms]).questions
    assert question.not_tested == (
        "800 against 80 on pope: it is asked in several wordings, over which direct tests make no mean",
    )
    assert {test.benchmark for test in question.tests} == {"chair"}


def test_a_metric_that_one_arm_does_not_have_is_named_with_its_reason(arms):
    def naming_nothing(i, sweep):
        pope, chair = sweep.results
        nothing = {
            "mentions": 0.0,
            "invented": 0.0,
            "has_invented": 0.0,
            "captions": 1.0,
            "found": 0.0,
            "truths": 5.0,
            "words": 3.0,
        }
        scores = tuple(Score(score.item_id, nothing) for score in chair.scores)
        return [pope, replace(chair, scores=scores) if i else chair]

    small, full = arms
    (question,) = compare([small, with_results(full, naming_nothing)]).questions
    assert question.not_tested == ("800 against 80 on chair: CHAIRi is unknown for full: no object was mentioned",)
    assert "chair_i" not in {test.key for test in question.tests}


@pytest.fixture(scope="module")
def made(arms):
    return compare(arms)


@pytest.fixture
def question(made):
    (found,) = made.questions
    return found


def one_test(question: Question, low: float, high: float) -> Question:
    (test,) = (t for t in question.tests if t.key == "chair_i")
    moved = replace(test.difference, value=(low + high) / 2, low=low, high=high)
    return replace(question, tests=(replace(test, difference=moved, significant=""),))


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (-0.04, 0.02, "differences below −4.00 or above +2.00 points are excluded (95 %)."),
        (-1.0, 0.02, "differences above +2.00 points are excluded (95 %)."),
        (-0.04, 1.0, "differences below −4.00 points are excluded (95 %)."),
        (-1.0, 1.0, "no difference is excluded."),
    ],
)
def test_differences_that_no_share_can_have_are_not_said_to_be_excluded(made, question, low, high, says):
    (text,) = (c for c in claims(one_test(question, low, high), made.short) if c.startswith("CHAIRi: "))
    assert text.endswith(says)


def test_a_difference_of_relative_scores_may_be_larger_than_a_share_can_be(made, question):
    """LLaVA-Bench's relative score has no upper end, and HallusionBench's yes_difference can change by 200 points."""
    table = made.short
    for bounds, above in (((0.0, math.inf), 1.5), ((-1.0, 1.0), 1.5), ((-1.0, 1.0), 2.0)):
        rows = tuple(replace(row, bounds=bounds) for row in table.rows)
        (text,) = (c for c in claims(one_test(question, -0.04, above), replace(table, rows=rows)) if c.startswith("CHAIRi: "))
        assert ("above +150.00 points" in text) == (above == 1.5)


def test_what_has_no_interval_says_why(made, question):
    (test,) = one_test(question, -0.1, 0.2).tests
    unknown = replace(test.difference, low=None, high=None, why="fewer than 5 images count")
    lacking = replace(question, tests=(replace(test, difference=unknown),))
    (text,) = (c for c in claims(lacking, made.short) if c.startswith("CHAIRi: "))
    assert text == "CHAIRi: there is no interval: fewer than 5 images count."


@pytest.mark.parametrize(
    ("n", "last"), [(4, "reason 3."), (5, "1 more comparison, see report.json."), (9, "5 more comparisons, see report.json.")]
)
def test_comparisons_beyond_the_first_four_are_counted(made, question, n, last):
    told = claims(replace(question, not_tested=tuple(f"reason {i}" for i in range(n))), made.short)
    assert told[-1] == f"Not tested: {last}"


def test_a_question_without_tests_has_no_empty_table(made):
    (question,) = made.questions
    written = markdown.write(replace(made, questions=(replace(question, tests=(), not_tested=("other seeds",)),)))
    assert "not tested against each other" in written and "|  |\n| --- |" not in written
