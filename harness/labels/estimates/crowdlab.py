"""Consensus of several reviewers, how far each can be trusted, and which case to ask about next.

CROWDLAB (Goh, Tkachenko and Mueller 2022, arXiv:2210.06812): the probability of a judgement is a weighted mean of the
classifier's and of one distribution for each vote. Here the classifier is the evidence of the review queue (`Case.suspicion`).
Weights are relative to the error of always giving the commonest consensus, over the cases that at least two judged: a
reviewer's from the agreement with the other reviewers, the classifier's from the agreement with the majority. Which case to
ask about next: ActiveLab (Goh and Mueller 2023, arXiv:2301.11856), without its temperature scaling. Ties of the majority go to
the judgement that the classifier holds likelier, then to the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST = 1e-6  # weights are at least this
FEWEST_OVERLAPS = 10  # cases that two judged, from which weights can be estimated


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """Of N cases, K judgements and M reviewers.

    probability: (N, K). majority: (N,), a judgement's number. weights, quality: (M,) of reviewers, quality in [0, 1].
    prior_weight: of the classifier. worth: (N,) the ActiveLab score; the lower, the more another vote is worth.
    """

    probability: Floats
    majority: NDArray[np.intp]
    weights: Floats
    quality: Floats
    prior_weight: float
    worth: Floats

    @property
    def confidence(self) -> Floats:
        """Probability of the majority's judgement, (N,)."""
        found: Floats = self.probability[np.arange(len(self.majority)), self.majority]
        return found


def consensus(votes: NDArray[np.intp], prior: Floats) -> Consensus | None:
    """None where fewer than `FEWEST_OVERLAPS` cases have two votes.

    Args:
        votes: (N, M) the number of the judgement, -1 where a reviewer has none; every case has one, every reviewer too.
        prior: (N, K) the classifier's probabilities.
    """
    cast = votes >= 0
    number, k = cast.sum(axis=1), prior.shape[1]
    several = number > 1
    if several.sum() < FEWEST_OVERLAPS:
        return None
    counts = np.stack([(votes == c).sum(axis=1) for c in range(k)], axis=1)
    majority = np.argmax(np.where(counts == counts.max(axis=1, keepdims=True), prior, -1.0), axis=1)
    agreed = np.mean((votes[several] == majority[several, None]).sum(axis=1) / number[several])
    commonest = np.argmax(np.bincount(majority[several], minlength=k))
    chance = max(float(np.mean(majority[several] != commonest)), LEAST)
    weights = np.clip(1 - (1 - _with_others(votes, cast, counts, number)) / chance, LEAST, None)
    missed = float(np.mean(np.argmax(prior[several], axis=1) != majority[several]))
    prior_weight = max(1 - missed / chance, LEAST) * float(np.sqrt(number.mean()))
    total = cast @ weights + prior_weight
    said = np.stack([(votes == c) @ weights for c in range(k)], axis=1)
    others = (cast @ weights)[:, None] - said
    probability = (prior * prior_weight + said * agreed + others * (1 - agreed) / (k - 1)) / total[:, None]
    worth = _worth(probability[np.arange(len(majority)), majority], total, float(weights.mean()), k)
    quality = _quality(votes, probability, majority, several, prior_weight, weights, float(number.mean()))
    return Consensus(probability, majority, weights, quality, prior_weight, worth)


def _worth(confidence: Floats, total: Floats, one_more: float, k: int) -> Floats:
    """The confidence after one more vote of the usual weight that could be anything."""
    return (confidence * total + one_more / k) / (total + one_more)


def _with_others(votes: NDArray[np.intp], cast: NDArray[np.bool_], counts: Floats, number: NDArray[np.intp]) -> Floats:
    """Each reviewer's agreement with the others on the same cases, each other vote counting once, (M,).

    A reviewer who shares no case gets the mean of those who do.
    """
    found = np.full(votes.shape[1], np.nan)
    for m in range(votes.shape[1]):
        rows = np.flatnonzero(cast[:, m])
        others = (number[rows] - 1).sum()
        if others:
            found[m] = (counts[rows, votes[rows, m]] - 1).sum() / others
    return np.where(np.isnan(found), np.nanmean(found), found)


def _quality(
    votes: NDArray[np.intp],
    probability: Floats,
    majority: NDArray[np.intp],
    several: NDArray[np.bool_],
    prior_weight: float,
    weights: Floats,
    mean_votes: float,
) -> Floats:
    """The mean probability of a reviewer's judgements, mixed with the agreement with the majority; nan without overlap."""
    w = prior_weight / (prior_weight + weights.sum() * mean_votes / len(weights))
    found = np.full(votes.shape[1], np.nan)
    for m in range(votes.shape[1]):
        own = np.flatnonzero(votes[:, m] >= 0)
        shared = own[several[own]]
        if len(shared):
            given, alike = probability[own, votes[own, m]].mean(), np.mean(votes[shared, m] == majority[shared])
            found[m] = w * given + (1 - w) * alike
    return found


def prior_of(suspicion: Sequence[float], wrong: int, ambiguous: int) -> Floats:
    """(N, 3) probabilities of right, wrong and ambiguous from suspicions; the votes so far split what is not right."""
    doubt = np.asarray(suspicion, dtype=np.float64)
    share = (ambiguous + 0.5) / (wrong + ambiguous + 1)
    return np.stack([1 - doubt, doubt * (1 - share), doubt * share], axis=1)
