"""Accuracy of reward models on held-out pairs, of all runs together, and the study's table 7 beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.core.evaluation import ratio
from harness.core.run_record import RunRecord
from harness.core.stats import Sample, limits, linearise
from reports.published.reward_rows import published_rewards
from reports.questions.costs import reward_model_costs


def reward_accuracy(
    records: Sequence[RunRecord], labels: Sequence[str] | None
) -> tuple[dict[str, Mapping[str, float | None]], dict[str, int], dict[str, int]]:
    """(reward model -> whose held-out pairs -> share ranked rightly, whose held-out pairs -> comparisons, those left out).

    Of several runs, models and pairs have their run's label (else its id) in front: equal names are other models there.
    """
    runs = {record.run_id: (i, record) for i, record in reversed(list(enumerate(records))) if record.reward_accuracy}
    shares, pairs, left = dict[str, Mapping[str, float | None]](), dict[str, int](), dict[str, int]()
    for run, (i, record) in reversed(runs.items()):
        front = "" if len(runs) == 1 else f"{labels[i] if labels is not None else run}: "
        pairs |= {front + name: n for name, n in record.reward_pairs.items()}
        left |= {front + name: n for name, n in record.reward_pairs_left_out.items()}
        for model, found in record.reward_accuracy.items():
            shares[front + model] = {front + name: value for name, value in found.items()}
    return shares, pairs, left


def ranked_interval(share: float | None, n: int | None) -> tuple[float | None, float | None]:
    """95 % interval of a share of n pairs that are ranked rightly, each an observation of its own; none below five pairs, or
    where their number is not known."""
    if share is None or not n:
        return None, None
    right = np.clip(round(share * n, 6) - np.arange(n), 0.0, 1.0)
    data = Sample(("right", "n"), np.stack([right, np.ones(n)], axis=1), np.arange(n))
    formula = ratio("accuracy", ["right"], ["n"])
    return limits(formula, [data], linearise(formula, data))


def reward_fields(records: Sequence[RunRecord], labels: Sequence[str] | None, published: Sequence[str]) -> dict[str, Any]:
    """The fields of a comparison that are about reward models; table 7 only beside models of one's own."""
    shares, pairs, left = reward_accuracy(records, labels)
    beside = published_rewards(published) if shares else ()
    checks = rater_checks(records, labels)
    made = {"reward_accuracy": shares, "reward_pairs": pairs, "rater_checks": checks, "published_rewards": beside}
    made |= {"reward_notes": reward_notes(records, labels)}
    return made | {"reward_pairs_left_out": left, "reward_costs": reward_model_costs(records, labels)}


def reward_notes(records: Sequence[RunRecord], labels: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    """Reward model -> notes on its training; of several runs with their label (else their id) in front."""
    several = len({record.run_id for record in records}) > 1
    found: dict[str, tuple[str, ...]] = {}
    for i, record in reversed(list(enumerate(records))):  # the first record of a run names it, as in `reward_accuracy`
        front = f"{labels[i] if labels is not None else record.run_id}: " if several else ""
        of_run = {front + name: tuple(notes) for name, notes in record.reward_notes.items() if notes}
        found = {**of_run, **{k: v for k, v in found.items() if k not in of_run}}
    return found


def rater_checks(records: Sequence[RunRecord], labels: Sequence[str] | None) -> dict[str, str]:
    """Who rated answers in training -> how it agrees with people; of several runs with their label (else their id) in front."""
    several = len({record.run_id for record in records}) > 1
    found: dict[str, str] = {}
    for i, record in enumerate(records):
        front = f"{labels[i] if labels is not None else record.run_id}: " if several else ""
        found |= {front + who: words for who, words in record.rater_checks.items()}
    return found
