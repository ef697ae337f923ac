"""What lies on the reviewers' desk: the queue in their order, whose turn each case is, what may be shown to whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.core.digests import text_digest
from harness.labels.cases import WORDS, Case, Key, Vote
from harness.labels.votes import Ballots, Pair, Standing
from reports.web.shelf import Shelf


class Votes(Protocol):
    """Where votes are kept (`harness.storage.vote_store.Reviews`)."""

    def add(self, vote: Vote, token: str = "") -> bool: ...
    def ballots(self) -> Ballots: ...


@dataclass(frozen=True, slots=True)
class Tables:
    """The queue as a file for a spreadsheet, and back: `read` keeps its votes as this reviewer's and says what it did."""

    write: Callable[[str], str]
    read: Callable[[bytes, str], str]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one reviewer is; `words` counts the votes that stand."""

    reviewer: str
    done: int
    total: int
    words: Counter[str]


class Desk:
    """The queue of one audit. `now` says the time as ISO 8601; `reviewer` is who sits down without giving a name."""

    def __init__(
        self,
        title: str,
        cases: Sequence[Case],
        votes: Votes,
        shelf: Shelf,
        now: Callable[[], str],
        reviewer: str = "",
        tables: Tables | None = None,
    ) -> None:
        self.title, self.cases, self.votes, self.shelf = title, tuple(cases), votes, shelf
        self.now, self.reviewer, self.tables = now, reviewer, tables
        self.ids = tuple(case_id(case) for case in self.cases)
        self.keys = tuple(case.key for case in self.cases)
        self._place = {id: i for i, id in enumerate(self.ids)}
        self._place_of_key = {key: i for i, key in enumerate(self.keys)}

    def place(self, id: str) -> int | None:
        """Position in the queue, 0 first; None for an id that is not in it."""
        return self._place.get(id)

    def place_of(self, key: Key) -> int | None:
        return self._place_of_key.get(key)

    def standing(self, place: int) -> Standing:
        return self.votes.ballots().of(self.keys[place])

    def next_open(self, reviewer: str, after: int = -1) -> int | None:
        """The next case behind `after`, round the end, that this reviewer has not seen and nobody has settled."""
        ballots, n = self.votes.ballots(), len(self.cases)
        for step in range(1, n + 1):
            place = (after + step) % n
            standing = ballots.of(self.keys[place])
            if reviewer not in standing.votes and standing.settled is None:
                return place
        return None

    def last_judged(self, reviewer: str) -> int | None:
        """The case of this queue that the reviewer judged last: what undo takes back."""
        places = (self.place_of(key) for key in reversed(self.votes.ballots().judged_by(reviewer)))
        return next((place for place in places if place is not None), None)

    def done(self, reviewer: str) -> int:
        """How many cases of this queue the reviewer has seen."""
        return sum(key in self._place_of_key for key in self.votes.ballots().judged_by(reviewer))

    def progress(self, reviewer: str) -> Progress:
        ballots = self.votes.ballots()
        own = [key for key in ballots.judged_by(reviewer) if key in self._place_of_key]
        words = Counter(ballots.of(key).votes[reviewer].word for key in own)
        return Progress(reviewer, len(own), len(self.cases), Counter({word: words[word] for word in WORDS}))

    def everybody(self) -> list[Progress]:
        found = (self.progress(name) for name in self.votes.ballots().reviewers())
        return [one for one in found if one.done]

    def agreement(self) -> tuple[list[Pair], float | None]:
        """Cohen's kappa of every two, Fleiss' kappa of all."""
        ballots = self.votes.ballots()
        return ballots.pairs(self.keys), ballots.fleiss(self.keys)

    def disputed(self) -> list[int]:
        """Cases that wait for an adjudication, in the order of the queue."""
        places = (self.place_of(key) for key in self.votes.ballots().disputed())
        return sorted(place for place in places if place is not None)

    def outcomes(self) -> Counter[str]:
        """What was decided so far: judgement -> number of cases."""
        ballots = self.votes.ballots()
        decided = (ballots.of(key).decided for key in self.keys)
        return Counter(vote.word for vote in decided if vote is not None)


def case_id(case: Case) -> str:
    """Short, safe in an address, the same after a restart."""
    return text_digest("\0".join(case.key))[:16]


def mixed(cases: Iterable[Case], most: int) -> list[Case]:
    """The `most` suspicious cases with all control cases spread evenly among them, in the order of their draw.

    A control case that is suspicious stands at its random place, not at its suspicion's: were the worst reviewed first, the
    decided part of the sample would be no random one. A reviewer must not see which cases are controls.
    """
    ranked = sorted(cases, key=lambda case: -case.suspicion)
    suspects = [case for case in ranked[:most] if not case.control]
    controls = sorted((case for case in ranked if case.control), key=lambda case: (case.drawn, case_id(case)))
    queue: list[Case] = []
    for i, case in enumerate(suspects):
        queue.append(case)
        queue += controls[i * len(controls) // len(suspects) : (i + 1) * len(controls) // len(suspects)]
    return queue or controls
