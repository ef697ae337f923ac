"""Revisions of labels: files that can be shared; conflicts are shown, never applied."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.chair import Chair
from benchmarks.pope import Pope
from harness.core.errors import DataError
from harness.core.evaluation import Item, LabelEdit
from harness.core.files import write_text_whole
from harness.storage import label_revisions
from harness.storage.label_edits import apply, together
from harness.storage.label_revisions import Revision, dumps, loads, read, write


def edit(new: str = "flipped", item: str = "1", old: str = "no", field: str = "label") -> LabelEdit:
    return LabelEdit("pope", item, field, old, new, "Ada", "a dog,\nbehind the \u201cbench\u201d", "2026-01-01T12:00:00")


def question(**labels: list[str]) -> Item:
    return Item("1", "a.jpg", "Is there a dog in the image?", {"labels": labels})


MINE = Revision("mine", "Ada and Grace", (edit(), edit("right", "2", "yes")), {"sample": 100, "seed": 0})


def test_a_revision_reads_back_as_it_was_written(tmp_path: Path) -> None:
    path = write(MINE, tmp_path)
    assert read("mine", tmp_path) == MINE == read(str(path), Path("elsewhere"))
    assert path.read_text().count("\n") == 3


def test_a_revision_that_was_cited_is_not_overwritten_by_another(tmp_path: Path) -> None:
    write(MINE, tmp_path)
    assert write(MINE, tmp_path).is_file()  # the same again is no harm
    with pytest.raises(DataError, match="what was cited must not change"):
        write(replace(MINE, edits=(edit("removed"),)), tmp_path)
    assert read("mine", tmp_path) == MINE


def test_a_change_by_hand_is_noticed() -> None:
    text = dumps(MINE).replace("flipped", "removed")
    with pytest.raises(DataError, match="was changed after it was written"):
        loads(text, "mine.jsonl")


@pytest.mark.parametrize(("line", "words"), [
    ('{"benchmark": "pope"}', "line 4: no text under item_id"),
    ("not json", "line 4 is not JSON"),
    (dumps(Revision("x", "", (edit("wrong"),))).split("\n")[1], "new is 'wrong'; it is one of right, flipped, removed"),
    ("[1]", "line 4 is not an object"),
])  # fmt: skip
def test_a_broken_line_is_told_with_its_number(line: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        loads(dumps(MINE) + line, "mine.jsonl")


@pytest.mark.parametrize(
    "control", [{"sample": -5}, {"sample": 0, "seed": 1}, {"seed": 1}, {"sample": True}, {"sample": 9.5}, 3]
)
def test_a_control_set_has_a_size_of_at_least_1(control: object) -> None:
    text = dumps(replace(MINE, control={"sample": 1}))
    assert loads(text, "mine.jsonl").control == {"sample": 1}
    with pytest.raises(DataError, match=r"mine.jsonl: control is .*; it is the size, at least 1, and the seed"):
        loads(text.replace('{"sample":1}', json.dumps(control)).replace('{"sample": 1}', json.dumps(control)), "mine.jsonl")


def test_a_control_set_is_whole_numbers_and_may_be_left_out() -> None:
    with pytest.raises(DataError, match="control is"):
        loads(dumps(replace(MINE, control={"sample": 1, "seed": "x"})), "mine.jsonl")  # type: ignore[dict-item]
    without = replace(MINE, control={})
    assert "control" not in dumps(without) and loads(dumps(without), "mine.jsonl") == without


def test_a_revision_of_an_earlier_version_reads_and_keeps_its_text_and_digest() -> None:
    """Written by hand: an edit without the question that it is of, and the digest of its line's values, keys sorted."""
    line = {"benchmark": "pope", "item_id": "1", "field": "label", "old": "no", "new": "flipped"}
    line |= {"reviewer": "Ada", "reason": "", "at": ""}
    digest = hashlib.sha256(json.dumps([line], sort_keys=True).encode()).hexdigest()
    header = {"revision": "mine", "format": 1, "source": "Ada", "benchmarks": ["pope"], "edits": 1, "digest": digest}
    found = loads(f"{json.dumps(header)}\n{json.dumps(line)}\n", "mine.jsonl")
    assert found.digest == digest and [json.loads(one) for one in dumps(found).splitlines()] == [header, line]


