"""CHAIR corrected with human marks in a sample of captions: objects that its word list missed, and false alarms.

The detector's counts stand for all captions; the marks of those that people read correct them. Each caption's invented
and named objects are the detector's, less its false alarms, plus what it missed; the correction of the marked captions is
extrapolated to all (a ratio of two difference estimators), and the interval resamples images, marked and unmarked ones apart.
The marked captions must have been drawn at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.core.evaluation import Score
from harness.core.stats import Floats, interval, resample
from harness.labels.cases import Vote
from harness.labels.estimates.prediction_powered import FEWEST
from harness.labels.estimates.proportions import Share, drawn
from harness.labels.log_odds import Booleans


@dataclass(frozen=True, slots=True)
class CorrectedChair:
    """One checkpoint on one benchmark. `found`: the detector's recall of hallucinations; `rightly`: its precision."""

    benchmark: str
    column: str
    marked: int
    captions: int
    plain: float | None  # CHAIRi as scored
    value: float | None  # corrected
    low: float | None
    high: float | None
    found: Share
    rightly: Share


def corrected_chair(
    benchmark: str, column: str, scores: Sequence[Score], answers: Mapping[str, str], marks: Sequence[Vote]
) -> CorrectedChair | None:
    """From the marks that were made in these very captions; None where there are none, or no score counts mentions.

    `scores` have the addends "mentions" and "invented"; `answers`: item id -> caption.
    """
    by_item = {vote.item_id: vote for vote in marks if vote.benchmark == benchmark and answers.get(vote.item_id) == vote.answer}
    kept = [score for score in scores if "mentions" in score.values]
    read = np.array([score.item_id in by_item for score in kept], dtype=bool)
    if not read.any():
        return None
    mentions, invented = (np.array([s.values.get(name, 0.0) for s in kept]) for name in ("mentions", "invented"))
    missed, alarms = (
        np.array([_count(by_item.get(s.item_id), kind) for s in kept], dtype=np.float64) for kind in ("missed", "false alarm")
    )
    more = np.column_stack([missed - alarms, missed])  # to the invented, to all that is named
    counts = np.column_stack([invented, mentions])
    low, high = _interval(counts, more, read)
    true = int((invented - alarms + missed)[read].sum())
    caught = int((invented - alarms)[read].sum())
    return CorrectedChair(
        benchmark=benchmark,
        column=column,
        marked=int(read.sum()),
        captions=len(kept),
        plain=_ratio(counts.sum(axis=0)),
        value=_ratio(counts.sum(axis=0) + len(kept) * more[read].mean(axis=0)),
        low=low,
        high=high,
        found=drawn(caught, true),
        rightly=drawn(caught, int(invented[read].sum())),
    )


def _count(vote: Vote | None, kind: str) -> int:
    return sum(span.kind == kind for span in vote.spans) if vote is not None else 0


def _ratio(sums: Floats) -> float | None:
    return float(np.clip(sums[0] / sums[1], 0.0, 1.0)) if sums[1] > 0 else None


def _interval(counts: Floats, more: Floats, read: Booleans) -> tuple[float | None, float | None]:
    n, marked = len(counts), int(read.sum())
    if marked < FEWEST:
        return None, None
    own = resample(np.hstack([counts, more])[read], seed=1)
    rest = resample(counts[~read], seed=2)
    sums = own[:, :2] + rest + n / marked * own[:, 2:]
    known = sums[sums[:, 1] > 0]
    ratios = np.clip(known[:, 0] / known[:, 1], 0.0, 1.0)
    return interval(ratios, marked) if len(ratios) else (None, None)
