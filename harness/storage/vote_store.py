"""Votes on labels in the run store's file: reviewer, judgement, time and comment. Nothing is overwritten.

The file itself refuses to change or delete a vote. A vote that `add` accepted is on the disk: it survives a killed
process and a power cut. Several processes may write at once; each sees the others' votes with the next `ballots`.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from threading import Lock
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple

from harness.core.digests import text_digest
from harness.core.edge.text import count
from harness.core.evaluation import Span
from harness.core.files import storable
from harness.labels.cases import Key, Vote
from harness.labels.reviewers import Names, plain_name, unambiguous
from harness.labels.votes import Ballots, checked, moment
from harness.storage import codec
from harness.storage.database import Database

_COLUMNS = "benchmark, item_id, field, label, word, reviewer, at, comment, answer, spans, adjudication, about"


_GO_BACK = "To go back to such a vote, cast it on the review page or give its row a new comment."
_INSERT = f"INSERT INTO votes (token, {_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"


class Taken(NamedTuple):
    """Result of importing a file: votes read, new votes, votes on labels that an adjudication has settled, and votes that the
    reviewer has changed since. `renamed`: name in the file -> name under which the reviewer is known."""

    read: int
    new: int
    settled: int
    repeated: int = 0
    renamed: Mapping[str, str] = MappingProxyType({})

    @property
    def summary(self) -> str:
        settled = f" {self.settled:,} on settled labels were left out." if self.settled else ""
        repeated = f" Left out: {self.repeated:,} that the reviewer has changed since. {_GO_BACK}" if self.repeated else ""
        known = [f" The votes of {name!r} count as those of {as_!r}, who is known." for name, as_ in self.renamed.items()]
        return f"{count(self.read, 'judgement')} read, {self.new:,} of them new.{settled}{repeated}{''.join(known)}"


class Reviews(Database):
    """The votes of one store. Raises StoreError for what SQLite refuses, ConfigError for a vote that is not valid."""

    def __init__(self, path: Path, reading: bool = False) -> None:
        """reading: no vote will be added; the store may lie where this process cannot write."""
        super().__init__(path, reading)
        self._db.execute("PRAGMA synchronous=FULL")  # NORMAL could lose the last votes in a power cut
        self._reader = Database(path, reading)  # reading does not wait for a vote that is being written
        self._ballots, self._read = Ballots(), 0
        self._numbers: dict[str, str] = {}  # those that the ballots were counted with
        self._keys: Mapping[Key, Key] = {}  # see `read_as`
        self._reading = Lock()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._reader.__exit__(kind, error, trace)
        super().__exit__(kind, error, trace)

    def add(self, vote: Vote, token: str = "") -> bool:
        """Keep a vote; False when it is there already. `token` names the form or row that it came from: the same vote
        sent twice is kept once."""
        row = _row(replace(checked(vote), reviewer=plain_name(vote.reviewer)), token)
        with self.transaction() as db:
            return db.execute(f"{_INSERT} ON CONFLICT(token) DO NOTHING", row).rowcount == 1

    def take(self, votes: Iterable[Vote], dated: Container[Vote] = ()) -> Taken:
        """Keep a file's votes, all of them or none: those that differ from the reviewer's current vote.

        A vote that the reviewer has cast before and changed or taken back since is not taken again: a sheet may be read twice,
        and it may be older than votes on the page.

        dated: those that have the time at which they were cast, as those made in Label Studio: such a vote counts where it is
        later than the reviewer's last one, and only there. Rows of a sheet have none.
        """
        given = [checked(vote) for vote in votes]
        with self.transaction() as db:  # nobody else writes between looking and keeping
            ballots, cast = self.ballots(), self._cast_by_reviewer()
            names = ballots.names.copy()
            wanted = [replace(vote, reviewer=names.learn(vote.reviewer)) for vote in given]
            open_ = [one for one in zip(wanted, given, strict=True) if ballots.of(one[0].key).settled is None]
            current = {(vote.key, vote.reviewer): ballots.of(vote.key).votes.get(vote.reviewer) for vote, _ in open_}
            new: list[Vote] = []
            repeated = 0
            for vote, as_given in open_:
                slot = (vote.key, vote.reviewer)
                if not _is_news(vote, current[slot]):
                    continue
                if _is_past(vote, cast[slot], as_given in dated):
                    repeated += 1
                else:
                    new.append(vote)
                    current[slot] = vote
            db.executemany(_INSERT, [_row(vote, "") for vote in new])
        renamed = {plain_name(one.reviewer): other.reviewer for one, other in zip(given, wanted, strict=True)}
        others = {name: as_ for name, as_ in renamed.items() if name != as_}
        return Taken(len(wanted), len(new), len(wanted) - len(open_), repeated, others)

    def _cast_by_reviewer(self) -> defaultdict[tuple[Key, str], list[Vote]]:
        """All votes that are no adjudications, "undo" too, in their order."""
        found: defaultdict[tuple[Key, str], list[Vote]] = defaultdict(list)
        for vote in self.votes():
            if not vote.adjudication:
                found[self._keys.get(vote.key, vote.key), vote.reviewer].append(vote)
        return found

    def know(self, users: Mapping[str, str]) -> None:
        """Keep the names of reviewers by Label Studio's numbers (`numbered`); votes under a number are read as theirs."""
        with self.transaction() as db:
            pairs = [(number, plain_name(name)) for number, name in users.items()]
            db.executemany("INSERT OR IGNORE INTO numbered_reviewers VALUES (?,?)", pairs)

    def read_as(self, keys: Mapping[Key, Key]) -> None:
        """Count votes on these cases as votes on others from now on; what is stored stays as it was."""
        with self._reading:
            self._keys = keys
            self._ballots, self._read = Ballots(names=Names(self._numbers), keys=keys), 0

    def _numbered(self) -> dict[str, str]:
        return unambiguous(self._reader.rows("SELECT number, name FROM numbered_reviewers"))

    def votes(self) -> list[Vote]:
        """All votes ever cast, "undo" and superseded ones too, in their order, each under the reviewer's one name."""
        names = Names(self._numbered())
        found = [_vote(row[1:]) for row in self._after(0)]
        return [replace(vote, reviewer=names.learn(vote.reviewer)) for vote in found]

    def ballots(self) -> Ballots:
        """The votes as they stand now; only what was added since the last call is read."""
        with self._reading:
            numbers = self._numbered()
            if numbers != self._numbers:  # votes of a number are another's now
                self._ballots, self._read, self._numbers = Ballots(names=Names(numbers), keys=self._keys), 0, numbers
            for row in self._after(self._read):
                self._ballots.add(_vote(row[1:]))
                self._read = row[0]
            return self._ballots

    def _after(self, last: int) -> list[Any]:
        return self._reader.rows(f"SELECT id, {_COLUMNS} FROM votes WHERE id > ? ORDER BY id", (last,))


