"""Votes are kept for ever: nothing lost, nothing doubled, nothing overwritten."""

import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from harness.core.errors import ConfigError, StoreError
from harness.core.evaluation import Span
from harness.labels.cases import Vote, caption_field
from harness.storage.run_store import Store
from harness.storage.vote_store import Reviews

VOTE = Vote("pope", "1", "label", "yes", "wrong", "ann", "2026-01-01T00:00:00+00:00", "a truck, \u202e 'quoted'")


@pytest.fixture
def reviews(tmp_path):
    with Reviews(tmp_path / "store.sqlite") as opened:
        yield opened


def test_a_vote_comes_back_as_it_was(reviews):
    marked = replace(VOTE, field=caption_field("a cat", ()), answer="a cat", spans=(Span(2, 5, "missed"),), adjudication=True)
    assert reviews.add(VOTE) and reviews.add(marked)
    assert reviews.votes() == [VOTE, marked]


def test_a_form_sent_twice_is_one_vote(reviews):
    assert reviews.add(VOTE, "form 7")
    assert not reviews.add(replace(VOTE, at="a second later"), "form 7")
    assert reviews.votes() == [VOTE]


def test_another_word_from_the_same_form_is_not_swallowed(reviews):
    reviews.add(VOTE, "form 7")
    assert reviews.add(replace(VOTE, judgement="right"), "form 7")


def test_the_file_itself_refuses_to_change_or_delete_a_vote(reviews):
    reviews.add(VOTE)
    replaced = "INSERT OR REPLACE INTO votes SELECT * FROM votes"
    for statement in ("UPDATE votes SET word='right'", "DELETE FROM votes", replaced):
        with pytest.raises(StoreError, match="votes are never .* Nothing was changed"), reviews.transaction() as db:
            db.execute(statement)
    assert reviews.votes() == [VOTE]


def test_an_accepted_vote_is_flushed_to_the_disk(reviews):
    assert reviews.rows("PRAGMA synchronous") == [(2,)]  # FULL: WAL is flushed at every commit


def test_ballots_see_what_another_process_added(reviews, tmp_path):
    reviews.add(VOTE)
    assert reviews.ballots().of(VOTE.key).votes["ann"].judgement == "wrong"
    with Reviews(tmp_path / "store.sqlite") as other:
        other.add(replace(VOTE, judgement="right", reviewer="bob"))
    assert set(reviews.ballots().of(VOTE.key).votes) == {"ann", "bob"}


def test_an_old_store_takes_votes_after_opening(tmp_path):
    with Store(tmp_path / "s.sqlite"):
        pass
    with Reviews(tmp_path / "s.sqlite") as reviews:
        assert reviews.add(VOTE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"judgement": "maybe"},
        {"reviewer": " "},
        {"reviewer": "x" * 61},
        {"reviewer": "ann\nbob"},
        {"comment": "x" * 4001},
        {"answer": "a cat", "spans": (Span(2, 9, "missed"),)},
        {"answer": "a cat", "spans": (Span(2, 5, "found"),)},
        {"judgement": "skip", "adjudication": True},
    ],
)
def test_a_vote_that_says_nothing_is_refused_and_keeps_the_others_out(reviews, wrong):
    with pytest.raises(ConfigError):
        reviews.take([VOTE, replace(VOTE, **wrong)])
    assert reviews.votes() == []


def test_a_sheet_keeps_every_change_of_mind_and_no_word_twice(reviews):
    for word, new in (("right", 1), ("right", 0), ("wrong", 1), ("wrong", 0)):
        assert reviews.take([replace(VOTE, judgement=word)]).new == new
    assert reviews.take([replace(VOTE, judgement="right", comment="on second thoughts")]).new == 1
    assert reviews.take([replace(VOTE, judgement="right", comment="")]).new == 0  # a comment is not lost to an empty cell
    assert [v.judgement for v in reviews.votes()] == ["right", "wrong", "right"]


@pytest.mark.parametrize("later", ["wrong", "undo"])
def test_a_sheet_that_is_read_again_leaves_later_votes_as_they_are(reviews, later):
    sheet = [replace(VOTE, judgement="right", at="2026-01-02"), replace(VOTE, item_id="2", at="2026-01-02")]
    reviews.take(sheet)
    reviews.add(replace(VOTE, judgement=later, at="2026-01-03"), "form")
    taken = reviews.take([replace(vote, at="2026-01-04") for vote in sheet])
    assert (taken.read, taken.new, taken.repeated) == (2, 0, 1)
    assert "0 of them new. Left out: 1 that the reviewer has changed since." in taken.summary
    assert [v.judgement for v in reviews.ballots().of(VOTE.key).votes.values()] == ["wrong"] * (later == "wrong")


def test_a_filled_in_cell_of_an_older_page_vote_does_not_undo_a_later_one(reviews):
    for word in ("right", "wrong"):
        reviews.add(replace(VOTE, judgement=word), word)
    assert reviews.take([replace(VOTE, judgement="right")]).repeated == 1  # the page's sheet has own votes filled in


