"""In which facts two measurements differ."""

from __future__ import annotations

from harness.core.run_record import ProtocolRecord


def test_images_of_another_content_are_another_protocol() -> None:
    before, after = ({"items": "3", "image digest": digest} for digest in ("aa", "bb"))
    assert ProtocolRecord(before).differs_from(ProtocolRecord(after)) == {"image digest": ("aa", "bb")}


def test_where_one_side_does_not_know_the_content_of_its_images_nothing_is_said_of_it() -> None:
    known, unknown = ProtocolRecord({"items": "3", "image digest": "aa"}), ProtocolRecord({"items": "3"})
    assert known.differs_from(unknown) == unknown.differs_from(known) == {}


def test_a_fact_that_one_side_lacks_is_a_difference() -> None:
    assert ProtocolRecord({"judge": "x"}).differs_from(ProtocolRecord({})) == {"judge": ("x", "(none)")}


def test_rows_that_repeat_another_are_told_of_the_files_and_not_compared() -> None:
    """Earlier versions did not count them, and changed no number: the files' digests tell whether they are the same."""
    counted = ProtocolRecord({"items": "3", "rows that repeat another": "1 of 3"})
    assert counted.differs_from(ProtocolRecord({"items": "3"})) == {}
