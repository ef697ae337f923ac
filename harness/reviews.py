"""Votes on labels, kept for ever in the run store's file: who said what, when and why. Nothing is overwritten.

The file itself refuses to change or delete a vote. A vote that `add` accepted is on the disk: it survives a killed
process and a power cut. Several processes may write at once; each sees the others' votes with the next `ballots`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path
from typing import Any

from harness import codec
from harness.ballots import Ballots, checked
from harness.contract import Span
from harness.database import Database
from harness.digests import text_digest
from harness.labels import Vote

_COLUMNS = "benchmark, item_id, field, label, word, reviewer, at, comment, answer, spans, adjudication"


class Reviews(Database):
    """The votes of one store. Raises StoreError for what SQLite refuses, ConfigError for a vote that says nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._db.execute("PRAGMA synchronous=FULL")  # NORMAL could lose the last votes in a power cut
        self._ballots, self._read = Ballots(), 0

    def add(self, vote: Vote, token: str = "") -> bool:
        """Keep a vote; False when it is there already. `token` names the form or row that it came from: the same vote
        sent twice is kept once."""
        return self.add_all([(vote, token)]) == 1

    def add_all(self, votes: Iterable[tuple[Vote, str]]) -> int:
        """Keep votes with their tokens, all of them or none; how many were new."""
        rows = [_row(checked(vote), token) for vote, token in votes]
        with self.transaction() as db:
            before = db.total_changes
            db.executemany(
                f"INSERT INTO votes (token, {_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(token) DO NOTHING", rows
            )
            return db.total_changes - before

    def votes(self) -> list[Vote]:
        """All votes ever cast, "undo" and superseded ones too, in their order."""
        return [_vote(row[1:]) for row in self._after(0)]

    def ballots(self) -> Ballots:
        """The votes as they stand now; only what was added since the last call is read."""
        with self._turn:
            for row in self._after(self._read):
                self._ballots.add(_vote(row[1:]))
                self._read = row[0]
            return self._ballots

    def _after(self, last: int) -> list[Any]:
        return self.rows(f"SELECT id, {_COLUMNS} FROM votes WHERE id > ? ORDER BY id", (last,))


def _row(vote: Vote, token: str) -> tuple[Any, ...]:
    said = codec.dumps([*astuple(vote)[:6], *astuple(vote)[7:]])  # without the time: the second click comes later
    token = text_digest(f"{token}\n{said}") if token else secrets.token_hex(16)
    fields = [text.encode("utf-8", "replace").decode() if isinstance(text, str) else text for text in astuple(vote)]
    return (token, *fields[:9], codec.dumps(vote.spans), int(vote.adjudication))


def _vote(row: Any) -> Vote:
    benchmark, item_id, field, label, word, reviewer, at, comment, answer, spans, adjudication = row
    marked = tuple(Span(**span) for span in codec.loads(spans))
    return Vote(benchmark, item_id, field, label, word, reviewer, at, comment, answer, marked, bool(adjudication))