def test_a_vote_that_another_reviewer_cast_before_is_taken(reviews):
    reviews.take([replace(VOTE, reviewer="bob"), replace(VOTE, judgement="right")])
    assert reviews.take([VOTE]).new == 1


@pytest.mark.parametrize(("at", "new"), [("2026-01-01", 0), ("2026-01-09", 1)])
def test_a_vote_with_a_time_of_its_own_counts_where_it_is_later_than_the_change(reviews, at, new):
    reviews.add(replace(VOTE, judgement="right", at="2026-01-01"), "first")
    reviews.add(replace(VOTE, judgement="wrong", at="2026-01-05"), "second")
    vote = replace(VOTE, judgement="right", at=at)
    assert reviews.take([vote], dated=[vote]).new == new


@pytest.mark.parametrize(
    ("name", "told"), [("Zo\u00eb ", False), ("Zoe\u0308", False), (" zo\u00eb", True), ("ZO\u00cb", True)]
)
def test_another_spelling_of_a_name_is_the_same_reviewer(reviews, name, told):
    reviews.add(replace(VOTE, reviewer="Zo\u00eb"), "form")
    taken = reviews.take([replace(VOTE, judgement="right", reviewer=name)])
    assert {n: v.judgement for n, v in reviews.ballots().of(VOTE.key).votes.items()} == {"Zo\u00eb": "right"}
    assert {vote.reviewer for vote in reviews.votes()} == {"Zo\u00eb"}
    assert ("count as those of 'Zo\u00eb', who is known" in taken.summary) == told


def test_two_spellings_in_one_file_are_one_reviewer(reviews):
    assert reviews.take([replace(VOTE, reviewer="Ada"), replace(VOTE, reviewer="ada ")]).new == 1


def test_an_address_is_kept_in_lower_case(reviews):
    reviews.add(replace(VOTE, reviewer="Ada.L@Example.org"))
    assert reviews.rows("SELECT reviewer FROM votes") == [("ada.l@example.org",)]


def test_spellings_that_an_older_version_stored_are_read_as_one_reviewer(reviews):
    columns = "benchmark, item_id, field, label, word, at, comment, answer, spans, adjudication"
    for n, name in enumerate(["Ada ", "ada", "Bob", "Ada"]):
        with reviews.transaction() as db:
            values = f"SELECT {n}, ?, 'pope', '1', 'label', 'yes', 'right', ?, '', '', '[]', 0"
            db.execute(f"INSERT INTO votes (token, reviewer, {columns}) {values}", (name, f"2026-01-0{n + 1}"))
    assert reviews.ballots().reviewers() == ["Ada", "Bob"]
    assert [vote.reviewer for vote in reviews.votes()] == ["Ada", "Ada", "Bob", "Ada"]


def test_one_sheet_brought_back_by_many_at_once_is_kept_once(reviews, tmp_path):
    def bring():
        with Reviews(tmp_path / "store.sqlite") as own:
            own.take([replace(VOTE, item_id=str(i)) for i in range(50)])

    threads = [threading.Thread(target=bring) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reviews.votes()) == 50


def test_a_lone_surrogate_in_a_caption_does_not_lose_the_vote(reviews):
    reviews.add(replace(VOTE, comment="x\ud800y"))
    assert reviews.votes()[0].comment == "x?y"


def test_ten_reviewers_at_once_lose_and_double_nothing(reviews):
    def review(name):
        for i in range(30):
            reviews.add(replace(VOTE, reviewer=name, item_id=str(i)), f"{name} {i}")
            reviews.add(replace(VOTE, reviewer=name, item_id=str(i)), f"{name} {i}")  # the second click
            reviews.ballots()

    threads = [threading.Thread(target=review, args=(f"r{n}",)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reviews.votes()) == 300
    assert sum(len(reviews.ballots().judged_by(f"r{n}")) for n in range(10)) == 300


def test_who_looks_does_not_wait_for_a_vote_on_its_way_to_the_disk(reviews):
    looking = threading.Thread(target=reviews.ballots)
    with reviews.transaction():
        looking.start()
        looking.join(5)
        assert not looking.is_alive()


def test_sigkill_loses_no_accepted_vote(tmp_path):
    code = f"""
import os, signal
from dataclasses import replace
from pathlib import Path
from harness.labels.cases import Vote
from harness.storage.vote_store import Reviews
reviews = Reviews(Path({str(tmp_path / "s.sqlite")!r}))
vote = {VOTE!r}
for i in range(20):
    reviews.add(replace(vote, item_id=str(i)))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    with Reviews(tmp_path / "s.sqlite") as reviews:
        assert [v.item_id for v in reviews.votes()] == [str(i) for i in range(20)]


def test_a_store_held_by_another_process_is_named_and_nothing_is_lost(reviews, tmp_path):
    reviews._db.execute("PRAGMA busy_timeout=50")
    other = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"locked\. Another process holds it"):
        reviews.add(VOTE, "form")
    other.execute("ROLLBACK")
    other.close()
    assert reviews.add(VOTE, "form")
