"""Two question files number other questions alike: votes and edits go to the question that was judged, and to no other."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.pope import Pope
from harness.audit.audited_comparison import audited
from harness.audit.queue import gather, queue
from harness.audit.rescore_runs import rescore
from harness.audit.review_sheet import APART, Refused, Shown
from harness.audit.vote_files.earlier_votes import UNKNOWN_QUESTION, place_votes
from harness.audit.vote_files.known_labels import KnownLabels
from harness.core.evaluation import Item, LabelEdit, Span
from harness.core.run_record import Checkpoint
from harness.labels.caption_marks import CaptionMarks
from harness.labels.cases import CAPTION, Key, Vote, about, caption_field
from harness.labels.votes import Ballots
from harness.storage.label_edits import apply
from harness.storage.label_revisions import Revision, dumps, loads, write
from harness.storage.migrations import STEPS
from harness.storage.run_store import Store
from harness.storage.vote_store import Reviews
from tests.audit.test_rescore import accuracy, edit, keep

SPEC = {"name": "pope", "splits": ["random"]}
SAYS = {"0": "Yes.", "1": "No.", "2": "Yes."}


def items(*objects: str, label: str = "no") -> list[Item]:
    """Questions about one image, numbered from 0."""
    questions = [f"Is there a {name} in the image?" for name in objects]
    return [Item(str(n), "a.jpg", question, {"labels": {"random": [label]}}) for n, question in enumerate(questions)]


FIRST, SHIFTED = items("dog", "cat", "cow"), items("zebra", "dog", "cat")
DOG = about(FIRST[0], "label", free_text=False)


def both(store: Store, shifted: list[Item] = SHIFTED) -> None:
    keep(store, "v1", Pope(splits=["random"]), SPEC, FIRST, SAYS)
    keep(store, "v0", Pope(splits=["random"]), SPEC, shifted, SAYS)


def test_an_edit_is_of_its_question_and_a_conflict_where_the_id_is_anothers() -> None:
    flipped = replace(edit("0", "flipped"), about=DOG)
    assert [list(apply(Pope(), own, [flipped]).changed) for own in (FIRST, SHIFTED)] == [["0"], []]
    (conflict,) = apply(Pope(), SHIFTED, [flipped]).conflicts
    assert "another question or image than the edit is of" in conflict.why


def test_runs_of_both_files_take_their_own_edits_and_count_their_own_labels(store: Store) -> None:
    """All labels are "no" and 0 and 2 were answered yes: "dog" turned round makes 2 of 3 right in v1 alone."""
    both(store)
    for runs in (["v1", "v0"], ["v0", "v1"]):
        found = rescore(store, runs, [Revision("mine", "", (replace(edit("0", "flipped"), about=DOG),))])
        right = {record.run_id: accuracy(record.sweeps[0].results[0]) for record in found.audited}
        assert right == {"v1": pytest.approx(2 / 3), "v0": pytest.approx(1 / 3)}
        assert len(found.edits) == 1 and not found.conflicts and len(found.labels[0].claims) == 6
        assert {len(wrong) for wrong in found.labels[0].contradicted.values()} == {2}


def test_images_of_another_folder_and_other_wordings_are_the_same_label() -> None:
    moved = replace(FIRST[0], image="elsewhere/images/a.jpg")
    assert about(moved, "label", False) == DOG != about(replace(FIRST[0], image="b.jpg"), "label", False)
    worded = [Item("id/random/1", "a.jpg", text, {"object": "dog"}) for text in ("Is there a dog?", "Can you see a dog?")]
    assert about(worded[0], "label", False) == about(worded[1], "label", False)


@pytest.mark.parametrize("address", [
    "coco/val2014/COCO_80.jpg", "/data/local-files/?d=coco/val2014/COCO_80.jpg", "https://h/imgs/COCO_80.jpg",
    "s3://bucket/COCO_80.jpg", "https://h/COCO_80.jpg?X-Amz-Signature=a/b=c", "/data/upload/3/9af0c1d2-COCO_80.jpg",
    "coco\\val2014\\COCO_80.jpg",
])  # fmt: skip
def test_an_image_is_known_by_its_files_name_wherever_it_is_served(address: str) -> None:
    assert Shown("Is there a dog?", address).is_of("Is there a dog?", "coco/val2014/COCO_80.jpg")
    assert not Shown("Is there a dog?", address).is_of("Is there a dog?", "coco/val2014/COCO_8.jpg")


def test_an_edit_that_may_be_of_two_questions_is_not_applied(store: Store) -> None:
    old = Revision("old", "", (edit("0", "flipped"),))
    keep(store, "v1", Pope(splits=["random"]), SPEC, FIRST, SAYS)
    assert len(rescore(store, ["v1"], [old]).edits) == 1
    keep(store, "v0", Pope(splits=["random"]), SPEC, SHIFTED, SAYS)
    found = rescore(store, ["v1"], [old])
    assert not found.edits and "runs here have 2 questions under this id" in found.conflicts[0].why


def test_an_edit_goes_to_the_one_question_that_has_its_label(store: Store) -> None:
    both(store, items("zebra", "dog", "cat", label="yes"))
    found = rescore(store, ["v0", "v1"], [Revision("old", "", (edit("0", "flipped"),))])
    assert [one.about for one in found.edits] == [DOG] and not found.conflicts


def test_a_queue_has_the_questions_of_the_newest_run_without_answers_to_others(store: Store) -> None:
    keep(store, "v1", Pope(splits=["random"]), SPEC, FIRST, SAYS)
    (other,) = store.results("v1")
    store.begin(replace(store.runs()[0], id="a", name="a", created_at="2030-01-01"))  # by a clock that was put back since
    store.add_result("a", 0, replace(other, label="elsewhere", checkpoint=Checkpoint("e", "e", "", "e" * 64)))
    keep(store, "v0", Pope(splits=["random"]), SPEC, SHIFTED, SAYS)
    notes: list[str] = []
    cases = {case.item_id: case for case in queue(store, "pope", tell=notes.append)}
    assert cases["0"].question == SHIFTED[0].question and cases["0"].about == about(SHIFTED[0], "label", free_text=False)
    assert "different questions under 3 ids of pope (such as 0)" in notes[0] and "v0" in notes[0]
    answered = {witness.name: set(witness.answers) for witness in gather(store)["pope"].witnesses}
    assert answered == {"base": {"0", "1", "2"}, "elsewhere": set()}  # of one checkpoint the newest result counts
    assert "No data folder of these runs is on this machine (the newest: /nowhere)" in notes[1]


def old_vote(judgement: str = "wrong", item: str = "0", label: str = "no") -> Vote:
    return Vote("pope", item, "label", label, judgement, "Ada", "2026-01-01T00:00:00+00:00")


def test_votes_of_earlier_versions_count_where_one_question_can_be_meant(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store, Reviews(store.path) as reviews:
        keep(store, "v1", Pope(splits=["random"]), SPEC, FIRST, SAYS)
        reviews.add(old_vote())
        assert place_votes(store, reviews) == ""
        assert [one.about for one in reviews.ballots().edits()] == [DOG]
        assert reviews.take([replace(old_vote(), about=DOG)]).new == 0  # the same vote from a sheet of today
        keep(store, "v0", Pope(splits=["random"]), SPEC, SHIFTED, SAYS)
        assert "1 vote of an earlier version may be on several questions" in place_votes(store, reviews)
        assert [one.about for one in reviews.ballots().edits()] == [UNKNOWN_QUESTION] and len(reviews.votes()) == 1


def test_a_comparison_names_votes_that_may_be_on_several_questions(tmp_path: Path) -> None:
    write(Revision("none", "", ()), tmp_path)
    with Store(tmp_path / "store.sqlite") as store, Reviews(store.path) as reviews:
        both(store)
        reviews.add(old_vote())
    found = audited(tmp_path, ["v1"], ["none"]).audit
    assert found is not None and "1 vote of an earlier version may be on several questions" in found.conflicts[-1]


def test_votes_on_two_questions_of_one_id_are_two_votes() -> None:
    zebra = about(SHIFTED[0], "label", free_text=False)
    ballots = Ballots([replace(old_vote(), about=DOG), replace(old_vote("right"), about=zebra, reviewer="Bob")])
    assert not ballots.disputed() and {one.about: one.new for one in ballots.edits()} == {DOG: "flipped", zebra: "right"}


def test_a_store_of_an_earlier_version_keeps_its_votes(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    step = next(n for n, sql in enumerate(STEPS) if "ADD COLUMN about" in sql)
    with sqlite3.connect(path) as db:
        for sql in STEPS[:step]:
            db.executescript(sql)
        row = ("t", "pope", "0", "label", "no", "wrong", "Ada", "2026-01-01T00:00:00+00:00", "", "", "[]", 0)
        db.execute(f"INSERT INTO votes VALUES (1,{','.join('?' * 12)})", row)
        db.execute(f"PRAGMA user_version={step}")
    with Reviews(path) as reviews:
        assert reviews.votes() == [old_vote()]


# ---------------------------------------------------------------- files that are filled in


ROW = Key("pope", "0", "label", "no")


def test_a_row_goes_to_the_question_that_it_shows(store: Store) -> None:
    both(store)
    known = KnownLabels(store)
    assert known.place(ROW, Shown(" Is there a  dog in the image?\n", "a.jpg")) == ROW._replace(about=DOG)
    zebra = known.place(ROW, Shown(SHIFTED[0].question, "/data/local-files/?d=a.jpg"))
    assert isinstance(zebra, Key) and zebra.about == about(SHIFTED[0], "label", free_text=False)
    blind = known.place(ROW, Shown())
    assert isinstance(blind, Refused) and "does not show which of 2 questions" in blind.what


@pytest.mark.parametrize("shown", [Shown(FIRST[1].question, "a.jpg"), Shown(FIRST[0].question, "b.jpg"), Shown(None, "xa.jpg")])
def test_a_row_that_shows_another_question_or_image_is_refused(store: Store, shown: Shown) -> None:
    keep(store, "v1", Pope(splits=["random"]), SPEC, FIRST, SAYS)
    assert KnownLabels(store).place(ROW, shown) == APART
    assert KnownLabels(store).place(ROW, Shown()) == ROW._replace(about=DOG)  # a sheet without these columns


# ---------------------------------------------------------------- revision files and captions

DIGEST_WITHOUT = "649dd1f80580659254df95f16581ac47a05e4b51a6aa62a9c1cacacb55201624"  # by the code before edits had `about`


def test_a_revision_without_questions_is_written_as_before_and_one_with_them_comes_back() -> None:
    old, new = (Revision("r", "", (replace(edit("0", "flipped"), about=digest),)) for digest in ("", DOG))
    assert "about" not in dumps(old) and old.digest == loads(dumps(old), "old").digest != new.digest
    assert loads(dumps(new), "new") == new
    assert old.digest == DIGEST_WITHOUT


def test_marks_in_the_same_words_about_another_image_do_not_count() -> None:
    spans, text = (Span(2, 5, "invented"),), "A dog."
    here, there = Item("7", "a.jpg", ""), Item("7", "b.jpg", "")
    vote = Vote("chair", "7", caption_field(text, spans), "", "right", "Ada", "", answer=text)
    marks = CaptionMarks(Ballots([replace(vote, about=about(here, CAPTION, free_text=True))]), "chair")
    assert marks.of(here, text, spans) is not None and marks.of(there, text, spans) is None
    assert CaptionMarks(Ballots([vote]), "chair").of(there, text, spans) is not None  # of an earlier version


def test_the_edits_of_votes_name_the_question() -> None:
    (made,) = Ballots([replace(old_vote(), about=DOG)]).edits()
    assert made == LabelEdit("pope", "0", "label", "no", "flipped", "Ada", "", "2026-01-01T00:00:00+00:00", DOG)
