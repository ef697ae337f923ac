"""Which case to show next, and whether another reviewer is worth asking: from the votes so far and the queue's evidence.

With estimates (`crowdlab`): a case whose consensus is less than 95 % probable is worth another vote, the one first that another
vote tells most about; then cases without a vote in the order of the queue. Without (fewer than ten cases with two votes): a
case is worth another vote until two agree, and the order is the queue's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.labels.cases import Case, Key
from harness.labels.estimates.crowdlab import Consensus, consensus, prior_of
from harness.labels.votes import EDITS, Ballots, Standing

SURE = 0.95  # probability of the consensus from which no further reviewer is asked
FIRST, ANOTHER, ENOUGH = "first review", "another reviewer", "enough"
_JUDGEMENTS = tuple(EDITS)


@dataclass(frozen=True, slots=True)
class Advice:
    """By case: what it needs (`FIRST`, `ANOTHER`, `ENOUGH`), how probable its consensus is, and how little another vote is
    worth (lower: ask sooner). `quality`: reviewer -> share of judgements that are likely right. All but `needs` are empty
    without estimates."""

    needs: Mapping[Key, str]
    confidence: Mapping[Key, float] = field(default_factory=dict)
    worth: Mapping[Key, float] = field(default_factory=dict)
    quality: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_estimated(self) -> bool:
        return bool(self.confidence)

    def order(self, positions: Sequence[int], keys: Sequence[Key]) -> list[int]:
        """The positions, those worth another vote first and those that need none last; as they are without estimates."""
        if not self.is_estimated:
            return list(positions)
        rank = {ANOTHER: 0, FIRST: 1, ENOUGH: 2}
        return sorted(positions, key=lambda i: (rank[self.needs[keys[i]]], self.worth.get(keys[i], 0.0)))


def advice(cases: Sequence[Case], ballots: Ballots) -> Advice:
    """What every case of a queue needs. Captions are left to the queue's order: their marks have no common judgements."""
    standings = {case.key: ballots.of(case.key) for case in cases}
    judged = [case for case in cases if standings[case.key].judgements and not case.caption]
    found, reviewers = _estimates(judged, standings)
    if found is None:
        return Advice({key: _by_rule(standing) for key, standing in standings.items()})
    confidence = {case.key: float(p) for case, p in zip(judged, found.confidence, strict=True)}
    needs = {key: _need(standing, confidence.get(key)) for key, standing in standings.items()}
    worth = {case.key: float(score) for case, score in zip(judged, found.worth, strict=True)}
    quality = {name: float(q) for name, q in zip(reviewers, found.quality, strict=True) if np.isfinite(q)}
    return Advice(needs, confidence, worth, quality)


def _estimates(judged: Sequence[Case], standings: Mapping[Key, Standing]) -> tuple[Consensus | None, list[str]]:
    votes = [{v.reviewer: _JUDGEMENTS.index(v.judgement) for v in standings[case.key].judgements} for case in judged]
    reviewers = sorted({name for own in votes for name in own})
    if not votes:
        return None, reviewers
    table = np.array([[own.get(name, -1) for name in reviewers] for own in votes], dtype=np.intp)
    wrong, ambiguous = (int((table == _JUDGEMENTS.index(word)).sum()) for word in ("wrong", "ambiguous"))
    return consensus(table, prior_of([case.suspicion for case in judged], wrong, ambiguous)), reviewers


def _need(standing: Standing, confidence: float | None) -> str:
    if standing.settled is not None:
        return ENOUGH
    if confidence is None:
        return _by_rule(standing)
    return ENOUGH if confidence >= SURE else ANOTHER


def _by_rule(standing: Standing) -> str:
    if standing.settled is not None:
        return ENOUGH
    if not standing.judgements:
        return FIRST
    return ANOTHER if standing.is_disputed or len(standing.judgements) < 2 else ENOUGH