def test_the_benchmarks_of_a_revision_stand_in_one_order() -> None:
    edits = tuple(replace(edit(), benchmark=name) for name in "fbdace")
    assert json.loads(dumps(Revision("mine", "", edits)).split("\n")[0])["benchmarks"] == list("abcdef")


def test_an_edit_that_stands_twice_is_not_counted_twice() -> None:
    with pytest.raises(DataError, match="mine.jsonl, line 4 edits the same label as line 2, and alike. Keep one of them."):
        loads(dumps(MINE) + dumps(MINE).split("\n")[1], "mine.jsonl")


@pytest.mark.parametrize(
    "text", ["", "{}", '{"question_id": 1}', '{"revision": 3, "format": 1}', '{"revision": "x", "format": 2}']
)
def test_another_file_is_no_revision(text: str) -> None:
    with pytest.raises(DataError, match="is not a label revision"):
        loads(text, "coco_repope_random.json")


def test_an_unknown_revision_is_an_error_that_names_those_there_are(tmp_path: Path) -> None:
    write(MINE, tmp_path)
    with pytest.raises(DataError, match="no revision 'repope'.*which has mine"):
        read("repope", tmp_path)


def test_a_shipped_revision_is_read_by_its_name_unless_one_of_ones_own_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_revisions, "SHIPPED", tmp_path / "shipped")
    (tmp_path / "shipped").mkdir()
    theirs = replace(MINE, edits=MINE.edits[:1])
    (tmp_path / "shipped" / "mine.jsonl").write_text(dumps(theirs), encoding="utf-8")
    assert label_revisions.shipped() == ["mine"] and read("mine", tmp_path / "runs") == theirs
    write(MINE, tmp_path / "runs")
    assert read("mine", tmp_path / "runs") == MINE


def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a valid name"):
        write(replace(MINE, name="../elsewhere"), tmp_path)
    with pytest.raises(DataError, match="is not a valid name"):
        loads(dumps(replace(MINE, name="../elsewhere")), "a file of somebody else's")


def test_two_revisions_that_contradict_each_other_are_both_set_aside_for_that_label() -> None:
    other = Revision("other", "", (edit("removed"), edit("right", "2", "yes"), edit("flipped", "3")))
    edits, (conflict,) = together([MINE, other])
    assert [e.item_id for e in edits] == ["2", "3"]
    assert "mine has flipped (instead of no) but other has removed (instead of no); neither is applied" in str(conflict)


def test_two_edits_that_leave_the_same_label_do_not_contradict_each_other() -> None:
    """Votes on files with the official label, and on files in which it is corrected already."""
    other = Revision("other", "", (edit("right", old="yes"),))
    edits, conflicts = together([Revision("first", "", (edit("flipped"),)), other])
    assert not conflicts and {(e.old, e.new) for e in edits} == {("no", "flipped"), ("yes", "right")}
    for label in ("no", "yes"):
        applied = apply(Pope(), [question(random=[label])], edits)
        item = applied.changed.get("1", question(random=[label]))
        assert item is not None and item.truth["labels"] == {"random": ["yes"]}
        assert len(applied.held) == 1 and not applied.conflicts


def test_two_edits_that_leave_different_labels_contradict_each_other() -> None:
    edits, (conflict,) = together([Revision("ours", "", (edit("flipped"), edit("flipped", old="yes")))])
    assert not edits and "flipped (instead of no) but ours has flipped (instead of yes)" in str(conflict)


@pytest.mark.parametrize("swapped", [False, True])
def test_an_imported_edit_contradicts_one_that_names_its_question(swapped: bool) -> None:
    """Imported revisions do not say which question an edit is of; whichever is named first, neither is applied."""
    imported, ours = Revision("repope", "", (edit("flipped"),)), Revision("ours", "", (replace(edit("right"), about="d"),))
    edits, (conflict,) = together([ours, imported] if swapped else [imported, ours])
    assert not edits and "contradictory: repope has flipped" in str(conflict) and "ours has right" in str(conflict)


