"""The current state of votes: each reviewer's latest vote, disagreements, and the edits that follow. Pure values.

A reviewer's later vote supersedes the earlier one and "undo" takes the last one back, so that the one before it counts
again. A label is decided when all who judged it agree, or when an adjudication settled it; "skip" is no judgement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from itertools import combinations
from math import inf
from types import MappingProxyType

from harness.core.errors import ConfigError
from harness.core.evaluation import LabelEdit
from harness.labels.cases import JUDGEMENTS, MARKS, Key, Vote
from harness.labels.rater_agreement import alpha, fleiss, kappa
from harness.labels.reviewers import Names

UNDO = "undo"
LONGEST_NAME, LONGEST_COMMENT = 60, 4_000  # characters
EDITS = {"right": "right", "wrong": "flipped", "ambiguous": "removed"}  # a judgement -> LabelEdit.new


@dataclass(frozen=True, slots=True)
class Standing:
    """The votes on one case: each reviewer's vote that counts, and the one that settled a disagreement."""

    votes: Mapping[str, Vote] = field(default_factory=dict)
    settled: Vote | None = None

    @property
    def judgements(self) -> tuple[Vote, ...]:
        """The votes that judge, without those that skip."""
        return tuple(vote for vote in self.votes.values() if vote.judgement in EDITS)

    @property
    def is_disputed(self) -> bool:
        """Reviewers disagree and nobody has settled it."""
        return self.settled is None and len({_content(vote) for vote in self.judgements}) > 1

    @property
    def decided(self) -> Vote | None:
        """The deciding vote: the adjudication, or the last of those that agree. None while open."""
        if self.settled is not None or not self.judgements or self.is_disputed:
            return self.settled
        return max(self.judgements, key=lambda vote: moment(vote.at))


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
    """All votes, in the order in which they were cast. Values are replaced whole, so threads may read meanwhile.

    Votes under several spellings of a name (`Names`) are one reviewer's, under the first of them. `keys`: cases as earlier
    versions named them -> the present ones.
    """

    def __init__(
        self, votes: Iterable[Vote] = (), names: Names | None = None, keys: Mapping[Key, Key] = MappingProxyType({})
    ) -> None:
        self.names = Names() if names is None else names
        self._keys = keys
        self._cast: dict[tuple[Key, bool], tuple[Vote, ...]] = {}
        self._standing: dict[Key, Standing] = {}
        self._disputed: dict[Key, None] = {}
        self._order: dict[str, dict[Key, None]] = {}
        for vote in votes:
            self.add(vote)

    def add(self, vote: Vote) -> None:
        key = self._keys.get(vote.key, vote.key)
        vote = replace(vote, reviewer=self.names.learn(vote.reviewer), field=key.field, about=key.about)
        slot = (vote.key, vote.adjudication)
        cast = self._cast.get(slot, ())
        self._cast[slot] = _without_last(cast, vote.reviewer) if vote.judgement == UNDO else (*cast, vote)
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
        if vote.judgement != UNDO:
            order[vote.key] = None
        elif stands:  # the vote before it counts again, and is not the next to be undone
            self._order[vote.reviewer] = {vote.key: None, **order}

    def of(self, key: Key) -> Standing:
        return self._standing.get(key, _NOTHING)

    def keys(self) -> list[Key]:
        """Every case that somebody voted on."""
        return list(self._standing)

    def judged_by(self, reviewer: str) -> tuple[Key, ...]:
        """The cases on which the reviewer has a vote (skipped ones too), the latest last."""
        return tuple(self._order.get(reviewer, {}))

    def reviewers(self) -> list[str]:
        return sorted(name for name, keys in list(self._order.items()) if keys)

    def disputed(self) -> list[Key]:
        """Cases that wait for an adjudication."""
        return list(self._disputed)

    def edits(self) -> list[LabelEdit]:
        """One edit a decided label: right, flipped, or removed for ambiguity. Captions have marks instead."""
        found = [(standing, standing.decided) for standing in list(self._standing.values())]
        return [_edit(standing, vote) for standing, vote in found if vote is not None and not vote.answer]

    def deciders(self, edits: Iterable[LabelEdit]) -> list[str]:
        """The reviewers whose votes these edits follow, by name; who only skipped is not among them."""
        standings = [self.of(Key(edit.benchmark, edit.item_id, edit.field, edit.old, edit.about)) for edit in edits]
        return sorted({vote.reviewer for one in standings for vote in ((one.settled,) if one.settled else one.judgements)})

    def marks(self) -> list[Vote]:
        """One vote a caption decided as right or wrong, with its spans (none where the scorer's marks are right)."""
        return [vote for vote in self._captions() if vote.judgement in ("right", "wrong")]

    def ambiguous_captions(self) -> list[Vote]:
        """One vote a caption decided as ambiguous: its marks are not known to be right, nor how to correct them."""
        return [vote for vote in self._captions() if vote.judgement == "ambiguous"]

    def _captions(self) -> list[Vote]:
        found = [standing.decided for standing in list(self._standing.values())]
        return [vote for vote in found if vote is not None and vote.answer]

    def pairs(self, keys: Collection[Key]) -> list[Pair]:
        """Cohen's kappa of every two reviewers, over the labels of `keys` that both judged.

        Captions are in none of these: two that are "wrong" by different marks are no agreement, and marks are no categories.
        """
        found = []
        for one, other in combinations(self.reviewers(), 2):
            both = [(v[one], v[other]) for v in self._judgements(keys) if one in v and other in v]
            if both:
                left, right = zip(*both, strict=True)
                found.append(Pair(one, other, len(both), sum(a == b for a, b in both), kappa(left, right)))
        return found

    def fleiss(self, keys: Collection[Key]) -> float | None:
        """Fleiss' kappa of all reviewers, over the labels of `keys` that at least two judged."""
        return fleiss([list(judged.values()) for judged in self._judgements(keys)])

    def alpha(self, keys: Collection[Key]) -> float | None:
        """Krippendorff's alpha of all reviewers, over the same labels."""
        return alpha([list(judged.values()) for judged in self._judgements(keys)])

    def _judgements(self, keys: Collection[Key]) -> list[dict[str, str]]:
        judged = (self.of(key).judgements for key in keys)
        return [{v.reviewer: v.judgement for v in votes} for votes in judged if votes and not votes[0].answer]

    def captions_of_several(self, keys: Collection[Key]) -> tuple[int, int]:
        """(captions of `keys` that at least two judged, those of them on which all give the same judgement and marks)."""
        judged = [votes for votes in (self.of(key).judgements for key in keys) if len(votes) > 1 and votes[0].answer]
        return len(judged), sum(len({_content(vote) for vote in votes}) == 1 for votes in judged)


