"""Votes go to Label Studio and come back: none is lost, none is invented."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.audit.label_studio import tasks_text, votes_from
from harness.core.errors import DataError
from harness.labels.cases import Case, Vote
from harness.labels.votes import Ballots

CASES = [Case("pope", str(n), "label", "yes", "a.jpg", f"Is there a dog {n}?", 0.5) for n in range(3)]


def vote(case: int, judgement: str, reviewer: str, minute: int = 0, comment: str = "") -> Vote:
    return Vote("pope", str(case), "label", "yes", judgement, reviewer, f"2026-11-25T10:{minute:02}:00+00:00", comment)


VOTES = [vote(0, "right", "Ada"), vote(0, "wrong", "Grace", 1, "a cat\nnot a dog"), vote(2, "skip", "Ada", 2)]


def test_a_round_trip_loses_no_vote() -> None:
    assert votes_from(tasks_text(CASES, VOTES), "export.json") == VOTES


def changed(**annotation: Any) -> str:
    tasks = json.loads(tasks_text(CASES, VOTES[:1]))
    tasks[0]["annotations"][0] |= annotation
    return json.dumps(tasks)


def test_of_two_annotations_of_one_reviewer_the_later_counts_and_both_are_kept() -> None:
    votes = votes_from(tasks_text(CASES, [vote(0, "wrong", "Ada", 5), vote(0, "right", "Ada", 1)]), "export.json")
    assert [v.judgement for v in votes] == ["right", "wrong"]
    assert Ballots(votes).of(CASES[0].key).votes["Ada"].judgement == "wrong"


def test_a_reviewer_known_only_by_number_is_named_as_such() -> None:
    assert votes_from(changed(completed_by=7), "x")[0].reviewer == "label-studio user 7"


def test_a_cancelled_annotation_is_a_skip() -> None:
    assert votes_from(changed(was_cancelled=True, result=[]), "x")[0].judgement == "skip"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(result=[{"from_name": "judgement", "value": {"choices": ["maybe"]}}]), "['maybe'] is not one of right"),
        (changed(result=[]), "[] is not one of right"),
        (changed(completed_by=None), "does not say who made it"),
        ('{"a": 1}', "is not a list of tasks"),
        ('[{"data": {"text": "x"}, "annotations": []}]', "task 1: its data have no benchmark"),
        ("[3]", "task 1: its data have no benchmark"),
        ("[", "is not JSON"),
    ],
)
def test_another_export_is_refused_whole(text: str, message: str) -> None:
    with pytest.raises(DataError) as refused:
        votes_from(text, "export.json")
    assert message in str(refused.value)
