"""Votes as they stand: whose last word counts, where reviewers disagree, what follows for the labels. Pure values.

A reviewer's later vote supersedes the earlier one and "undo" takes the last one back, so that the one before it counts
again. A label is decided when all who judged it agree, or when an adjudication settled it; "skip" is no judgement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from harness.core.errors import ConfigError
from harness.core.evaluation import LabelEdit
from harness.labels.cases import MARKS, WORDS, Key, Vote
from harness.labels.rater_agreement import fleiss, kappa

UNDO = "undo"
LONGEST_NAME, LONGEST_COMMENT = 60, 4_000  # characters
EDITS = {"right": "right", "wrong": "flipped", "ambiguous": "removed"}  # a judgement -> LabelEdit.new


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one case: each reviewer's vote that counts, and the word that settled a disagreement."""

    votes: Mapping[str, Vote] = field(default_factory=dict)
    settled: Vote | None = None

    @property
    def judgements(self) -> tuple[Vote, ...]:
        """The votes that judge, without those that skip."""
        return tuple(vote for vote in self.votes.values() if vote.word in EDITS)

    @property
    def is_disputed(self) -> bool:
        """Reviewers disagree and nobody has settled it."""
        return self.settled is None and len({_said(vote) for vote in self.judgements}) > 1

    @property
    def decided(self) -> Vote | None:
        """The vote that speaks for all: the adjudication, or the last of those that agree. None while open."""
        if self.settled is not None or not self.judgements or self.is_disputed:
            return self.settled
        return max(self.judgements, key=lambda vote: vote.at)


_NOTHING = Standing()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two reviewers on the `n` cases that both judged; `kappa` None: chance alone explains their agreement."""

    one: str
    other: str
    n: int
    agreed: int
    kappa: float | None


class Ballots:
    """All votes, in the order in which they were cast. Values are replaced whole, so threads may read meanwhile."""

    def __init__(self, votes: Iterable[Vote] = ()) -> None:
        self._cast: dict[tuple[Key, bool], tuple[Vote, ...]] = {}
        self._standing: dict[Key, Standing] = {}
        self._disputed: dict[Key, None] = {}
        self._order: dict[str, dict[Key, None]] = {}
        for vote in votes:
            self.add(vote)

    def add(self, vote: Vote) -> None:
        place = (vote.key, vote.adjudication)
        cast = self._cast.get(place, ())
        self._cast[place] = _without_last(cast, vote.reviewer) if vote.word == UNDO else (*cast, vote)
        votes = {v.reviewer: v for v in self._cast.get((vote.key, False), ())}
        settled = self._cast.get((vote.key, True), ())
        self._standing[vote.key] = standing = Standing(votes, settled[-1] if settled else None)
        self._disputed.pop(vote.key, None)
        if standing.is_disputed:
            self._disputed[vote.key] = None
        if not vote.adjudication:
            self._reorder(vote, vote.reviewer in votes)

    def _reorder(self, vote: Vote, stands: bool) -> None:
        order = self._order.setdefault(vote.reviewer, {})
        order.pop(vote.key, None)
        if vote.word != UNDO:
            order[vote.key] = None
        elif stands:  # the word before it counts again, and is not the next to be taken back
            self._order[vote.reviewer] = {vote.key: None, **order}

    def of(self, key: Key) -> Standing:
        return self._standing.get(key, _NOTHING)

    def keys(self) -> list[Key]:
        """Every case that somebody voted on."""
        return list(self._standing)

    def judged_by(self, reviewer: str) -> tuple[Key, ...]:
        """The cases on which the reviewer's word stands (skipped ones too), the latest last."""
        return tuple(self._order.get(reviewer, {}))

    def reviewers(self) -> list[str]:
        return sorted(name for name, keys in list(self._order.items()) if keys)

    def disputed(self) -> list[Key]:
        """Cases that wait for an adjudication."""
        return list(self._disputed)

    def edits(self) -> list[LabelEdit]:
        """One edit a decided label: right, flipped, or removed for ambiguity. Captions have marks instead."""
        found = [(key, s, s.decided) for key, s in list(self._standing.items())]
        return [_edit(standing, vote) for _, standing, vote in found if vote is not None and not vote.answer]

    def marks(self) -> list[Vote]:
        """One vote a decided caption, with its spans (none where the scorer's marks are right)."""
        found = [standing.decided for standing in list(self._standing.values())]
        return [vote for vote in found if vote is not None and vote.answer]

    def pairs(self, keys: Collection[Key]) -> list[Pair]:
        """Cohen's kappa of every two reviewers, over the cases of `keys` that both judged."""
        found = []
        for one, other in combinations(self.reviewers(), 2):
            both = [(v[one], v[other]) for v in self._words(keys) if one in v and other in v]
            if both:
                left, right = zip(*both, strict=True)
                found.append(Pair(one, other, len(both), sum(a == b for a, b in both), kappa(left, right)))
        return found

    def fleiss(self, keys: Collection[Key]) -> float | None:
        """Fleiss' kappa of all reviewers, over the cases of `keys` that at least two judged."""
        return fleiss([list(words.values()) for words in self._words(keys)])

    def _words(self, keys: Collection[Key]) -> list[dict[str, str]]:
        return [{v.reviewer: v.word for v in self.of(key).judgements} for key in keys if key in self._standing]


def _without_last(cast: tuple[Vote, ...], reviewer: str) -> tuple[Vote, ...]:
    for i in reversed(range(len(cast))):
        if cast[i].reviewer == reviewer:
            return (*cast[:i], *cast[i + 1 :])
    return cast


def _said(vote: Vote) -> tuple[object, ...]:
    return (vote.word, frozenset((s.start, s.end, s.kind) for s in vote.spans))


def _edit(standing: Standing, vote: Vote) -> LabelEdit:
    votes = (vote,) if vote.adjudication else standing.judgements
    names = ", ".join(sorted(v.reviewer for v in votes))
    reason = "; ".join(dict.fromkeys(v.comment for v in votes if v.comment))
    return LabelEdit(vote.benchmark, vote.item_id, vote.field, vote.label, EDITS[vote.word], names, reason, vote.at)


def check_name(name: str) -> None:
    """Raise ConfigError for a name that no reviewer can have."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise ConfigError(f"A reviewer needs a name of 1 to {LONGEST_NAME} printable characters; got {name[:80]!r}.")


def checked(vote: Vote) -> Vote:
    """The vote, if it can be kept. Raises ConfigError, saying what is wrong with it."""
    check_name(vote.reviewer)
    if vote.word not in (*WORDS, UNDO):
        raise ConfigError(f"{vote.word[:80]!r} is not a valid judgement. Choose one of: {', '.join(WORDS)}.")
    if len(vote.comment) > LONGEST_COMMENT:
        raise ConfigError(f"The comment has {len(vote.comment):,} characters; at most {LONGEST_COMMENT:,} are kept.")
    for span in vote.spans:
        if span.kind not in MARKS or not 0 <= span.start < span.end <= len(vote.answer):
            raise ConfigError(f"The mark {span.kind[:80]!r} at {span.start} to {span.end} does not lie in the caption.")
    if vote.adjudication and vote.word == "skip":
        raise ConfigError("A disagreement is settled by right, wrong or ambiguous; a skip settles nothing.")
    return vote
