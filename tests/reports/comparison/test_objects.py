"""Which yes/no questions are counted by object, which by their type, and which are no yes/no questions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core import registry
from harness.core.evaluation import Answer, Item
from harness.core.run_record import BenchmarkResult, Checkpoint, ProtocolRecord, SweepResult
from reports.comparison.compare import compare
from reports.comparison.objects import objects
from reports.page.objects import objects_views
from reports.values.details import ObjectCount
from reports.values.table import Column
from reports.writers import html


def counted(name: str, rows: list[tuple[str, dict[str, object], str]]) -> tuple[ObjectCount, ...]:
    """Counts of one checkpoint that gave these answers; a row is question, truth, answer."""
    benchmark = registry.make("benchmark", name, {})
    items = tuple(Item(str(n), f"{n}.jpg", question, truth) for n, (question, truth, _) in enumerate(rows))
    answers = tuple(Answer(item.id, said, 1, "end") for item, (_, _, said) in zip(items, rows, strict=True))
    scores = tuple(benchmark.score(item, answer) for item, answer in zip(items, answers, strict=True))
    result = BenchmarkResult(name, ProtocolRecord({}), items, answers, scores, benchmark.formulas)
    result = replace(result, subject=benchmark.subject, reference=benchmark.reference, asked_object=benchmark.asked_object)
    columns = [Column("base", "", "", "", "", "", True, True)]
    return objects(columns, [SweepResult("base", Checkpoint("", "", "", ""), (result,))], columns)


def test_a_yes_to_a_question_that_is_not_a_yes_no_question_invents_nothing() -> None:
    assert counted("gqa", [("What color is the chair?", {"answer": "brown", "type": "query"}, "Yes")]) == ()


def test_gqa_counts_objects_that_are_asked_about_and_else_the_type_of_yes_no_questions() -> None:
    rows = [
        ("Is there a dog in the image?", {"answer": "no", "type": "verify"}, "Yes"),
        ("Is the car red?", {"answer": "yes", "type": "verify"}, "No"),
        ("Is it red or blue?", {"answer": "red", "type": "choose"}, "No"),
        ("Are both red?", {"answer": "yes", "type": "logical"}, "Yes"),
    ]
    assert [(o.about, o.subject, o.counts) for o in counted("gqa", rows)] == [
        ("object", "dog", {"fp": 1}),
        ("type of question", "verify", {"fn": 1, "fp": 1}),
    ]


@pytest.mark.parametrize(("task", "about", "subject"), [
    ("existence", "object", "red coat"),
    ("color", "type of question", "color"),
])  # fmt: skip
def test_of_mme_the_existence_task_alone_asks_about_objects(task: str, about: str, subject: str) -> None:
    (found,) = counted("mme", [("Is there a red coat in the image?", {"label": "no", "task": task}, "Yes")])
    assert (found.about, found.subject, found.counts) == (about, subject, {"fp": 1})


def test_a_page_does_not_call_types_of_questions_objects(record) -> None:
    counts = counted("gqa", [("Is the car red?", {"answer": "yes", "type": "verify"}, "No")])
    comparison = replace(compare([record]), objects=counts)
    (view,) = objects_views(comparison)
    assert view.about == "type of question"
    page = html.write(comparison)
    section = page[page.index("GQA by type of question") :].partition("</section>")[0]
    assert "wrongly no" in section and "absent" not in section and "Object" not in section
