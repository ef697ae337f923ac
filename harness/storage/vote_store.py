"""Votes on labels in the run store's file: reviewer, judgement, time and comment. Nothing is overwritten.

The file itself refuses to change or delete a vote. A vote that `add` accepted is on the disk: it survives a killed
process and a power cut. Several processes may write at once; each sees the others' votes with the next `ballots`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, NamedTuple

from harness.core.digests import text_digest
from harness.core.evaluation import Span
from harness.core.files import storable
from harness.labels.cases import Vote
from harness.labels.votes import Ballots, checked
from harness.storage import codec
from harness.storage.database import Database

_COLUMNS = "benchmark, item_id, field, label, word, reviewer, at, comment, answer, spans, adjudication"


_INSERT = f"INSERT INTO votes (token, {_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"


class Taken(NamedTuple):
    """Result of importing a sheet: votes read, new votes, and votes on labels that an adjudication has settled."""

    read: int
    new: int
    settled: int

    @property
    def summary(self) -> str:
        settled = f" {self.settled:,} on settled labels were left out." if self.settled else ""
        return f"{self.read:,} judgements read, {self.new:,} of them new.{settled}"


class Reviews(Database):
    """The votes of one store. Raises StoreError for what SQLite refuses, ConfigError for a vote that is not valid."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._db.execute("PRAGMA synchronous=FULL")  # NORMAL could lose the last votes in a power cut
        self._reader = Database(path)  # reading does not wait for a vote that is being written
        self._ballots, self._read = Ballots(), 0
        self._reading = Lock()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._reader.__exit__(kind, error, trace)
        super().__exit__(kind, error, trace)

    def add(self, vote: Vote, token: str = "") -> bool:
        """Keep a vote; False when it is there already. `token` names the form or row that it came from: the same vote
        sent twice is kept once."""
        row = _row(checked(vote), token)
        with self.transaction() as db:
            return db.execute(f"{_INSERT} ON CONFLICT(token) DO NOTHING", row).rowcount == 1

    def take(self, votes: Iterable[Vote]) -> Taken:
        """Keep a sheet's votes, all of them or none: those that differ from the reviewer's current vote.

        A vote that was taken before is not taken again, though the reviewer has changed it since: a file may be read twice.
        """
        wanted = [checked(vote) for vote in votes]
        with self.transaction() as db:  # nobody else writes between looking and keeping
            ballots, known = self.ballots(), {_identity(vote) for vote in self.votes()}
            open_ = [vote for vote in wanted if ballots.of(vote.key).settled is None]
            current = {(vote.key, vote.reviewer): ballots.of(vote.key).votes.get(vote.reviewer) for vote in open_}
            new: list[Vote] = []
            for vote in open_:
                own = current[vote.key, vote.reviewer]
                changed_since = own is not None and vote.at < own.at and _identity(vote) in known
                if _is_news(vote, own) and not changed_since:
                    new.append(vote)
                    current[vote.key, vote.reviewer] = vote
            db.executemany(_INSERT, [_row(vote, "") for vote in new])
        return Taken(len(wanted), len(new), len(wanted) - len(open_))

    def votes(self) -> list[Vote]:
        """All votes ever cast, "undo" and superseded ones too, in their order."""
        return [_vote(row[1:]) for row in self._after(0)]

    def ballots(self) -> Ballots:
        """The votes as they stand now; only what was added since the last call is read."""
        with self._reading:
            for row in self._after(self._read):
                self._ballots.add(_vote(row[1:]))
                self._read = row[0]
            return self._ballots

    def _after(self, last: int) -> list[Any]:
        return self._reader.rows(f"SELECT id, {_COLUMNS} FROM votes WHERE id > ? ORDER BY id", (last,))


def _identity(vote: Vote) -> tuple[object, ...]:
    return (*vote.key, vote.reviewer, vote.judgement, vote.comment, vote.at, vote.adjudication)


def _is_news(vote: Vote, own: Vote | None) -> bool:
    """Whether the vote differs from the reviewer's current one, in its judgement or by a new comment."""
    return own is None or vote.judgement != own.judgement or vote.comment not in ("", own.comment)


def _row(vote: Vote, token: str) -> tuple[Any, ...]:
    content = codec.dumps([*astuple(vote)[:6], *astuple(vote)[7:]])  # without the time: the second click comes later
    token = text_digest(f"{token}\n{content}") if token else secrets.token_hex(16)
    fields = [storable(text) if isinstance(text, str) else text for text in astuple(vote)]
    return (token, *fields[:9], codec.dumps(vote.spans), int(vote.adjudication))


def _vote(row: Any) -> Vote:
    benchmark, item_id, field, label, judgement, reviewer, at, comment, answer, spans, adjudication = row
    marked = tuple(Span(**span) for span in codec.loads(spans))
    return Vote(benchmark, item_id, field, label, judgement, reviewer, at, comment, answer, marked, bool(adjudication))
