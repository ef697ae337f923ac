"""Votes go to Label Studio and come back: none is lost, none is invented."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.audit.label_studio import placed, tasks_text, votes_from
from harness.audit.review_sheet import Filled, Place, Refused, Shown
from harness.core.errors import DataError
from harness.labels.cases import Case, Key, Vote
from harness.labels.votes import Ballots
from harness.storage.vote_store import Reviews

CASES = [Case("pope", str(n), "label", "yes", "a.jpg", f"Is there a dog {n}?", 0.5) for n in range(3)]


def vote(case: int, judgement: str, reviewer: str, minute: int = 0, comment: str = "") -> Vote:
    return Vote("pope", str(case), "label", "yes", judgement, reviewer, f"2026-11-25T10:{minute:02}:00+00:00", comment)


VOTES = [vote(0, "right", "Ada"), vote(0, "wrong", "Grace", 1, "a cat\nnot a dog"), vote(2, "skip", "Ada", 2)]


def exported(*votes: Vote, **more: Any) -> str:
    """Label Studio's export of the tasks of `CASES` after these votes were cast on its page; `more`: of every annotation."""
    tasks = json.loads(tasks_text(CASES))
    for task in tasks:
        own = [one for one in votes if one.item_id == task["data"]["item_id"]]
        task["annotations"] = [annotation(one) | more for one in own]
    return json.dumps(tasks)


def annotation(one: Vote) -> dict[str, Any]:
    parts = {"judgement": ("choices", one.judgement), "comment": ("text", one.comment)}
    result = [{"from_name": name, "value": {kind: [said]}} for name, (kind, said) in parts.items() if said]
    return {"completed_by": {"email": one.reviewer}, "created_at": one.at, "lead_time": 3.2, "result": result}


def test_a_round_trip_loses_no_vote() -> None:
    assert votes_from(exported(*VOTES), "export.json").votes == VOTES


def test_votes_so_far_are_data_of_the_task_since_label_studio_refuses_annotations_by_those_it_does_not_know() -> None:
    tasks = json.loads(tasks_text(CASES, VOTES))
    assert [task["data"]["votes_so_far"] for task in tasks] == ["Ada: right\nGrace: wrong (a cat\nnot a dog)", "", "Ada: skip"]
    assert all(set(task) == {"data"} for task in tasks)


def test_an_image_is_named_as_label_studio_serves_a_file() -> None:
    (task,) = json.loads(tasks_text([replace(CASES[0], image="coco/val 2014/a&b#1.jpg")]))
    assert task["data"]["image"] == "/data/local-files/?d=coco/val%202014/a%26b%231.jpg"


def read(reviews: Reviews, text: str) -> int:
    """How many new votes the store takes from an export."""
    filled = votes_from(text, "x")
    return reviews.take(filled.votes, filled.dated).new


@pytest.mark.parametrize(
    ("minute", "more", "new"),
    [(1, {}, 0), (9, {}, 1), (9, {"lead_time": None}, 0), (9, {"created_at": None}, 0)],
    ids=["older than the change", "later", "later, but imported: the time is the import's", "without a time"],
)
def test_a_vote_that_was_changed_comes_back_only_where_it_was_cast_again(
    tmp_path: Path, minute: int, more: dict[str, Any], new: int
) -> None:
    with Reviews(tmp_path / "store.sqlite") as reviews:
        reviews.take([vote(0, "right", "Ada")])
        reviews.take([vote(0, "wrong", "Ada", 5)])
        assert read(reviews, exported(vote(0, "right", "Ada", minute), **more)) == new


def test_an_older_vote_of_label_studio_does_not_replace_a_later_one(tmp_path: Path) -> None:
    with Reviews(tmp_path / "store.sqlite") as reviews:
        reviews.take([vote(0, "wrong", "Ada", 5)])
        assert read(reviews, exported(vote(0, "right", "Ada", 1))) == 0


def changed(**annotation: Any) -> str:
    return exported(VOTES[0], **annotation)


def test_of_two_annotations_of_one_reviewer_the_later_counts_and_both_are_kept() -> None:
    votes = votes_from(exported(vote(0, "wrong", "Ada", 5), vote(0, "right", "Ada", 1)), "export.json").votes
    assert [v.judgement for v in votes] == ["right", "wrong"]
    assert Ballots(votes).of(CASES[0].key).votes["Ada"].judgement == "wrong"


def test_a_reviewer_known_only_by_number_is_named_as_such() -> None:
    assert votes_from(changed(completed_by=7), "x").votes[0].reviewer == "label-studio user 7"


def by(*people: Any) -> str:
    """An export with one annotation of each of these, on one case after the other."""
    tasks = json.loads(exported(*(vote(n, "right", "x") for n in range(len(people)))))
    for task, who in zip(tasks, people, strict=False):
        task["annotations"][0]["completed_by"] = who
    return json.dumps(tasks)


ADA = {"id": 3, "email": "Ada@example.org", "username": "ada"}