def moment(at: str) -> float:
    """Seconds since 1970 of a vote's time, whatever its zone (without one: UTC); -inf where it is none."""
    try:
        time = datetime.fromisoformat(at)
        return (time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return -inf


def _without_last(cast: tuple[Vote, ...], reviewer: str) -> tuple[Vote, ...]:
    for i in reversed(range(len(cast))):
        if cast[i].reviewer == reviewer:
            return (*cast[:i], *cast[i + 1 :])
    return cast


def _content(vote: Vote) -> tuple[object, ...]:
    return (vote.judgement, frozenset((s.start, s.end, s.kind) for s in vote.spans))


def _edit(standing: Standing, vote: Vote) -> LabelEdit:
    votes = (vote,) if vote.adjudication else standing.judgements
    names = ", ".join(sorted(v.reviewer for v in votes))
    reason = "; ".join(dict.fromkeys(v.comment for v in votes if v.comment))
    new = EDITS[vote.judgement]
    return LabelEdit(vote.benchmark, vote.item_id, vote.field, vote.label, new, names, reason, vote.at, vote.about)


def check_name(name: str) -> None:
    """Raise ConfigError for a name that no reviewer can have."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise ConfigError(f"A reviewer needs a name of 1 to {LONGEST_NAME} printable characters; got {name[:80]!r}.")


def checked(vote: Vote) -> Vote:
    """The vote, if it is valid. Raises ConfigError with the reason otherwise."""
    check_name(vote.reviewer)
    if vote.judgement not in (*JUDGEMENTS, UNDO):
        raise ConfigError(f"{vote.judgement[:80]!r} is not a valid judgement. Choose one of: {', '.join(JUDGEMENTS)}.")
    if len(vote.comment) > LONGEST_COMMENT:
        raise ConfigError(f"The comment has {len(vote.comment):,} characters; at most {LONGEST_COMMENT:,} are kept.")
    for span in vote.spans:
        if span.kind not in MARKS or not 0 <= span.start < span.end <= len(vote.answer):
            raise ConfigError(f"The mark {span.kind[:80]!r} at {span.start} to {span.end} is not inside the caption.")
    if vote.adjudication and vote.judgement == "skip":
        raise ConfigError("A disagreement is settled with right, wrong or ambiguous; a skip settles nothing.")
    return vote
