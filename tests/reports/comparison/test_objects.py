"""Which yes/no questions are counted by object, which by their type, and which are no yes/no questions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.evaluation import Item, Score, Span
from harness.core.run_record import BenchmarkResult, Checkpoint, ProtocolRecord, SweepResult
from reports.comparison.confusion import confusions
from reports.comparison.objects import objects
from reports.page.objects import confusion_views, objects_views
from reports.values.details import ObjectCount
from reports.values.table import Column
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


def test_a_page_does_not_call_types_of_questions_objects(compared) -> None:
    counts = counted("gqa", [("Is the car red?", {"answer": "yes", "type": "verify"}, "No")])
    comparison = replace(compared, objects=counts)
    (view,) = objects_views(comparison)
    assert view.about == "type of question"
    page = html.write(comparison)
    section = page[page.index("GQA by type of question</h2>") :].partition("</section>")[0]
    assert "wrongly no" in section and "absent" not in section and "Object" not in section


# ---------------------------------------------------------------- two seeds of one method

SEEDS = [Column(f"dpo-s{n}", "", "", "", "", "", True) for n in (1, 2)]
METHOD = [Column("dpo", "", "", "", "", "", True, places=(0, 1))]
OF_DOGS, OF_CATS = ("Is there a dog in the image?", "no"), ("Is there a cat in the image?", "yes")


def questions(*said: str) -> list[Row]:
    return [(text, {"label": label, "task": "existence", "groups": {}}, answer)
            for (text, label), answer in zip((OF_DOGS, OF_CATS), said, strict=True)]  # fmt: skip


def test_counts_that_are_halves_are_not_rounded_to_whole_numbers(compared) -> None:
    """One seed says yes to the dog, the other does not: 0.5 of 1 are wrong, which reads neither as 0 nor as 1."""
    sweeps = [answered("mme", questions(said, "Yes")) for said in ("Yes", "No")]
    found = replace(compared, objects=objects(SEEDS, sweeps, METHOD), confusions=confusions(SEEDS, sweeps, METHOD))
    ((_, ((_, (line,)),), _),) = confusion_views(found)
    assert (line.tp, line.fn, line.fp, line.tn) == ("1.0", "0.0", "0.5", "0.5")
    page = html.write(found)
    section = page[page.index("MME by object</h2>") :].partition("</section>")[0]
    assert '0.5 + 0.0 <span class="soft">of 1.0</span>' in section


def test_whole_counts_have_no_digits(compared) -> None:
    sweeps = [answered("mme", questions("Yes", "Yes"))] * 2
    ((_, ((_, (line,)),), _),) = confusion_views(replace(compared, confusions=confusions(SEEDS, sweeps, METHOD)))
    assert (line.tp, line.fn, line.fp, line.tn) == ("1", "0", "1", "0")


def test_objects_around_an_invention_are_a_mean_over_seeds_as_its_counts_are() -> None:
    """The first seed invents a kite beside a bird in two images, the second in one: 1.5, not 3."""
    items = tuple(Item(str(n), f"{n}.jpg", "", {"objects": ["bird"]}) for n in range(2))

    def seed(*invents: bool) -> SweepResult:
        scores = [Score(i.id, {}, spans=(Span(0, 4, "invented", "kite"),) * own) for i, own in zip(items, invents, strict=True)]
        result = BenchmarkResult("chair", ProtocolRecord({}), items, (), tuple(scores), ())
        return SweepResult("dpo", Checkpoint("", "", "", ""), (result,))

    (kite,) = objects(SEEDS, [seed(True, True), seed(True, False)], METHOD)
    assert (kite.counts, kite.seen_with) == ({"invented": 1.5}, {"bird": 1.5})