def _is_news(vote: Vote, own: Vote | None) -> bool:
    """Whether the vote differs from the reviewer's current one, in its judgement or by a new comment."""
    return own is None or vote.judgement != own.judgement or vote.comment not in ("", own.comment)


def _is_past(vote: Vote, cast: Sequence[Vote], dated: bool) -> bool:
    """Whether the last of `cast`, all votes of its reviewer on the case, is later than the vote; of a vote that is not dated:
    whether it says what one of them said."""
    if dated:
        return bool(cast) and moment(vote.at) < moment(cast[-1].at)
    return any(not _is_news(vote, old) for old in cast)


def _row(vote: Vote, token: str) -> tuple[Any, ...]:
    content = codec.dumps([*astuple(vote)[:6], *astuple(vote)[7:]])  # without the time: the second click comes later
    token = text_digest(f"{token}\n{content}") if token else secrets.token_hex(16)
    fields = [storable(text) if isinstance(text, str) else text for text in astuple(vote)]
    return (token, *fields[:9], codec.dumps(vote.spans), int(vote.adjudication), vote.about)


def _vote(row: Any) -> Vote:
    benchmark, item_id, field, label, judgement, reviewer, at, comment, answer, spans, adjudication, about = row
    marked = tuple(Span(**span) for span in codec.loads(spans))
    return Vote(benchmark, item_id, field, label, judgement, reviewer, at, comment, answer, marked, bool(adjudication), about)
