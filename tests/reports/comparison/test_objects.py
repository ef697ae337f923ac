"""Which yes/no questions are counted by object, which by their type, and which are no yes/no questions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.comparison.compare import compare
from reports.comparison.objects import objects
from reports.page.objects import objects_views
from reports.values.details import ObjectCount
from reports.writers import html
from tests.reports.comparison.answered import COLUMNS, Row, answered


def counted(name: str, rows: list[Row]) -> tuple[ObjectCount, ...]:
    """Counts of one checkpoint that gave these answers."""
    return objects(COLUMNS, [answered(name, rows)], COLUMNS)


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
    (found,) = counted("mme", [("Is there a red coat in the image?", {"label": "no", "task": task, "groups": {}}, "Yes")])
    assert (found.about, found.subject, found.counts) == (about, subject, {"fp": 1})


@pytest.mark.parametrize(("name", "truth"), [
    ("mme", {"label": "no", "task": "existence", "groups": {}}), ("amber", {"truth": "no", "kind": "existence"}),
    ("gqa", {"answer": "no", "type": "verify"}),
])  # fmt: skip
def test_unread_answers_are_among_those_asked(name: str, truth: dict[str, object]) -> None:
    asked = "Is there a dog in the image?"
    found, *_ = counted(name, [(asked, truth, "Yes"), (asked, truth, "No"), (asked, truth, "A dog.")])
    assert (found.subject, found.counts) == ("dog", {"fp": 1, "tn": 1, "unread": 1})


def test_a_page_does_not_call_types_of_questions_objects(record) -> None:
    counts = counted("gqa", [("Is the car red?", {"answer": "yes", "type": "verify"}, "No")])
    comparison = replace(compare([record]), objects=counts)
    (view,) = objects_views(comparison)
    assert view.about == "type of question"
    page = html.write(comparison)
    section = page[page.index("GQA by type of question") :].partition("</section>")[0]
    assert "wrongly no" in section and "absent" not in section and "Object" not in section
