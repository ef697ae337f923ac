"""The review desk: the queue in its order, the next open case of each reviewer, votes and agreement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.core.digests import text_digest
from harness.labels.cases import JUDGEMENTS, Case, Key, Vote
from harness.labels.next_review import Advice, advice
from harness.labels.votes import Ballots, Pair, Standing
from reports.web.shelf import Shelf


class Votes(Protocol):
    """Where votes are kept (`harness.storage.vote_store.Reviews`)."""

    def add(self, vote: Vote, token: str = "") -> bool: ...
    def ballots(self) -> Ballots: ...


@dataclass(frozen=True, slots=True)
class Tables:
    """The queue as a file for a spreadsheet, and back: `read` stores its votes as this reviewer's and returns a summary."""

    write: Callable[[str], str]
    read: Callable[[bytes, str], str]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one reviewer is; `judgements` counts the current votes."""

    reviewer: str
    done: int
    total: int
    judgements: Counter[str]


class Desk:
    """The queue of one audit. `now` gives the time as ISO 8601; `reviewer` is the default reviewer."""

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
        self._position = {id: i for i, id in enumerate(self.ids)}
        self._position_of_key = {key: i for i, key in enumerate(self.keys)}

    def position(self, id: str) -> int | None:
        """Position in the queue, 0 first; None for an id that is not in it."""
        return self._position.get(id)

    def position_of(self, key: Key) -> int | None:
        return self._position_of_key.get(key)

    def standing(self, position: int) -> Standing:
        return self.votes.ballots().of(self.keys[position])

    def has_judged(self, position: int, reviewer: str) -> bool:
        """Whether the reviewer has a vote on the case that judges; a skip does not."""
        return any(vote.reviewer == reviewer for vote in self.standing(position).judgements)

    def can_be_settled(self, position: int) -> bool:
        """Whether reviewers disagree on the case, or an adjudication has settled it and another may replace that."""
        standing = self.standing(position)
        return standing.is_disputed or standing.settled is not None

    def next_open(self, reviewer: str, after: int = -1) -> int | None:
        """The next case that this reviewer has not seen and nobody has settled.

        One that is worth another reviewer comes first (`advice`), then the first behind `after` in the queue, wrapping round.
        """
        ballots, n = self.votes.ballots(), len(self.cases)
        behind = [(after + step) % n for step in range(1, n + 1)]
        standings = ((position, ballots.of(self.keys[position])) for position in behind)
        waiting = [i for i, standing in standings if reviewer not in standing.votes and standing.settled is None]
        return next(iter(self.advice().order(waiting, self.keys)), None)

    def advice(self) -> Advice:
        """What every case needs, and how far each reviewer can be trusted."""
        return advice(self.cases, self.votes.ballots())

    def last_judged(self, reviewer: str) -> int | None:
        """The case of this queue that the reviewer judged last: what undo withdraws."""
        positions = (self.position_of(key) for key in reversed(self.votes.ballots().judged_by(reviewer)))
        return next((position for position in positions if position is not None), None)

    def done(self, reviewer: str) -> int:
        """How many cases of this queue the reviewer has seen."""
        return sum(key in self._position_of_key for key in self.votes.ballots().judged_by(reviewer))

    def progress(self, reviewer: str) -> Progress:
        ballots = self.votes.ballots()
        own = [key for key in ballots.judged_by(reviewer) if key in self._position_of_key]
        judgements = Counter(ballots.of(key).votes[reviewer].judgement for key in own)
        return Progress(reviewer, len(own), len(self.cases), Counter({name: judgements[name] for name in JUDGEMENTS}))

    def everybody(self) -> list[Progress]:
        found = (self.progress(name) for name in self.votes.ballots().reviewers())
        return [one for one in found if one.done]

    def agreement(self) -> tuple[list[Pair], float | None, float | None]:
        """Cohen's kappa of every two, Fleiss' kappa and Krippendorff's alpha of all, on labels; captions stand apart."""
        ballots = self.votes.ballots()
        return ballots.pairs(self.keys), ballots.fleiss(self.keys), ballots.alpha(self.keys)

    def captions_of_several(self) -> tuple[int, int]:
        """See `Ballots.captions_of_several`."""
        return self.votes.ballots().captions_of_several(self.keys)

    def disputed(self) -> list[int]:
        """Cases that wait for an adjudication, in the order of the queue."""
        positions = (self.position_of(key) for key in self.votes.ballots().disputed())
        return sorted(position for position in positions if position is not None)

    def outcomes(self) -> Counter[str]:
        """What was decided so far: judgement -> number of cases."""
        ballots = self.votes.ballots()
        decided = (ballots.of(key).decided for key in self.keys)
        return Counter(vote.judgement for vote in decided if vote is not None)


def case_id(case: Case) -> str:
    """Short, safe in an address, the same after a restart."""
    return text_digest("\0".join(case.key))[:16]


def mixed(cases: Iterable[Case], most: int) -> list[Case]:
    """The `most` suspicious cases with all control cases spread evenly among them, in the order of their draw.

    A control case that is suspicious stands at its random position, not at its suspicion's: were the worst reviewed first, the
    decided part of the sample would be no random one. A reviewer must not see which cases are controls.
    """
    ranked = sorted(cases, key=lambda case: -case.suspicion)
    suspicious = [case for case in ranked[:most] if not case.control]
    controls = sorted((case for case in ranked if case.control), key=lambda case: (case.drawn, case_id(case)))
    queue: list[Case] = []
    for i, case in enumerate(suspicious):
        queue.append(case)
        queue += controls[i * len(controls) // len(suspicious) : (i + 1) * len(controls) // len(suspicious)]
    return queue or controls