def test_a_bare_number_is_the_person_whom_the_export_names_elsewhere() -> None:
    named = [v.reviewer for v in votes_from(by(3, ADA, {"id": 3, "username": "ada"}), "x").votes]
    assert named == ["ada@example.org"] * 3
    assert [v.reviewer for v in votes_from(by(3, {"id": 4, "email": "bob@example.org"}, 4), "x").votes] == [
        "label-studio user 3", "bob@example.org", "bob@example.org",
    ]  # fmt: skip


def test_a_number_that_two_people_have_stays_a_number() -> None:
    """Exports of two servers, put together."""
    named = [v.reviewer for v in votes_from(by(3, ADA, {"id": 3, "email": "bob@example.org"}), "x").votes]
    assert named == ["label-studio user 3", "Ada@example.org", "bob@example.org"]


@pytest.mark.parametrize("first", [3, ADA])
def test_a_number_of_another_export_is_the_person_whom_the_store_knows(tmp_path: Path, first: Any) -> None:
    second = ADA if first == 3 else 3
    with Reviews(tmp_path / "store.sqlite") as reviews:
        for who, new in ((first, 1), (second, 0)):  # the same vote, once by number
            reviews.know(votes_from(by(who), "x").users)
            assert read(reviews, by(who)) == new
        assert reviews.ballots().reviewers() == ["ada@example.org"]
        assert {v.reviewer for v in reviews.votes()} == {"ada@example.org"}
        reviews.know({"label-studio user 3": "bob@example.org"})  # another server's
        assert reviews.ballots().names.of("label-studio user 3") == "label-studio user 3"


def test_a_cancelled_annotation_is_a_skip() -> None:
    assert votes_from(changed(was_cancelled=True, result=[]), "x").votes[0].judgement == "skip"


def test_two_reviewers_of_one_first_name_stay_two() -> None:
    tasks = json.loads(exported(*VOTES[:2]))
    for n, one in enumerate(tasks[0]["annotations"]):
        one["completed_by"] = {"id": n + 1, "email": "", "first_name": "Ada"}
    assert {v.reviewer for v in votes_from(json.dumps(tasks), "x").votes} == {"label-studio user 1", "label-studio user 2"}


def test_an_annotation_that_stands_twice_is_stored_once(tmp_path: Path) -> None:
    with Reviews(tmp_path / "store.sqlite") as reviews:
        assert read(reviews, exported(VOTES[0], VOTES[0])) == 1 and len(reviews.votes()) == 1


def test_reading_an_export_again_does_not_bring_back_a_vote_that_was_changed(tmp_path: Path) -> None:
    text = exported(vote(0, "wrong", "Ada", 1), vote(0, "right", "Ada", 5))
    with Reviews(tmp_path / "store.sqlite") as reviews:
        assert [read(reviews, text) for _ in range(2)] == [2, 0]
        assert reviews.ballots().of(CASES[0].key).votes["Ada"].judgement == "right"


def known(text: str, ids: set[str], place: Place = lambda key, shown: key._replace(about="q")) -> Filled:
    return placed(votes_from(text, "export.json"), {"pope": ids}, place, "export.json")


def test_another_projects_export_is_refused_by_name() -> None:
    assert {vote.about for vote in known(exported(*VOTES), {"0", "1", "2"}).votes} == {"q"}
    with pytest.raises(DataError, match=r"export.json: 1 of its items are in no run here \(pope 2\)"):
        known(exported(*VOTES), {"0", "1"})


def test_a_task_whose_label_is_not_the_items_is_refused() -> None:
    def place(key: Key, shown: Shown) -> Key | Refused:
        return Refused("has another label.", "") if key[1] == "2" else key

    with pytest.raises(DataError, match=r"export.json: the task of pope 2 has another label\."):
        known(exported(*VOTES), {"0", "1", "2"}, place)


def test_times_of_other_zones_are_compared_as_times() -> None:
    """12:00 at +02:00 is 10:00 in UTC, an hour before 11:00."""
    first, last = ({"at": at} for at in ("2026-11-25T12:00:00+02:00", "2026-11-25T11:00:00Z"))
    votes = votes_from(exported(replace(vote(0, "wrong", "Ada"), **last), replace(vote(0, "right", "Ada"), **first)), "x").votes
    assert [(v.judgement, v.at) for v in votes] == [
        ("right", "2026-11-25T10:00:00+00:00"), ("wrong", "2026-11-25T11:00:00+00:00"),
    ]  # fmt: skip


def test_a_time_that_was_kept_with_its_zone_is_compared_as_a_time(tmp_path: Path) -> None:
    with Reviews(tmp_path / "store.sqlite") as reviews:
        reviews.take([replace(vote(0, "right", "Ada"), at="2026-11-25T12:30:00+02:00")])  # as earlier versions kept it
        assert read(reviews, exported(replace(vote(0, "wrong", "Ada"), at="2026-11-25T11:00:00Z"))) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(result=[{"from_name": "judgement", "value": {"choices": ["maybe"]}}]), "['maybe'] is not one of right"),
        (changed(result=[]), "[] is not one of right"),
        (changed(completed_by=None), "does not say who made it"),
        (changed(created_at="not a time"), "'not a time' is not a time (ISO 8601, such as"),
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
