"""The confusion matrix counts what was answered, each question once, whatever the metrics count an unread answer as."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.comparison.confusion import confusions
from reports.page.objects import confusion_views
from reports.values.details import Confusion
from tests.reports.comparison.answered import COLUMNS, Row, answered

SAID = ("Yes.", "No.", "A dog.", "")
_BEAF = {"original": "0.jpg", "edited": False, "removed": False}
_TRUTH = {
    "mme": {"task": "count", "groups": {}}, "dash_b": {"object": "harp"}, "hallucinogen": {"task": "id", "object": "dog"},
    "beaf": _BEAF,
}  # fmt: skip


def counted(name: str, rows: list[Row], options: dict[str, object] | None = None) -> tuple[Confusion, ...]:
    return confusions(COLUMNS, [answered(name, rows, options)], COLUMNS)


def cells(c: Confusion) -> tuple[float, ...]:
    return c.tp, c.fp, c.tn, c.fn, c.unread_yes, c.unread_no


def rows_of(name: str) -> list[Row]:
    """Every answer to a question of either label; of POPE one that stands in two splits, twice in the first."""
    if name == "pope":
        return [("", {"labels": {"random": [label] * 2, "popular": [label]}}, said) for label in ("yes", "no") for said in SAID]
    return [("", {"label": label, **_TRUTH[name]}, said) for label in ("yes", "no") for said in SAID]


@pytest.mark.parametrize(("name", "options"), [
    ("beaf", {"variant": "strict"}), ("beaf", {"variant": "official"}), ("dash_b", {}), ("hallucinogen", {}),
    *(("mme", {"variant": variant}) for variant in ("official", "lmms_eval", "vlmevalkit")),
    *(("pope", {"variant": variant}) for variant in ("llava", "official", "opera", "repope", "contains", "vlmevalkit")),
])  # fmt: skip
def test_the_cells_of_a_slice_add_up_to_its_questions(name: str, options: dict[str, object]) -> None:
    """And the share of labels that are yes is that of the questions."""
    slices = {c.group: cells(c) for c in counted(name, rows_of(name), options)}
    assert {group: sum(found) for group, found in slices.items()} == (
        {"random": 16, "popular": 8} if name == "pope" else {{"mme": "count", "hallucinogen": "id"}.get(name, ""): 8}
    )
    assert all(2 * (tp + fn + unread_yes) == sum(found) for found in slices.values() for tp, _, _, fn, unread_yes, _ in [found])


def test_an_unread_answer_stands_under_its_label_and_is_no_no() -> None:
    rows = [("", {"labels": {"random": ["yes"]}}, "I cannot tell."), ("", {"labels": {"random": ["no"]}}, "I cannot tell.")]
    assert [cells(c) for c in counted("pope", rows, {"variant": "contains"})] == [(0, 0, 0, 0, 1, 1)]


def test_rates_of_a_page_are_of_all_questions(compared) -> None:
    ((_, ((_, (view,)),), unread),) = confusion_views(replace(compared, confusions=counted("mme", rows_of("mme"))))
    assert unread and (view.yes_rate, view.labels_yes, view.accuracy) == ("25.0", "50.0", "25.0")