def test_edits_of_two_questions_under_one_id_do_not_contradict_each_other() -> None:
    own = [replace(edit("right"), about="d"), replace(edit("flipped"), about="c")]
    assert together([Revision("ours", "", tuple(own))]) == (tuple(own), ())


def test_an_edit_turns_the_label_and_leaves_other_items_alone() -> None:
    applied = apply(Pope(), [question(random=["no"]), replace(question(random=["no"]), id="2")], [edit()])
    assert applied.changed["1"].truth["labels"] == {"random": ["yes"]} and "2" not in applied.changed  # type: ignore[union-attr]


@pytest.mark.parametrize(("wrong", "words"), [
    (edit(item="9"), "there is no such item"),
    (edit(old="yes"), "the label is no, the edit is of yes: the label has changed since, or other files were reviewed"),
    (edit(field="truth"), "the item has no such label"),
    (edit(field="label/popular"), "the item has no such label"),
])  # fmt: skip
def test_an_edit_that_no_longer_fits_is_a_conflict_and_not_applied(wrong: LabelEdit, words: str) -> None:
    applied = apply(Pope(), [question(random=["no"])], [wrong])
    assert not applied.changed and not applied.held and [c.why for c in applied.conflicts] == [words]


def test_edits_of_an_item_that_another_edit_removed_hold_as_decisions_in_either_order() -> None:
    item = Item("1", "a.jpg", "", {"objects": ["cat", "dog"]})
    edits = [edit("removed", field="cat", old="yes"), edit(field="dog", old="yes"), edit("right", field="bench")]
    for order in (edits, edits[::-1]):
        applied = apply(Chair(), [item], order)
        assert applied.changed == {"1": None} and applied.held == tuple(order) and not applied.conflicts
    (conflict,) = apply(Chair(), [item], [edits[0], edit(field="dog", old="no")]).conflicts
    assert "the label is yes, the edit is of no" in conflict.why


def test_where_splits_contradict_each_other_each_has_a_label_of_its_own() -> None:
    item = question(random=["no"], popular=["yes"])
    assert Pope().fields(item) == ["label/random", "label/popular"]
    applied = apply(Pope(), [item], [edit(field="label/random"), edit("removed", field="label/popular", old="yes")])
    assert applied.changed["1"].truth["labels"] == {"random": ["yes"]}  # type: ignore[union-attr]


def test_an_object_can_be_put_into_an_images_truth_and_taken_out() -> None:
    item = Item("1", "a.jpg", "", {"objects": ["cat", "dog"]})
    edits = [edit(field="dog", old="yes"), edit(field="bench")]
    assert apply(Chair(), [item], edits).changed["1"].truth["objects"] == ["bench", "cat"]  # type: ignore[union-attr]
    assert [c.why for c in apply(Chair(), [item], [edit(field="lamp")]).conflicts] == ["the item has no such label"]


def test_the_same_labels_imported_later_leave_the_revision_as_it_was(tmp_path: Path) -> None:
    write(MINE, tmp_path)
    before = (tmp_path / "labels/mine.jsonl").read_bytes()
    later = tuple(replace(one, at="2026-02-02T12:00:00") for one in MINE.edits)
    assert write(replace(MINE, edits=later), tmp_path).read_bytes() == before


def test_of_two_revisions_of_one_name_at_once_one_is_kept_and_the_other_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, ended = threading.Barrier(2), dict[str, bool]()

    def slowly(path: Path, text: str) -> None:
        with suppress(threading.BrokenBarrierError):
            both.wait(0.3)  # both are here where nothing keeps one of them out
        write_text_whole(path, text)

    def keep(new: str) -> None:
        try:
            ended[new] = write(replace(MINE, edits=(edit(new),)), tmp_path).is_file()
        except DataError:
            ended[new] = False

    monkeypatch.setattr(label_revisions, "write_text_whole", slowly)
    threads = [threading.Thread(target=keep, args=(new,)) for new in ("flipped", "removed")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended.values()) == [False, True] and ended[read("mine", tmp_path).edits[0].new]


def test_a_file_system_without_locks_keeps_revisions_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int, mode: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert write(MINE, tmp_path).is_file()
