"""Votes go to Label Studio and come back: none is lost, none is invented."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.audit.label_studio import check_known, tasks_text, users_in, votes_from
from harness.audit.review_sheet import Refused
from harness.core.errors import DataError
from harness.labels.cases import Case, Key, Vote
from harness.labels.votes import Ballots
from harness.storage.vote_store import Reviews

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


def by(*people: Any) -> str:
    """An export with one annotation of each of these, on one case after the other."""
    tasks = json.loads(tasks_text(CASES, [vote(n, "right", "x") for n in range(len(people))]))
    for task, who in zip(tasks, people, strict=False):
        task["annotations"][0]["completed_by"] = who
    return json.dumps(tasks)


ADA = {"id": 3, "email": "Ada@example.org", "username": "ada"}


def test_a_bare_number_is_the_person_whom_the_export_names_elsewhere() -> None:
    named = [v.reviewer for v in votes_from(by(3, ADA, {"id": 3, "username": "ada"}), "x")]
    assert named == ["ada@example.org"] * 3
    assert [v.reviewer for v in votes_from(by(3, {"id": 4, "email": "bob@example.org"}, 4), "x")] == [
        "label-studio user 3", "bob@example.org", "bob@example.org",
    ]  # fmt: skip


def test_a_number_that_two_people_have_stays_a_number() -> None:
    """Exports of two servers, put together."""
    named = [v.reviewer for v in votes_from(by(3, ADA, {"id": 3, "email": "bob@example.org"}), "x")]
    assert named == ["label-studio user 3", "Ada@example.org", "bob@example.org"]


@pytest.mark.parametrize("first", [3, ADA])
def test_a_number_of_another_export_is_the_person_whom_the_store_knows(tmp_path: Path, first: Any) -> None:
    second = ADA if first == 3 else 3
    with Reviews(tmp_path / "store.sqlite") as reviews:
        for who, new in ((first, 1), (second, 0)):  # the same vote, once by number
            reviews.know(users_in(by(who), "x"))
            assert reviews.take(votes_from(by(who), "x"), dated=True).new == new
        assert reviews.ballots().reviewers() == ["ada@example.org"]
        assert {v.reviewer for v in reviews.votes()} == {"ada@example.org"}
        reviews.know({"label-studio user 3": "bob@example.org"})  # another server's
        assert reviews.ballots().names.of("label-studio user 3") == "label-studio user 3"


def test_a_cancelled_annotation_is_a_skip() -> None:
    assert votes_from(changed(was_cancelled=True, result=[]), "x")[0].judgement == "skip"


def test_two_reviewers_of_one_first_name_stay_two() -> None:
    tasks = json.loads(tasks_text(CASES, VOTES[:2]))
    for n, one in enumerate(tasks[0]["annotations"]):
        one["completed_by"] = {"id": n + 1, "email": "", "first_name": "Ada"}
    assert {v.reviewer for v in votes_from(json.dumps(tasks), "x")} == {"label-studio user 1", "label-studio user 2"}


def test_an_annotation_that_stands_twice_is_stored_once(tmp_path: Path) -> None:
    tasks = json.loads(tasks_text(CASES, VOTES[:1]))
    tasks[0]["annotations"] *= 2
    with Reviews(tmp_path / "store.sqlite") as reviews:
        assert reviews.take(votes_from(json.dumps(tasks), "x")).new == 1 and len(reviews.votes()) == 1


def test_reading_an_export_again_does_not_bring_back_a_vote_that_was_changed(tmp_path: Path) -> None:
    text = tasks_text(CASES, [vote(0, "wrong", "Ada", 1), vote(0, "right", "Ada", 5)])
    with Reviews(tmp_path / "store.sqlite") as reviews:
        assert [reviews.take(votes_from(text, "x")).new for _ in range(2)] == [2, 0]
        assert reviews.ballots().of(CASES[0].key).votes["Ada"].judgement == "right"


def test_another_projects_export_is_refused_by_name() -> None:
    check_known(VOTES, {"pope": {"0", "1", "2"}}, lambda key: None, "export.json")
    with pytest.raises(DataError, match=r"export.json: 1 of its items are in no run here \(pope 2\)"):
        check_known(VOTES, {"pope": {"0", "1"}}, lambda key: None, "export.json")


def test_a_task_whose_label_is_not_the_items_is_refused() -> None:
    def fault(key: Key) -> Refused | None:
        return Refused("has another label.", "") if key[1] == "2" else None

    with pytest.raises(DataError, match=r"export.json: the task of pope 2 has another label\."):
        check_known(VOTES, {"pope": {"0", "1", "2"}}, fault, "export.json")


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
