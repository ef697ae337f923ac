"""Log-odds, in nats, of one kind of evidence against a label, from counts over the other labels.

Most labels are right, so the rate at which a checkpoint answers yes where the label is yes (or no) estimates the rate at
which it does so where the object is (or is not) there. The weight of one answer is then the log of a likelihood ratio
(Good 1950; a naive Bayes classifier whose class is "the label is wrong"):

    log P(observation | the opposite of the label is true) - log P(observation | the label is true)

The label's own row is left out of the counts, and the rates of a rare object are pulled towards the rates of all objects.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Booleans = NDArray[np.bool_]

STRENGTH = 8.0  # an object's own rates count half when this many labels are about it
MOST = 5.0  # nats; no single kind of evidence may decide alone


def against(
    codes: Codes,
    n_codes: int,
    is_yes: Booleans,
    object_codes: Codes,
    hard: Booleans | None = None,
    unlisted: Floats | None = None,
) -> Floats:
    """Nats of evidence that each code gives against its label.

    Args:
        codes: (N,) in 0..n_codes-1, what was seen at each label; -1 where nothing was, which weighs 0.
        is_yes: (N,) the labels.
        object_codes: (N,) in 0.., what the label is about.
        hard: (N,) labels that are hard to decide (a tiny object that is there, a look-alike of one that is not); they have
            rates of their own.
        unlisted: (2, objects), labels "no" that are not among the rows and at which code 0 was seen: easy ones, hard ones.
    """
    hard = np.zeros(len(codes), dtype=bool) if hard is None else hard
    unlisted = np.zeros((2, int(object_codes.max(initial=0)) + 1)) if unlisted is None else unlisted
    rows = np.flatnonzero(codes >= 0)
    own, label, what, trouble = codes[rows], is_yes[rows], object_codes[rows], hard[rows]
    likely = np.empty((2, len(rows)))  # P(own code | no), P(own code | yes)
    for value in (False, True):
        extra = unlisted * (not value)
        pooled = _Rates(own[label == value], n_codes, what[label == value], extra.sum(axis=0))
        likely[int(value)] = pooled.of(own, what, label == value)
        for kind in (False, True):  # a label is compared with those that are as easy, or as hard, to tell
            chosen = (label == value) & (trouble == kind)
            alike = _Rates(own[chosen], n_codes, what[chosen], extra[int(kind)])
            likely[int(value), chosen] = alike.of(own[chosen], what[chosen], chosen[chosen])
    weight = np.zeros(len(codes))
    weight[rows] = np.where(label, 1.0, -1.0) * np.log(likely[0] / likely[1])
    return np.clip(weight, -MOST, MOST)


class _Rates:
    """P(code | one label): over all objects, and by object pulled towards it."""

    def __init__(self, codes: Codes, n_codes: int, object_codes: Codes, unlisted: Floats) -> None:
        cells = np.bincount(object_codes * n_codes + codes, minlength=len(unlisted) * n_codes)
        self.by_object = cells.reshape(len(unlisted), n_codes).astype(np.float64)
        self.by_object[:, 0] += unlisted
        self.overall = self.by_object.sum(axis=0)

    def of(self, own: Codes, object_codes: Codes, counted: Booleans) -> Floats:
        """P(own code | label, object), without the row itself where it was counted."""
        less = counted.astype(np.float64)
        everywhere = (self.overall[own] - less + 0.5) / (self.overall.sum() - less + 0.5 * len(self.overall))
        here = self.by_object[object_codes, own] - less
        rate: Floats = (here + STRENGTH * everywhere) / (self.by_object[object_codes].sum(axis=1) - less + STRENGTH)
        return rate


def decorrelated_weights(errors: Floats, seen: Booleans) -> Floats:
    """How much each of K witnesses counts, in (0, 1]: 1 / (sum of its correlations of errors with all, itself included).

    Checkpoints of one base err together; k copies of one model then weigh as much as one, k independent ones as k.

    Args:
        errors: (K, N) 1 where the answer contradicts the label, else 0; `seen`: (K, N) where there is an answer.
    """
    shares = np.ones(len(errors))
    if len(errors) < 2:
        return shares
    n = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    centred = np.where(seen, errors - (errors * seen).sum(axis=1, keepdims=True) / n, 0.0)
    spread = np.sqrt((centred**2).sum(axis=1))
    spread[spread == 0] = 1.0
    unit = centred / spread[:, None]
    together = np.clip(unit @ unit.T, 0.0, 1.0)
    np.fill_diagonal(together, 1.0)
    return np.asarray(1.0 / together.sum(axis=1), dtype=np.float64)
